/** "Run as experiment" on a notebook's toolbar: hands its folder in and opens the form. */

import { ILabShell, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { ITranslator } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

const COMMAND = 'cohort-lab:run-as-experiment';

/** What is used of a notebook's document. */
interface IDocument {
  path: string;
  save(): Promise<void>;
}

function documentOf(widget: Widget | null): IDocument | undefined {
  const context = (widget as { context?: IDocument } | null)?.context;
  return context?.path.endsWith('.ipynb') ? context : undefined;
}

/** Hands the notebook's folder in as it is now; the address of the form for it. */
async function handIn(path: string, settings: ServerConnection.ISettings): Promise<string> {
  const url = URLExt.join(settings.baseUrl, 'cohort', 'experiment');
  const init = { method: 'POST', body: JSON.stringify({ path }) };
  const response = await ServerConnection.makeRequest(url, init, settings);
  const answer = (await response.json()) as { url?: string; message?: string };
  if (!response.ok || !answer.url) {
    throw new Error(answer.message);
  }
  return answer.url;
}

export const experimentPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cohort-lab:experiment',
  description: 'Makes a run of a notebook: hands its folder in and opens the form.',
  autoStart: true,
  requires: [ILabShell, ITranslator],
  activate: (app: JupyterFrontEnd, shell: ILabShell, translator: ITranslator) => {
    const trans = translator.load('cohort_lab');
    const current = () => documentOf(shell.currentWidget);
    app.commands.addCommand(COMMAND, {
      label: trans.__('Run as experiment'),
      caption: trans.__('Run this notebook with other parameters, on a GPU, later, or many times'),
      isEnabled: () => current() !== undefined,
      execute: async () => {
        const document = current();
        if (!document) {
          return;
        }
        // Now, while the click counts: browsers keep a page from opening windows later.
        const tab = window.open('about:blank', '_blank');
        try {
          await document.save();
          const url = await handIn(document.path, app.serviceManager.serverSettings);
          if (tab) {
            tab.location.href = url;
          } else {
            window.location.href = url;
          }
        } catch (error) {
          tab?.close();
          const why = error instanceof Error && error.message ? error.message : '';
          Notification.error(why || trans.__('The notebook could not be handed in. Try again.'), {
            autoClose: false
          });
        }
      }
    });
    shell.currentChanged.connect(() => app.commands.notifyCommandChanged(COMMAND));
  }
};
