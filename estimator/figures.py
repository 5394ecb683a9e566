"""Figures that show themselves in a notebook, whatever draws there."""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure of so many inches.

    Not pyplot's: that would keep the figure, and choose a screen to draw on. Notebooks only know
    how to show those, so this one says it itself.
    """
    from matplotlib.figure import Figure

    class Picture(Figure):
        def _repr_png_(self) -> bytes:
            content = io.BytesIO()
            self.savefig(content, format="png", dpi=100)
            return content.getvalue()

    return Picture(figsize=(width, height), layout="constrained")
