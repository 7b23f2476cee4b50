/** Cohort inside JupyterLab: one plugin a topic, all fed by the poller of `status.ts`. */

import { assignmentsPlugin } from './assignments';
import { experimentPlugin } from './experiment';
import { formgraderPlugin } from './formgrader';
import { gonePlugin } from './gone';
import { gpuPlugin } from './gpu';
import { idlePlugin } from './idle';
import { memoryPlugin, outOfMemoryPlugin } from './memory';
import { statusPlugin } from './status';
import { teamPlugin } from './team';

export { IStatusPoller } from './status';

export default [
  statusPlugin,
  gonePlugin,
  idlePlugin,
  gpuPlugin,
  memoryPlugin,
  outOfMemoryPlugin,
  teamPlugin,
  experimentPlugin,
  formgraderPlugin,
  assignmentsPlugin
];
