/** The GPUs of this server in the status bar; nothing where there is none. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, TranslationBundle } from '@jupyterlab/translation';

import { TextItem } from './item';
import { IGpu, IStatusPoller } from './status';

/** More devices than this are added up: the tooltip has each. */
const IN_FULL = 2;
const GIB = 2 ** 30;

function sum(values: (number | null)[]): number | null {
  return values.some(v => v === null) ? null : values.reduce((a, b) => a! + b!, 0);
}

function gib(bytes: number): string {
  const value = bytes / GIB;
  return value < 10 && value > 0 ? value.toFixed(1) : value.toFixed(0);
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

export const gpuPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cohort-lab:gpu',
  description: "Shows this server's GPUs in the status bar.",
  autoStart: true,
  requires: [IStatusPoller, IStatusBar, ITranslator],
  activate: (
    _app: JupyterFrontEnd,
    poller: IStatusPoller,
    statusBar: IStatusBar,
    translator: ITranslator
  ) => {
    const trans = translator.load('cohort_lab');
    const item = new TextItem(statusBar, gpuPlugin.id, { align: 'left', rank: 3, priority: 1 });
    poller.changed.connect(() => {
      const gpus = poller.status?.gpus ?? [];
      item.set(gpuText(gpus, trans), gpuTooltip(gpus));
    });
  }
};
