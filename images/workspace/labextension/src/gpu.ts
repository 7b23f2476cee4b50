/** The GPUs of this server in the status bar; nothing where there is none. */

import { TranslationBundle } from '@jupyterlab/translation';

import { gib, statusItem } from './item';
import { IGpu } from './status';

/** More devices than this are added up: the tooltip has each. */
const IN_FULL = 2;

function sum(values: (number | null)[]): number | null {
  return values.some(v => v === null) ? null : values.reduce((a, b) => a! + b!, 0);
}

/** Such as "3.2/80 GiB, 45%"; an empty string where the device tells nothing. */
function load(used: number | null, total: number | null, utilisation: number | null): string {
  const parts: string[] = [];
  if (used !== null && total !== null) {
    parts.push(`${gib(used)}/${gib(total)} GiB`);
  }
  if (utilisation !== null) {
    parts.push(`${Math.round(utilisation * 100)}%`);
  }
  return parts.join(', ');
}

function line(name: string, details: string): string {
  return details ? `${name}: ${details}` : name;
}

export function gpuText(gpus: IGpu[], trans: TranslationBundle): string {
  if (gpus.length <= IN_FULL) {
    return gpus
      .map(g => line(g.label, load(g.memory_used, g.memory_total, g.utilisation)))
      .join(' · ');
  }
  const busy = sum(gpus.map(g => g.utilisation));
  const details = load(
    sum(gpus.map(g => g.memory_used)),
    sum(gpus.map(g => g.memory_total)),
    busy === null ? null : busy / gpus.length
  );
  return line(trans.__('%1 GPUs', gpus.length), details);
}

export function gpuTooltip(gpus: IGpu[]): string {
  return gpus
    .map(g => line(`${g.label} (${g.name})`, load(g.memory_used, g.memory_total, g.utilisation)))
    .join('\n');
}

export const gpuPlugin = statusItem(
  'cohort-lab:gpu',
  "Shows this server's GPUs in the status bar.",
  { rank: 3, priority: 1 },
  ({ gpus }, trans) => [gpuText(gpus, trans), gpuTooltip(gpus)]
);
