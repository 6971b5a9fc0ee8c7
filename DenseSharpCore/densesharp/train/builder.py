"""From CT images, masks and a table of diagnoses to a data set that can be trained on.

The table (CSV) has one nodule a line:

    name, image, mask          required; paths relative to the table
    label                      which label of the mask (default: everything that is not 0)
    diagnosis                  AAH, AIS, MIA, IAC or empty
    patient                    default: the name
    subset                     fold; where it is missing, nodules are dealt by patient
    keep_slice_axis            1 for masks drawn slice by slice on thick slices
    texture                    a reader's rating, 1 ground-glass to 5 solid
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from densesharp.errors import DenseSharpError, GeometryError, ImageError, TableError
from densesharp.files import atomic_path, ensure_folder
from densesharp.geometry import Grid, cube_grid
from densesharp.masks import centroid
from densesharp.patch import WINDOW, resample, to_network_units
from densesharp.progress import Progress, silent
from densesharp.reading import read_volume
from densesharp.train.dataset import CLASS_INDEX, assign_subsets

EDGE = 80
COLUMNS = ("name", "diagnosis", "subset", "patient", "keep_slice_axis", "texture")


def build_dataset(
    table: str | Path,
    out: str | Path,
    edge: int = EDGE,
    folds: int = 5,
    seed: int = 0,
    workers: int = 1,
    progress: Progress = silent,
) -> int:
    """Cut the nodules of a table out of their CTs; those already cut out are kept.

    Args:
        table: CSV file, see above.
        out: folder of the data set.
        edge: mm along each side of the cubes.
        folds: subsets that nodules without one are dealt into, by patient, classes spread evenly.
        seed: of the dealing.
        workers: processes.
        progress: told after every nodule.

    Returns:
        How many nodules the data set has.

    Raises:
        TableError: all faults of the table and of its images in one list; info.csv is not written.
        OutputError: the folder cannot be written to.
    """
    path = Path(table)
    rows = _read_rows(path)
    folder = ensure_folder(Path(out) / "nodule")
    faults: list[str] = []
    with ProcessPoolExecutor(workers) as pool:
        task = partial(_cut, path.parent, folder, edge)
        futures = {pool.submit(task, row): row["name"] for row in rows}
        for done, future in enumerate(as_completed(futures), 1):
            fault = future.result()
            if fault:
                faults.append(f"{futures[future]}: {fault}")
            progress(done / len(rows), f"{done} of {len(rows)} nodules")
    if faults:
        lines = "\n".join(f"  - {fault}" for fault in sorted(faults))
        message = f"{len(faults)} nodule(s) of '{path}' cannot be used:\n{lines}"
        raise TableError(message)
    _write_info(Path(out) / "info.csv", rows, folds, seed)
    return len(rows)


def _read_rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        message = f"The table '{path}' cannot be read ({error})."
        raise TableError(message) from error
    missing = [name for name in ("name", "image", "mask") if not rows or name not in rows[0]]
    if missing:
        message = f"The table '{path}' has no column {', '.join(missing)}, or no lines."
        raise TableError(message)
    counts = Counter(row["name"] for row in rows)
    faults = [f"name '{name}' stands {n} times" for name, n in counts.items() if n > 1 or not name]
    faults += [
        f"{row['name']}: diagnosis '{row['diagnosis']}' is not known"
        for row in rows
        if (row.get("diagnosis") or "") not in CLASS_INDEX
    ]
    if faults:
        message = f"The table '{path}' cannot be used: " + "; ".join(faults) + "."
        raise TableError(message)
    return rows


def _cut(root: Path, folder: Path, edge: int, row: Mapping[str, str]) -> str | None:
    """Cut one nodule out; gives what is wrong with it, if anything."""
    target = folder / f"{row['name']}.npz"
    if target.exists():
        return None
    try:
        voxel, seg = _cubes(root, edge, row)
    except (DenseSharpError, ValueError) as error:
        return str(error)
    with atomic_path(target) as path, path.open("wb") as file:
        np.savez_compressed(file, voxel=voxel, seg=seg)
    return None


def _cubes(root: Path, edge: int, row: Mapping[str, str]) -> tuple[Any, Any]:
    ct = read_volume(root / row["image"])
    mask = _read_mask(root / row["mask"], ct.grid)
    label = row.get("label")
    marked = mask == int(label) if label else mask != 0
    if not marked.any():
        message = "the mask is empty"
        raise ValueError(message)
    grid = cube_grid(centroid(marked, ct.grid), edge)
    hu = resample(ct.array, ct.grid, grid, WINDOW[0])
    seg = resample(marked, ct.grid, grid, 0.0) >= 0.5
    if max(ct.grid.spacing) > 1:
        # As the original code does: closes the steps that interpolated thick slices leave.
        seg |= ndimage.binary_closing(seg, ndimage.generate_binary_structure(3, 1))
    grey = np.rint((to_network_units(hu) + 1) * 128).astype(np.uint8)
    return grey, seg.astype(np.uint8)


def _read_mask(path: Path, grid: Grid) -> NDArray[Any]:
    """A label map (k, j, i) that lies on the CT's grid."""
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        message = f"the mask '{path.name}' cannot be read"
        raise ImageError(message) from error
    if image.GetDimension() == 3:
        direction = np.array(image.GetDirection()).reshape(3, 3)
        own = Grid(image.GetSize(), image.GetOrigin(), image.GetSpacing(), direction)
        if own.same_as(grid):
            return np.asarray(sitk.GetArrayFromImage(image))
    message = f"the mask '{path.name}' does not lie on the CT's grid"
    raise GeometryError(message)


def _write_info(path: Path, rows: Sequence[dict[str, str]], folds: int, seed: int) -> None:
    patients = [row.get("patient") or row["name"] for row in rows]
    strata = [row.get("diagnosis") or "" for row in rows]
    dealt = assign_subsets(patients, strata, folds, seed)
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for row, patient, subset in zip(rows, patients, dealt, strict=True):
            values = {column: row.get(column) or "" for column in COLUMNS}
            writer.writerow(
                values | {"patient": patient, "subset": values["subset"] or str(subset)}
            )
