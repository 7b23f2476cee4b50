/** The notice before an idle server is stopped: one notification, whose minutes count down. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { ITranslator, TranslationBundle } from '@jupyterlab/translation';

import { IStatusPoller, secondsLeft } from './status';

class IdleNotice {
  constructor(
    private readonly _poller: IStatusPoller,
    private readonly _trans: TranslationBundle
  ) {
    _poller.changed.connect(() => this._update());
  }

  private _update(): void {
    const { reach, status } = this._poller;
    if (reach === 'ok') {
      const left = status ? secondsLeft(status) : null;
      if (left === null) {
        this._clear();
      } else {
        this._show(Math.max(1, Math.ceil(left / 60)));
      }
    } else {
      // The server is gone: the dialog of `gone.ts` says so, once.
      this._clear();
    }
  }

  private _show(minutes: number): void {
    if (this._minutes === minutes) {
      return;
    }
    const first = this._minutes === null;
    this._minutes = minutes;
    const message = this._trans._n(
      'This server stops in %1 minute because nothing is running in it.',
      'This server stops in %1 minutes because nothing is running in it.',
      minutes
    );
    if (first) {
      this._id = Notification.warning(message, {
        autoClose: false,
        actions: [
          {
            label: this._trans.__('Keep it running'),
            displayType: 'accent',
            callback: () => void this._keep()
          }
        ]
      });
    } else {
      // An update brings a hidden toast back. Who hid it wants quiet, but for the last minute;
      // the list behind the bell is up to date either way.
      const hidden = document.getElementById(this._id) === null;
      const autoClose = hidden && minutes > 1 ? 0 : false;
      Notification.update({ id: this._id, message, autoClose });
    }
  }

  private _clear(): void {
    if (this._minutes !== null) {
      Notification.dismiss(this._id);
      this._minutes = null;
    }
  }

  private async _keep(): Promise<void> {
    try {
      await this._poller.keep();
    } catch {
      this._clear();
      Notification.error(
        this._trans.__('The server could not be kept running. Run a cell, or try again.'),
        { autoClose: 10_000 }
      );
      await this._poller.refresh();
    }
  }

  private _id = '';
  /** The minutes last shown; null while no warning is due. */
  private _minutes: number | null = null;
}

export const idlePlugin: JupyterFrontEndPlugin<void> = {
  id: 'cohort-lab:idle',
  description: 'Warns before an idle server is stopped, and keeps it running on request.',
  autoStart: true,
  requires: [IStatusPoller, ITranslator],
  activate: (_app: JupyterFrontEnd, poller: IStatusPoller, translator: ITranslator) => {
    new IdleNotice(poller, translator.load('cohort_lab'));
  }
};
