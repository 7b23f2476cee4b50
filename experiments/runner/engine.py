"""papermill's engine for runs: ``papermill_engines.register("cohort", CohortEngine)``.

Invariant: a cell is labelled completed only if the kernel has said that it is; papermill's own
manager labels those that never ran as well.
"""

from __future__ import annotations

from nbformat import NotebookNode
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines

from experiments.runner.cells import Cells
from experiments.runner.notebook import NotebookFile
from experiments.runner.outputs import Outputs

NAME = "cohort"


class Manager(NotebookExecutionManager):
    """papermill's record of a notebook's progress, saved atomically and not too often."""

    def __init__(self, nb: NotebookNode, file: NotebookFile, outputs: Outputs) -> None:
        super().__init__(nb, progress_bar=False)
        self._file, self._outputs = file, outputs

    def save(self, **_kwargs) -> None:
        """Save the notebook unless it was saved a moment ago."""
        self._file.offer(self.nb)

    def tick(self) -> None:
        """Save what a cell has put out so far, if it is time."""
        if self._outputs.changed and self._file.offer(self.nb):
            self._outputs.changed = False

    def notebook_complete(self, **_kwargs) -> None:
        """Note when the notebook ended."""
        self.end_time = self.now()
        self.nb.metadata.papermill["end_time"] = self.end_time.isoformat()
        self.nb.metadata.papermill["duration"] = (self.end_time - self.start_time).total_seconds()


class CohortEngine(Engine):
    """Runs a notebook's cells in a kernel that is starting already."""

    @classmethod
    def execute_notebook(
        cls,
        nb: NotebookNode,
        kernel_name: str,
        *,
        file: NotebookFile,
        outputs: Outputs,
        cells: Cells,
        **kwargs,
    ) -> NotebookNode:
        """Run the notebook; raises RunEnded if it ends before its last cell."""
        manager = Manager(nb, file, outputs)
        manager.notebook_start()
        try:
            cls.execute_managed_notebook(manager, kernel_name, cells=cells, **kwargs)
        finally:
            manager.notebook_complete()
        return nb

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Manager, kernel_name: str, *, cells: Cells, **_kwargs
    ) -> None:
        """Run the cells one after another."""
        cells.run(nb_man)


papermill_engines.register(NAME, CohortEngine)
