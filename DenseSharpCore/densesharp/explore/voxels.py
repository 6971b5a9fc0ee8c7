"""Pictures of a cube of voxels and its mask: slices, montage, histogram, animation.

Arrays are (k, j, i). In cubes of a data set these axes are superior, posterior and left, so that
slices along the first are axial as a radiologist sees them. Figures belong to no window: a notebook
shows them, `figure.savefig(path)` writes them.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from densesharp.files import atomic_path
from densesharp.nodule.patch import WINDOW
from densesharp.report.planes import LUNG_WINDOW

GREY_WINDOW = (0.0, 255.0)
"""Black and white of uint8 cubes, which are the window -1024..400 HU already."""

COLOUR = "#ff5a36"
BACKGROUND = "#4c78a8"

Voxels = NDArray[np.generic]
Mask = NDArray[np.generic]


def show_slice(
    axes: Axes,
    voxels: Voxels,
    index: int,
    mask: Mask | None = None,
    *,
    axis: int = 0,
    overlay: float = 0.25,
    contour: bool = True,
) -> None:
    """Draw one slice into a matplotlib axes.

    Args:
        axes: where.
        voxels: (k, j, i) grey values (uint8) or HU.
        index: which slice.
        mask: (k, j, i) bool, or a probability whose contour is at one half.
        axis: across the slices.
        overlay: opacity of the mask, 0 leaves it out.
        contour: draw its outline.
    """
    _check(voxels, mask)
    black, white = _window(voxels)
    picture = voxels.take(index, axis).astype(np.float32)
    axes.imshow(picture, cmap="gray", vmin=black, vmax=white, interpolation="nearest")
    axes.set_axis_off()
    if mask is None:
        return
    inside = np.asarray(mask.take(index, axis), dtype=np.float32)
    if overlay:
        axes.imshow(_tinted(inside, overlay), interpolation="nearest")
    if contour and inside.max() > 0.5:
        axes.contour(inside, levels=[0.5], colors=[COLOUR], linewidths=1.0)


def stack(
    voxels: Voxels,
    mask: Mask | None = None,
    *,
    axis: int = 0,
    first: int = 0,
    last: int | None = None,
    every: int = 1,
    columns: int = 6,
    inches: float = 1.7,
    overlay: float = 0.25,
    contour: bool = True,
) -> Figure:
    """Draw slices side by side, each with its number.

    Args:
        voxels: (k, j, i) grey values (uint8) or HU.
        mask: see `show_slice`.
        axis: across the slices.
        first: first slice.
        last: slice to end before; default the end.
        every: step.
        columns: pictures in a row.
        inches: width of a picture.
        overlay: see `show_slice`.
        contour: see `show_slice`.
    """
    _check(voxels, mask)
    numbers = list(range(voxels.shape[axis]))[first:last:every]
    if not numbers:
        raise ValueError(f"There are no slices from {first} to {last} in {voxels.shape[axis]}.")
    columns = min(columns, len(numbers))
    rows = math.ceil(len(numbers) / columns)
    figure = Figure(figsize=(columns * inches, rows * (inches + 0.2)), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(numbers) :]:
        axes.set_axis_off()
    for axes, number in zip(grid, numbers, strict=False):
        show_slice(axes, voxels, number, mask, axis=axis, overlay=overlay, contour=contour)
        axes.set_title(f"{'kji'[axis]} = {number}", fontsize=8, pad=2)
    return figure


def montage(
    voxels: Voxels,
    mask: Mask | None = None,
    *,
    axis: int = 0,
    inches: float = 8.0,
    overlay: float = 0.25,
) -> Figure:
    """Draw all slices as one picture without gaps, row by row, as the original's first plot.

    Args:
        voxels: (k, j, i) HU, or uint8 grey values of the window -1024..400 HU.
        mask: (k, j, i) of the nodule.
        axis: of the slices: 0 axial, 1 coronal, 2 sagittal.
        inches: width of the picture.
        overlay: opacity of the mask, 0 to 1.

    Returns:
        The figure.
    """
    _check(voxels, mask)
    black, white = _window(voxels)
    figure = Figure(figsize=(inches, inches), layout="constrained")
    axes = figure.subplots()
    axes.imshow(tiled(voxels, axis), cmap="gray", vmin=black, vmax=white, interpolation="nearest")
    if mask is not None:
        axes.imshow(_tinted(tiled(mask, axis), overlay), interpolation="nearest")
    axes.set_axis_off()
    return figure


def tiled(array: NDArray[np.generic], axis: int = 0) -> NDArray[np.float32]:
    """All slices across an axis in one (rows, columns) picture; what is left over is zero."""
    slices = np.moveaxis(np.asarray(array, dtype=np.float32), axis, 0)
    count, height, width = slices.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    full = np.zeros((rows * columns, height, width), dtype=np.float32)
    full[:count] = slices
    parts = full.reshape(rows, columns, height, width).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(parts.reshape(rows * height, columns * width))


def histogram(voxels: Voxels, mask: Mask | None = None, *, bins: int = 50) -> Figure:
    """Draw how often each HU comes, with a mask also inside it (shares of all voxels there).

    Args:
        voxels: (k, j, i) HU, or uint8 grey values of the window -1024..400 HU, which become HU.
        mask: (k, j, i) of the nodule.
        bins: bars between the lowest and the highest value.
    """
    _check(voxels, mask)
    if voxels.dtype == np.uint8:
        low, high = WINDOW
        voxels = low + voxels.astype(np.float32) * ((high - low) / 255)
    figure = Figure(figsize=(5.5, 3.2), layout="constrained")
    axes = figure.subplots()
    edges = np.histogram_bin_edges(voxels.astype(np.float64), bins)
    groups = [("all voxels", voxels.ravel(), BACKGROUND)]
    if mask is not None:
        inside = mask.astype(np.float32) > 0.5
        groups = [("outside", voxels[~inside], BACKGROUND), ("in the mask", voxels[inside], COLOUR)]
    for label, values, colour in groups:
        if values.size:
            weights = np.full(values.size, 1 / values.size)
            axes.hist(
                values, list(edges), weights=weights, color=colour, alpha=0.6,
                label=f"{label} (mean {values.mean():.0f})",
            )  # fmt: skip
    axes.set(xlabel="HU", ylabel="share of voxels")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def animate(
    voxels: Voxels,
    mask: Mask | None = None,
    *,
    axis: int = 0,
    interval_ms: int = 120,
    overlay: float = 0.25,
) -> FuncAnimation:
    """Run through the slices. In a notebook: `HTML(animate(...).to_jshtml())`.

    Args:
        voxels: (k, j, i) HU, or uint8 grey values of the window -1024..400 HU.
        mask: (k, j, i) of the nodule.
        axis: of the slices: 0 axial, 1 coronal, 2 sagittal.
        interval_ms: time per slice.
        overlay: opacity of the mask, 0 to 1.

    Returns:
        The animation; keep it as long as it is shown.
    """
    _check(voxels, mask)
    figure = Figure(figsize=(3.6, 3.8), layout="constrained")
    axes = figure.subplots()
    black, white = _window(voxels)
    slices = np.moveaxis(voxels, axis, 0).astype(np.float32)
    layers = [axes.imshow(slices[0], cmap="gray", vmin=black, vmax=white, interpolation="nearest")]
    inside = None
    if mask is not None:
        inside = np.moveaxis(mask, axis, 0).astype(np.float32)
        layers.append(axes.imshow(_tinted(inside[0], overlay), interpolation="nearest"))
    axes.set_axis_off()

    def update(number: int) -> Sequence[Any]:
        layers[0].set_data(slices[number])
        if inside is not None:
            layers[1].set_data(_tinted(inside[number], overlay))
        axes.set_title(f"{'kji'[axis]} = {number}", fontsize=9)
        return layers

    return FuncAnimation(figure, update, frames=len(slices), interval=interval_ms)


def write_gif(animation: FuncAnimation, target: str | Path, frames_per_s: int = 8) -> None:
    """Write an animation as GIF, atomically.

    Args:
        animation: what `animate` made.
        target: the file.
        frames_per_s: slices a second.

    Raises:
        OutputError: it cannot be written.
    """
    with atomic_path(target) as path:
        animation.save(path, writer=PillowWriter(fps=frames_per_s), dpi=80)


def _check(voxels: Voxels, mask: Mask | None) -> None:
    if voxels.ndim != 3:
        raise ValueError(f"Voxels (k, j, i) are needed, not an array of shape {voxels.shape}.")
    if mask is not None and mask.shape != voxels.shape:
        raise ValueError(f"The mask {mask.shape} does not fit the voxels {voxels.shape}.")


def _window(voxels: Voxels) -> tuple[float, float]:
    return GREY_WINDOW if voxels.dtype == np.uint8 else LUNG_WINDOW


def _tinted(inside: NDArray[np.float32], opacity: float) -> NDArray[np.float32]:
    """The mask as RGBA (rows, columns, 4)."""
    red, green, blue = (int(COLOUR[n : n + 2], 16) / 255 for n in (1, 3, 5))
    picture = np.empty((*inside.shape, 4), dtype=np.float32)
    picture[..., :3] = red, green, blue
    picture[..., 3] = np.clip(inside, 0, 1) * opacity
    return picture
