/** A line of text in the status bar, hidden while it is empty. */

import { IStatusBar } from '@jupyterlab/statusbar';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';

export class TextItem {
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

  /** An empty text hides the item. */
  set(text: string, tooltip: string): void {
    this._span.title = tooltip;
    if (this._span.textContent !== text) {
      this._span.textContent = text;
      this._changed.emit();
    }
  }

  private readonly _span = document.createElement('span');
  private readonly _changed = new Signal<this, void>(this);
}
