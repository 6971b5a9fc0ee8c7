"""A simulated data set on disk, in the format of the original code.

    DATASET/info.csv            name, diagnosis, subset, and here also patient
    DATASET/nodule/NAME.npz     voxel, seg: uint8 cubes at 1 mm, axes superior, posterior, left
    DATASET/truth.csv           what each nodule was made from and its exact measurements

`voxel` holds grey values of the window -1024..400 HU, as the paper preprocesses CT. Every nodule
is its own patient, unless its lung was cut from a real CT: that is its patient then. Nodule n of a
data set depends on the seed and n only, so a data set can be made in several runs and grown later.
"""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densesharp.csv_files import write_csv
from densesharp.errors import DenseSharpError
from densesharp.files import atomic_path, ensure_folder
from densesharp.nodule.patch import WINDOW
from densesharp.parallel import run_tasks
from densesharp.progress import Progress, silent
from densesharp.simulate.case import EDGE, SimulatedCase, simulate
from densesharp.simulate.latents import UNLABELLED, posterior
from densesharp.simulate.real_lung import Lungs
from densesharp.simulate.shapes import read_shapes
from densesharp.words import counted

SUBSETS = 5

BALANCED = ("AIS", "MIA", "IAC", "AIS", "MIA", "IAC", "AAH", "MIA", "IAC")
"""Diagnoses in turn so that the three classes come equally often."""

CLASS_OF = {"AAH": 0, "AIS": 0, "MIA": 1, "IAC": 2}


@dataclass(frozen=True)
class Recipe:
    """What to put into a data set.

    Attributes:
        seed: seed of the whole data set.
        diagnoses: diagnoses in turn; None stands for one drawn with the paper's shares.
        edge: voxels of 1 mm along each side of a cube.
        outline_mm: how far outside the true outline the mask is drawn; 0 is exact. Readers of
            LIDC-IDRI drew along the first pixel outside, about 0.5 mm.
        lungs: CTs (files, or folders of DICOM) whose lungs are taken in turn; empty simulates them.
        shapes: file or folder of masks whose shapes are taken in turn; empty makes shapes up.
    """

    seed: int
    diagnoses: Sequence[str | None] = (None,)
    edge: int = EDGE
    outline_mm: float = 0.0
    lungs: tuple[str, ...] = ()
    shapes: str = ""


def grey(hu: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Window -1024..400 HU to 0..255, rounded, as the original code does."""
    low, high = WINDOW
    scaled: NDArray[np.uint8] = np.round(np.clip((hu - low) / (high - low), 0, 1) * 255).astype(
        np.uint8
    )
    return scaled


def make_case(recipe: Recipe, number: int) -> SimulatedCase:
    """Simulate nodule `number` of a data set.

    Returns:
        The nodule, the same for the same recipe and number.
    """
    diagnosis = recipe.diagnoses[number % len(recipe.diagnoses)]
    lungs = Lungs(recipe.lungs, number) if recipe.lungs else None
    shapes = read_shapes(recipe.shapes) if recipe.shapes else (None,)
    shape = shapes[number % len(shapes)]
    return simulate([recipe.seed, number], diagnosis, recipe.edge, lung=lungs, shape=shape)


def subset_of(diagnoses: Sequence[str | None], number: int) -> int:
    """The subset of nodule `number`: those of one class are dealt in turn, each class from another.

    So every subset gets its share of every class, in small sets too, and a set that grows keeps the
    subsets it had.
    """
    classes = [CLASS_OF.get(one or "", 0) for one in diagnoses]
    turn, place = divmod(number, len(classes))
    own = classes[place]
    rank = turn * classes.count(own) + classes[:place].count(own)
    return (rank + 2 * own) % SUBSETS


def write_dataset(
    folder: str | Path, count: int, recipe: Recipe, workers: int = 1, progress: Progress = silent
) -> None:
    """Write a data set of `count` nodules; those already made with the same recipe are kept.

    Args:
        folder: of the data set.
        count: nodules.
        recipe: what to make.
        workers: processes.
        progress: told after every nodule; may cancel.

    Raises:
        DenseSharpError: nodules could not be made; all faults in one list.
        OutputError: the folder cannot be written to.
    """
    root = ensure_folder(folder)
    nodules = ensure_folder(root / "nodule")
    task = partial(_write_case, nodules, recipe)
    rows, faults = run_tasks(task, range(count), workers, progress)
    if faults:
        numbers: dict[str, list[int]] = {}
        for number in sorted(faults):
            numbers.setdefault(str(faults[number]), []).append(number)
        lines = "\n".join(
            f"  - nodule {of[0]}{f' and {len(of) - 1} more' if of[1:] else ''}: {fault}"
            for fault, of in numbers.items()
        )
        lost = counted(len(faults), "nodule")
        raise DenseSharpError(f"{lost} could not be made; the tables are not written:\n{lines}")
    ordered = [rows[number] for number in range(count)]
    _write_table(root / "truth.csv", ordered)
    keys = ("name", "diagnosis", "subset", "patient")
    _write_table(root / "info.csv", [{key: row[key] for key in keys} for row in ordered])


def _write_case(folder: Path, recipe: Recipe, number: int) -> dict[str, Any]:
    """Make a nodule, unless it is there; gives its line of truth.csv."""
    name = f"sim{recipe.seed}-{number:05d}"
    target = folder / f"{name}.npz"
    # As JSON gives it back, so that a nodule read from its file is described as a new one.
    made_with = json.loads(json.dumps(asdict(recipe)))
    made_with["lungs"] = [Path(lung).name for lung in recipe.lungs]
    # Sets from before shapes could be given stay as they are.
    made_with["shapes"] = Path(recipe.shapes).name
    if not recipe.shapes:
        del made_with["shapes"]
    if (before := _truth_of(target, made_with)) is not None:
        return before
    case = make_case(recipe, number)
    seg = case.distance > -recipe.outline_mm if recipe.outline_mm else case.mask
    # Nodules in the lung of one CT are of one patient, and stand in one subset.
    names = made_with["lungs"]
    subset = names.index(case.lung) % SUBSETS if names else subset_of(recipe.diagnoses, number)
    row = {
        "name": name,
        "diagnosis": case.latents.diagnosis,
        "subset": subset,
        "patient": case.lung or name,
        **{key: value for key, value in asdict(case.latents).items() if key != "diagnosis"},
        **{f"scanner_{key}": value for key, value in asdict(case.scanner).items()},
        **_measured(case),
    }
    if case.place:
        row["lung"] = case.lung
        row["lps_x"], row["lps_y"], row["lps_z"] = case.place
    truth = np.array(json.dumps({"recipe": made_with, "row": row}))
    with atomic_path(target) as path, path.open("wb") as file:
        np.savez_compressed(file, voxel=grey(case.hu), seg=seg.astype(np.uint8), truth=truth)
    return row


def _truth_of(target: Path, made_with: dict[str, Any]) -> dict[str, Any] | None:
    """The line of truth.csv of a nodule that was made before with the same recipe."""
    try:
        with target.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            truth: dict[str, Any] = json.loads(str(arrays["truth"]))
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    row: dict[str, Any] = truth["row"]
    return row if truth["recipe"] == made_with else None


def _measured(case: SimulatedCase) -> dict[str, Any]:
    values: dict[str, Any] = {
        "volume_mm3": case.volume_mm3,
        "solid_volume_mm3": float(case.solid.sum()),
        "mean_hu": case.mean_hu,
    }
    if case.latents.diagnosis != UNLABELLED:
        ideal = posterior(case.latents).tolist()
        values |= {f"ideal_{n}": p for n, p in zip(("AAH-AIS", "MIA", "IAC"), ideal, strict=True)}
    return values


def _write_table(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    write_csv(path, names, rows)
