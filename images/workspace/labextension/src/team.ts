/** The team and who has its workspace open, in the status bar of team workspaces. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator } from '@jupyterlab/translation';

import { TextItem } from './item';
import { IStatus, IStatusPoller } from './status';

/** Names beyond this are counted: the tooltip has them all. */
const NAMES = 3;

/** Such as "apollo: Ada Wong, Ben Chan"; an empty string outside team workspaces. */
export function teamText({ kind, team, who }: IStatus): string {
  if (kind !== 'team' || !team) {
    return '';
  }
  const names = who.slice(0, NAMES).map(person => person.name || person.login);
  const more = who.length > NAMES ? ` +${who.length - NAMES}` : '';
  return names.length ? `${team}: ${names.join(', ')}${more}` : team;
}

export const teamPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cohort-lab:lab',
  description: 'Shows the team and who has its workspace open in the status bar.',
  autoStart: true,
  requires: [IStatusPoller, IStatusBar, ITranslator],
  activate: (
    _app: JupyterFrontEnd,
    poller: IStatusPoller,
    statusBar: IStatusBar,
    translator: ITranslator
  ) => {
    const trans = translator.load('cohort_lab');
    const item = new TextItem(statusBar, teamPlugin.id, { align: 'left', rank: 4, priority: 0 });
    poller.changed.connect(() => {
      const { status } = poller;
      if (status) {
        const names = status.who.map(person => `${person.name} (${person.login})`);
        const heading = trans.__('Team %1, open here now:', status.team);
        item.set(teamText(status), [heading, ...names].join('\n'));
      }
    });
  }
};
