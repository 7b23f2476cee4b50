/** Lines of text in the status bar, each a plugin fed by the poller and hidden while empty. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, TranslationBundle } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';

import { IStatus, IStatusPoller } from './status';

export const GIB = 2 ** 30;

/** Such as "3.2" below ten, "80" above. */
export function gib(bytes: number): string {
  const value = bytes / GIB;
  return value < 10 && value > 0 ? value.toFixed(1) : value.toFixed(0);
}

class TextItem {
  constructor(
    statusBar: IStatusBar,
    id: string,
    place: Pick<IStatusBar.IItem, 'align' | 'rank' | 'priority'>
  ) {
    this._span.className = 'jp-StatusBar-TextItem';
    const item = new Widget();
    item.node.appendChild(this._span);
    statusBar.registerStatusItem(id, {
      ...place,
      item,
      isActive: () => this._span.textContent !== '',
      activeStateChanged: this._changed
    });
  }

  set([text, tooltip]: [string, string]): void {
    this._span.title = tooltip;
    if (this._span.textContent !== text) {
      this._span.textContent = text;
      this._changed.emit();
    }
  }

  private readonly _span = document.createElement('span');
  private readonly _changed = new Signal<this, void>(this);
}

/** A plugin that shows what `text` makes of each answer: a line and its tooltip. */
export function statusItem(
  id: string,
  description: string,
  place: Pick<IStatusBar.IItem, 'rank' | 'priority'>,
  text: (status: IStatus, trans: TranslationBundle) => [string, string]
): JupyterFrontEndPlugin<void> {
  return {
    id,
    description,
    autoStart: true,
    requires: [IStatusPoller, IStatusBar, ITranslator],
    activate: (
      _app: JupyterFrontEnd,
      poller: IStatusPoller,
      statusBar: IStatusBar,
      translator: ITranslator
    ) => {
      const trans = translator.load('cohort_lab');
      const item = new TextItem(statusBar, id, { align: 'left', ...place });
      poller.changed.connect(() => {
        if (poller.status) {
          item.set(text(poller.status, trans));
        }
      });
    }
  };
}
