/** The team and who has its workspace open, in the status bar of team workspaces. */

import { statusItem } from './item';
import { IStatus } from './status';

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

export const teamPlugin = statusItem(
  'cohort-lab:lab',
  'Shows the team and who has its workspace open in the status bar.',
  { rank: 4, priority: 0 },
  (status, trans) => {
    const names = status.who.map(person => `${person.name} (${person.login})`);
    const heading = trans.__('Team %1, open here now:', status.team);
    return [teamText(status), [heading, ...names].join('\n')];
  }
);
