"""Curves of a run: logs of a stopped run joined, validation beside training."""

from pathlib import Path

import numpy as np
import pytest

from damage import stays_calm
from densesharp.errors import TableError
from densesharp.explore.curves import draw_curves, read_curves, running_mean


@pytest.fixture
def a_run_that_was_stopped_at_step_three(tmp_path: Path) -> Path:
    logs = {
        "from_0": "epoch,loss,step,val_loss\n0,4.0,0,\n0,3.0,1,\n,,1,3.5\n0,2.0,2,\n0,9.0,3,\n",
        "from_2": "epoch,loss,step,val_loss\n0,2.5,2,\n0,1.5,3,\n,,3,1.75\n",
        "from_10": "epoch,loss,step,val_loss\n0,1.0,10,\n",
    }
    for name, text in logs.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.csv").write_text(text)
    return tmp_path


def test_what_a_later_log_says_replaces_the_earlier(
    a_run_that_was_stopped_at_step_three: Path,
) -> None:
    curves = read_curves(a_run_that_was_stopped_at_step_three)
    assert curves["loss"][0].tolist() == [0, 1, 2, 3, 10]
    assert curves["loss"][1].tolist() == [4.0, 3.0, 2.5, 1.5, 1.0]
    assert curves["val_loss"][0].tolist() == [1, 3]
    assert curves["val_loss"][1].tolist() == [3.5, 1.75]


def test_training_and_validation_are_drawn(a_run_that_was_stopped_at_step_three: Path) -> None:
    curves = read_curves(a_run_that_was_stopped_at_step_three)
    figure = draw_curves(curves, ("loss", "mask_f1"), window=2)
    (axes,) = figure.axes
    each, mean, validation = axes.lines
    assert each.get_xdata().tolist() == [1, 2, 3, 4, 11]
    assert mean.get_ydata().tolist() == [3.5, 2.75, 2.0, 1.25]
    assert validation.get_ydata().tolist() == [3.5, 1.75]


def test_the_running_mean_by_hand() -> None:
    assert running_mean(np.array([1.0, 2.0, 6.0]), 2).tolist() == [1.5, 4.0]


def test_missing_logs_and_names_are_said(
    tmp_path: Path, a_run_that_was_stopped_at_step_three: Path
) -> None:
    with pytest.raises(TableError, match="no log"):
        read_curves(tmp_path / "nothing")
    with pytest.raises(TableError, match="there are: loss, val_loss"):
        draw_curves(read_curves(a_run_that_was_stopped_at_step_three), ("speed",))


def test_a_damaged_log_is_named(a_run_that_was_stopped_at_step_three: Path) -> None:
    run = a_run_that_was_stopped_at_step_three
    path = run / "from_2" / "metrics.csv"
    (run / "from_later").mkdir()  # not one of ours
    (run / "from_later" / "metrics.csv").write_text("loss,step\n1.0,2\n")
    stays_calm(path, lambda: read_curves(run))
    path.write_text("epoch,loss,step\n0,high,2\n")
    with pytest.raises(TableError, match=r"from_2.*damaged"):
        read_curves(run)
