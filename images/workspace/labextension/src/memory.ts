/** Memory in the status bar, and the reason when the limit of memory has ended a kernel. */

import { ILabShell, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ISessionContext, Notification } from '@jupyterlab/apputils';
import { ITranslator } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { gib, statusItem } from './item';
import { IMemory, IStatusPoller } from './status';

/** Such as "1.2/4.0 GiB"; an empty string where the machine does not tell. */
export function memoryText({ used, limit }: IMemory): string {
  return used !== null && limit ? `${gib(used)}/${gib(limit)} GiB` : '';
}

export const memoryPlugin = statusItem(
  'cohort-lab:memory',
  'Shows how much of its memory this server uses.',
  { rank: 2, priority: 0 },
  ({ memory }, trans) => {
    const text = memoryText(memory);
    return [
      text && trans.__('Memory %1', text),
      trans.__('Memory of this server and all its kernels, and its limit')
    ];
  }
);

/** The kernel's session of a notebook or console; undefined for other widgets. */
function sessionOf(widget: Widget | null): ISessionContext | undefined {
  return (widget as { sessionContext?: ISessionContext } | null)?.sessionContext;
}

export const outOfMemoryPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cohort-lab:out-of-memory',
  description: 'Says so when a kernel was ended because the memory was used up.',
  autoStart: true,
  requires: [IStatusPoller, ILabShell, ITranslator],
  activate: (
    _app: JupyterFrontEnd,
    poller: IStatusPoller,
    shell: ILabShell,
    translator: ITranslator
  ) => {
    const trans = translator.load('cohort_lab');
    let known: number | null = null;
    poller.changed.connect(() => {
      const memory = poller.status?.memory;
      if (!memory || memory.kills === null) {
        return;
      }
      if (known !== null && memory.kills > known) {
        const limit = memory.limit ? `${gib(memory.limit)} GiB` : '?';
        Notification.error(
          trans.__(
            'Out of memory (%1): a kernel or program was ended. Load less at once, or start with a larger profile.',
            limit
          ),
          { autoClose: false }
        );
      }
      known = memory.kills;
    });
    // JupyterLab says at once that a kernel died: ask why now, not at the next look.
    const followed = new WeakSet<ISessionContext>();
    shell.currentChanged.connect((_, { newValue }) => {
      const session = sessionOf(newValue);
      if (session && !followed.has(session)) {
        followed.add(session);
        session.statusChanged.connect((_, status) => {
          if (status === 'autorestarting' || status === 'dead') {
            void poller.refresh();
          }
        });
      }
    });
  }
};
