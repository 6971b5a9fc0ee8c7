"""How a training run went: loss and metrics over its steps, in training and in validation."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from densesharp.csv_files import read_csv
from densesharp.errors import TableError

Curve = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Steps, and values at them."""

TRAINED, WATCHED = "#9db7d5", "#e4572e"
SMOOTHED = "#33658a"


def read_curves(run: str | Path) -> dict[str, Curve]:
    """Read what a run logged, by name; validation values are `val_...`.

    A run that was stopped and went on at step n has a log from there on, which replaces what the
    earlier ones say of steps from n on.

    Args:
        run: folder of `densesharp train --out`.

    Returns:
        Steps and values of each curve, by name.

    Raises:
        TableError: there is no log, or one is damaged.
    """
    logs = [p for p in Path(run).glob("from_*/metrics.csv") if p.parent.name[5:].isdigit()]
    logs.sort(key=_first_step)
    if not logs:
        raise TableError(f"'{run}' holds no log of a training run (from_0/metrics.csv).")
    found: dict[str, dict[int, float]] = {}
    for log in logs:
        for values in found.values():
            for step in [step for step in values if step >= _first_step(log)]:
                del values[step]
        try:
            _add(log, found)
        except (TableError, ValueError, KeyError) as error:
            message = f"The log '{log}' is damaged ({error}): remove it to see the others."
            raise TableError(message) from error
    return {
        name: (np.array(sorted(values)), np.array([values[step] for step in sorted(values)]))
        for name, values in sorted(found.items())
        if values
    }


def _add(log: Path, found: dict[str, dict[int, float]]) -> None:
    for row in read_csv(log, f"The log '{log}'").records():
        for name, text in row.items():
            if text and name not in ("step", "epoch"):
                found.setdefault(name, {})[int(row["step"])] = float(text)


def _first_step(log: Path) -> int:
    return int(log.parent.name.removeprefix("from_"))


def draw_curves(
    curves: dict[str, Curve],
    names: Sequence[str] = ("loss", "class_accuracy", "mask_f1"),
    window: int = 20,
) -> Figure:
    """Draw some values over the steps: every batch faintly, their running mean, the validation.

    Args:
        curves: from `read_curves`.
        names: what to draw, without `val_`; names that were not logged are left out.
        window: batches in the running mean.

    Raises:
        TableError: none of the names was logged.
    """
    drawn = [name for name in names if name in curves or f"val_{name}" in curves]
    if not drawn:
        raise TableError(f"None of {', '.join(names)} was logged; there are: {', '.join(curves)}.")
    figure = Figure(figsize=(3.6 * len(drawn), 3.0), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(drawn), squeeze=False)[0], drawn, strict=True):
        if name in curves:
            steps, values = curves[name]
            axes.plot(steps + 1, values, color=TRAINED, linewidth=0.8, label="each batch")
            if len(values) > window:
                mean = running_mean(values, window)
                axes.plot(steps[window - 1 :] + 1, mean, color=SMOOTHED, label=f"mean of {window}")
        if f"val_{name}" in curves:
            steps, values = curves[f"val_{name}"]
            axes.plot(steps + 1, values, "o-", color=WATCHED, markersize=3, label="validation")
        axes.set(title=name.replace("_", " "), xlabel="step")
        axes.legend(frameon=False, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def running_mean(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Means of `window` values each, (n - window + 1,)."""
    return np.asarray(np.convolve(values, np.full(window, 1 / window), mode="valid"))
