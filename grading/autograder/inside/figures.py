"""A backend of matplotlib's that draws to memory; what is open is shown when the cell ends."""

from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas  # noqa: F401


def show(*args, **kwargs) -> None:
    """What pyplot.show calls: nothing, where the canvas would warn that it cannot be shown."""
