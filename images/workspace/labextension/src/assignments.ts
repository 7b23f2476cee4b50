/** `?assignments=true` opens nbgrader's Assignment List: where the home page's link leads. */

import { IRouter, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

const COMMAND = 'cohort-lab:show-assignments';

export const assignmentsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cohort-lab:assignments',
  description: 'Opens the Assignment List for an address that asks for it.',
  autoStart: true,
  requires: [IRouter],
  activate: (app: JupyterFrontEnd, router: IRouter) => {
    app.commands.addCommand(COMMAND, {
      execute: async () => {
        // What was open comes back first, and would stand before it.
        await app.restored;
        await app.commands.execute('nbgrader:open-assignment-list');
      }
    });
    router.register({ command: COMMAND, pattern: /[?&]assignments=true/ });
  }
};
