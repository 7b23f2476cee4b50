/** Formgrader in a tab of its own: JupyterHub forbids that its servers' pages are framed. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { URLExt } from '@jupyterlab/coreutils';
import { ITranslator } from '@jupyterlab/translation';

/** nbgrader's own name for it, by which its menu, its Course List and the palette know it. */
const COMMAND = 'nbgrader:open-formgrader';

export const formgraderPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cohort-lab:formgrader',
  description: "Opens the course's formgrader; on in course servers alone.",
  autoStart: true,
  requires: [ITranslator],
  activate: (app: JupyterFrontEnd, translator: ITranslator) => {
    const trans = translator.load('cohort_lab');
    const url = URLExt.join(app.serviceManager.serverSettings.baseUrl, 'formgrader');
    app.commands.addCommand(COMMAND, {
      label: trans.__('Formgrader'),
      caption: trans.__('Assignments, submissions and marks of this course, in a new tab'),
      execute: () => void window.open(url, '_blank')
    });
  }
};
