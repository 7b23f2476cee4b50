/**
 * One dialog when the server is gone, whoever notices first: our poller or JupyterLab.
 *
 * It takes the place of the hub extension's own connection-lost dialog (switched off in
 * package.json), which would otherwise stand beside ours and offer a restart to people whose
 * access was taken away. After a mere silence it closes by itself when the server answers again.
 */

import {
  ConnectionLost,
  IConnectionLost,
  JupyterFrontEnd,
  JupyterFrontEndPlugin,
  JupyterLab
} from '@jupyterlab/application';
import { Dialog } from '@jupyterlab/apputils';
import { URLExt } from '@jupyterlab/coreutils';
import { ITranslator, TranslationBundle } from '@jupyterlab/translation';

import { IStatusPoller, Reach } from './status';

interface IWords {
  title: string;
  body: string;
}

function words(reach: Reach, wasIdle: boolean, trans: TranslationBundle): IWords {
  switch (reach) {
    case 'forbidden':
      return {
        title: trans.__('No access'),
        body: trans.__('You no longer have access to this workspace.')
      };
    case 'stale':
      return {
        title: trans.__('Reload to go on'),
        body: trans.__('Your log-in has ended, or this server was started again.')
      };
    case 'unreachable':
      return {
        title: trans.__('No answer'),
        body: trans.__(
          'The lab has not answered for a while. This message closes by itself when it does.'
        )
      };
    default:
      return {
        title: trans.__('Server stopped'),
        body: wasIdle
          ? trans.__('This server was stopped because it was idle. Your files are safe.')
          : trans.__('This server was stopped. Your files are safe.')
      };
  }
}

class GoneDialog {
  constructor(
    private readonly _poller: IStatusPoller,
    private readonly _trans: TranslationBundle,
    private readonly _home: string,
    private readonly _info: JupyterLab.IInfo | null
  ) {
    _poller.changed.connect(() => this._update());
  }

  private _update(): void {
    const { reach } = this._poller;
    if (reach === this._shown) {
      return;
    }
    this._shown = reach;
    if (this._info) {
      // Stops JupyterLab's own polling and autosaving, which would fail one by one.
      this._info.isConnected = reach === 'ok';
    }
    this._dialog?.reject();
    this._dialog = null;
    if (reach !== 'ok') {
      void this._open();
    }
  }

  private async _open(): Promise<void> {
    const dialog = new Dialog({
      ...words(this._shown, this._poller.wasIdle, this._trans),
      buttons: this._buttons()
    });
    this._dialog = dialog;
    const { button } = await dialog.launch();
    if (button.accept && this._shown === 'stale') {
      window.location.reload();
    } else if (button.accept) {
      window.location.assign(this._home);
    }
  }

  private _buttons(): Dialog.IButton[] {
    const stay = Dialog.cancelButton({ label: this._trans.__('Stay here') });
    switch (this._shown) {
      case 'unreachable':
        // There is nowhere to go, and leaving would lose what is not saved yet.
        return [stay];
      case 'stale':
        return [stay, Dialog.okButton({ label: this._trans.__('Reload') })];
      default:
        return [stay, Dialog.okButton({ label: this._trans.__('Back to the lab') })];
    }
  }

  private _dialog: Dialog<unknown> | null = null;
  private _shown: Reach = 'ok';
}

export const gonePlugin: JupyterFrontEndPlugin<IConnectionLost> = {
  id: 'cohort-lab:gone',
  description: 'Says why the server is gone, and leads back to the lab.',
  autoStart: true,
  provides: IConnectionLost,
  requires: [IStatusPoller, JupyterFrontEnd.IPaths, ITranslator],
  optional: [JupyterLab.IInfo],
  activate: (
    _app: JupyterFrontEnd,
    poller: IStatusPoller,
    paths: JupyterFrontEnd.IPaths,
    translator: ITranslator,
    info: JupyterLab.IInfo | null
  ): IConnectionLost => {
    const { hubHost, hubPrefix } = paths.urls;
    if (!hubPrefix) {
      return ConnectionLost;
    }
    const home = (hubHost ?? '') + URLExt.join(hubPrefix, 'home');
    new GoneDialog(poller, translator.load('cohort_lab'), home, info);
    return (manager, error) =>
      poller.present ? poller.refresh() : ConnectionLost(manager, error, translator);
  }
};
