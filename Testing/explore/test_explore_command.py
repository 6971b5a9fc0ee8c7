"""`densesharp explore`, and the notebook of the documentation."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from densesharp.cli import main
from densesharp.simulate.simulated_set import Recipe, write_dataset

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "docs" / "tutorial" / "explore.ipynb"


@pytest.fixture(scope="module")
def two_nodules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    write_dataset(folder, 2, Recipe(seed=6, diagnoses=("AIS", "IAC"), edge=44))
    return folder


def test_a_nodules_pictures_and_page_are_written(two_nodules: Path, tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    words = ["explore", str(two_nodules), "--out", str(tmp_path), "--name", "sim6-00001"]
    assert main([*words, "--step-size", "2"]) == 0
    names = {f"sim6-00001_{kind}.png" for kind in ("slices", "montage", "histogram")}
    names |= {"sim6-00001_slices.gif", "sim6-00001_mesh.html"}
    assert {path.name for path in tmp_path.iterdir()} == names
    for name in names:
        if name.endswith(".png"):
            with Image.open(tmp_path / name) as picture:
                assert np.asarray(picture.convert("L")).std() > 10
    assert "sim6-00001: IAC" in (tmp_path / "sim6-00001_mesh.html").read_text(encoding="utf-8")


def test_a_runs_curves_are_drawn(tmp_path: Path) -> None:
    (tmp_path / "run" / "from_0").mkdir(parents=True)
    (tmp_path / "run" / "run.json").write_text("{}")
    (tmp_path / "run" / "from_0" / "metrics.csv").write_text("loss,step\n2.0,0\n1.0,1\n")
    assert main(["explore", str(tmp_path / "run"), "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "curves.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("more", "words"),
    [(["--name", "nobody"], "has no nodule 'nobody'"), (["--step-size", "0"], "from 1 on")],
)
def test_what_is_not_there_is_said(
    two_nodules: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    words: str,
) -> None:
    assert main(["explore", str(two_nodules), "--out", str(tmp_path), *more]) == 2
    assert words in capsys.readouterr().err


def test_a_place_without_a_nodule_is_told(two_nodules: Path, tmp_path: Path, capsys) -> None:
    folder = shutil.copytree(two_nodules, tmp_path / "set")
    for path in (folder / "nodule").glob("*.npz"):
        arrays = dict(np.load(path))
        np.savez(path, **arrays | {"seg": np.zeros_like(arrays["seg"])})
    head, *rows = (folder / "info.csv").read_text().splitlines()
    (folder / "info.csv").write_text("\n".join([head + ",no_nodule", *(f"{r},1" for r in rows)]))
    for more, words in (([], "has no nodule:"), (["--name", "sim6-00001"], "no nodule 'sim6-")):
        assert main(["explore", str(folder), "--out", str(tmp_path / "out"), *more]) == 2
        assert words in capsys.readouterr().err


@pytest.mark.full
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_notebook_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient")
    pytest.importorskip("plotly")
    notebook = nbformat.read(NOTEBOOK, 4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in cells), "saved with outputs"
    # This checkout, whatever is installed; and no telemetry of any library.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "DenseSharpCore")]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    runner = client.NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    runner.execute()
    outputs = [output for cell in cells for output in cell.outputs]
    text = "".join(output.get("text", "") for output in outputs)
    for words in ("599,012", "405,171", "2,215,140", "put in:    IAC", "predicted: "):
        assert words in text
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    assert kinds.count("image/png") == 7
    assert kinds.count("application/vnd.plotly.v1+json") == 2
    assert kinds.count("text/html") == 1
