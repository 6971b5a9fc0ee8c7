"""From CT images, masks and a table of diagnoses to a data set that can be trained on.

The table (CSV) has one nodule a line:

    name, image, mask          required; paths relative to the table; masks of several readers of
                               the same nodule stand in one cell, with ; between them
    label                      which label of the mask (default: everything that is not 0)
    diagnosis                  AAH, AIS, MIA, IAC or empty
    patient                    default: the name
    subset                     fold; where it is missing, nodules are dealt by patient, and a
                               patient stays in the subset that the folder's info.csv has
    keep_slice_axis            1 for masks drawn slice by slice on thick slices
    texture                    a reader's rating, 1 ground-glass to 5 solid
    rule                       inner (default: masks end inside the outline) or outer (masks hold
                               the pixels of the outline too, which are then taken off)
    x, y, z                    RAS mm; with an empty mask: a place where there is no nodule, such as
                               a vessel or the chest wall, for the network to outline nothing at

An image of one slice, with the nodule outlined on it, is lifted to a cube (see `slice_files.py`):
such a nodule can teach outlining, though it is not a nodule as it was.
"""

import json
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densesharp.csv_files import plain_number, read_csv, write_csv
from densesharp.errors import GeometryError, TableError
from densesharp.files import atomic_path, check_folder, ensure_folder, why_no_name
from densesharp.image.grid import Grid, cube_grid
from densesharp.image.masks import centroid
from densesharp.image.sampling import resample
from densesharp.io import read_volume
from densesharp.io.image_files import is_volume_file, read_header
from densesharp.nodule.patch import WINDOW, to_network_units
from densesharp.parallel import run_tasks
from densesharp.progress import Progress, silent
from densesharp.train.dataset import CLASS_INDEX, assign_subsets, consensus, subsets_of_patients
from densesharp.train.mask_files import mask_names, read_masks
from densesharp.train.own_grid import Rule, on_cube, own_masks
from densesharp.train.slice_files import is_one_slice, lifted, read_slice
from densesharp.words import counted

EDGE = 80
KNOWN = ", ".join(name for name in CLASS_INDEX if name)
RULES: tuple[Rule, ...] = ("inner", "outer")
COLUMNS = ("name", "diagnosis", "subset", "patient", "keep_slice_axis", "texture", "no_nodule")


def build_dataset(
    table: str | Path,
    out: str | Path,
    edge: int = EDGE,
    folds: int = 5,
    seed: int = 0,
    workers: int = 1,
    progress: Progress = silent,
) -> int:
    """Cut the nodules of a table out of their CTs.

    Those already cut out are kept, unless their line of the table or their files have changed.

    Args:
        table: CSV file, see above.
        out: folder of the data set.
        edge: mm along each side of the cubes.
        folds: subsets that nodules without one are dealt into, by patient, classes spread evenly.
            Patients that the data set had before stay in their subsets.
        seed: of the dealing.
        workers: processes.
        progress: told after every nodule, first as files are checked, then as they are cut out.

    Returns:
        How many nodules the data set has.

    Raises:
        TableError: all faults of the table and of its images in one list. Nothing is written, but
            where a CT proves to be damaged only when its voxels are read: then finished cubes are
            kept, and info.csv stays as it was.
        OutputError: the folder cannot be written to.
    """
    path = Path(table)
    rows = _read_rows(path)
    before = subsets_of_patients(out)
    check_folder(out)
    folder = Path(out) / "nodule"
    check, cut = (partial(step, path.parent, folder, edge) for step in (_check, _cut))
    _, faults = run_tasks(check, rows, workers, progress, "nodules checked")
    _refuse(path, rows, faults, "nothing was cut out")
    ensure_folder(folder)
    _, faults = run_tasks(cut, rows, workers, progress)
    _refuse(path, rows, faults, f"the others lie in '{folder}', info.csv is not written")
    _write_info(Path(out) / "info.csv", rows, folds, seed, before)
    return len(rows)


def _refuse(
    path: Path, rows: Sequence[Mapping[str, str]], faults: Mapping[int, str], state: str
) -> None:
    if faults:
        lines = "\n".join(f"  - {rows[n]['name']}: {faults[n]}" for n in sorted(faults))
        message = f"{counted(len(faults), 'nodule')} of '{path}' cannot be used; {state}:\n{lines}"
        raise TableError(message)


def _read_rows(path: Path) -> list[dict[str, str]]:
    rows = read_csv(path, f"The table '{path}'").records()
    missing = [name for name in ("name", "image", "mask") if not rows or name not in rows[0]]
    if missing:
        raise TableError(f"The table '{path}' has no column {', '.join(missing)}, or no lines.")
    faults = _faults_of(rows)
    if faults:
        lines = "\n".join(f"  - {fault}" for fault in faults)
        told = counted(len(faults), "fault")
        raise TableError(f"The table '{path}' has {told}; nothing was cut out:\n{lines}")
    return rows


def _faults_of(rows: Sequence[Mapping[str, str]]) -> list[str]:
    counts = Counter(row["name"] for row in rows)
    faults = [f"name '{name}' stands {n} times" for name, n in counts.items() if n > 1]
    spelled: dict[str, str] = {}
    for name in counts:
        other = spelled.setdefault(name.casefold(), name)
        if other != name:
            faults.append(
                f"names '{other}' and '{name}' differ in upper and lower case only: they would be "
                "one file on Windows and macOS"
            )
    given: dict[str, set[str]] = {}
    drawn: dict[tuple[str, str, str], str] = {}
    for number, row in enumerate(rows, 2):
        name = row["name"] or f"line {number}"
        unfit = why_no_name(row["name"])
        if unfit:
            faults.append(f"{name}: a name is needed that can be the name of a file ({unfit})")
        if (row.get("diagnosis") or "") not in CLASS_INDEX:
            faults.append(f"{name}: diagnosis '{row['diagnosis']}' is none of {KNOWN}")
        if not row["image"]:
            faults.append(f"{name}: image is empty")
        masks = mask_names(row)
        if not masks:
            faults += [f"{name}: {fault}" for fault in _faults_of_place(row)]
        for mask in dict.fromkeys(masks):
            patient = _patient(row)
            other = drawn.setdefault((row["image"], mask, row.get("label") or ""), patient)
            if masks.count(mask) > 1:
                faults.append(f"{name}: the mask '{mask}' stands twice")
            elif other != patient:  # it would be learnt from in one fold and tested in another
                faults.append(f"the mask '{mask}' is of patient {other} and of {patient}")
        if (row.get("rule") or "inner") not in RULES:
            faults.append(f"{name}: rule '{row['rule']}' is none of {', '.join(RULES)}")
        for column in ("label", "subset", "texture"):
            if row.get(column) and not row[column].isdecimal():
                faults.append(f"{name}: {column} '{row[column]}' is no whole number")
        if row.get("subset"):
            given.setdefault(_patient(row), set()).add(row["subset"])
    for patient, subsets in given.items():
        if len(subsets) > 1:
            listed = ", ".join(sorted(subsets))
            faults.append(f"patient {patient}: nodules in several subsets ({listed})")
    return faults


def _faults_of_place(row: Mapping[str, str]) -> list[str]:
    """What is wrong with a line without a mask, which must be a place without a nodule."""
    if not any(row.get(axis) for axis in "xyz"):
        return ["mask is empty (for a place without a nodule, x, y and z are needed)"]
    faults = [
        f"{axis} '{row.get(axis) or ''}' is no number (RAS mm)"
        for axis in "xyz"
        if plain_number(row.get(axis) or "") is None
    ]
    if row.get("diagnosis"):
        faults.append("a place without a nodule has no diagnosis")
    return faults


def _place(row: Mapping[str, str]) -> tuple[float, float, float] | None:
    """LPS mm of a place without a nodule; None for a nodule."""
    if mask_names(row):
        return None
    x, y, z = (float(row[axis]) for axis in "xyz")
    return -x, -y, z


def _rule(row: Mapping[str, str]) -> Rule:
    """The rule for the edge that a line's masks follow."""
    return "outer" if row.get("rule") == "outer" else "inner"


def _patient(row: Mapping[str, str]) -> str:
    return row.get("patient") or row["name"]


def _check(root: Path, folder: Path, edge: int, row: Mapping[str, str]) -> None:
    """Check what can be checked without reading a CT's voxels, unless the nodule is cut out."""
    if _is_cut_from(folder / f"{row['name']}.npz", _source(root, edge, row)):
        return
    image = root / row["image"]
    place = _place(row)
    if place:
        if not _grid_of(image).contains(place):
            raise GeometryError("the place lies outside the CT")
    elif is_one_slice(image):
        read_slice(root, row, _rule(row))
    else:
        grid = _grid_of(image)
        own_masks(read_masks(root, grid, row, edge), grid, _rule(row))


def _grid_of(path: Path) -> Grid:
    """The grid of a CT, from its header where that is plain."""
    if path.is_dir():
        from densesharp.io.dicom import locate_series

        return locate_series(path)[0]
    if not is_volume_file(path) or not path.is_file():
        return read_volume(path).grid
    return read_header(path).grid


def _cut(root: Path, folder: Path, edge: int, row: Mapping[str, str]) -> None:
    """Cut one nodule out, unless it is there already."""
    target = folder / f"{row['name']}.npz"
    source = _source(root, edge, row)
    if _is_cut_from(target, source):
        return
    cubes = _cubes(root, edge, row)
    with atomic_path(target) as path, path.open("wb") as file:
        np.savez_compressed(file, **cubes, source=np.array(json.dumps(source)))


def _source(root: Path, edge: int, row: Mapping[str, str]) -> dict[str, Any]:
    """What a cube depends on: the line of the table, and size and time of its files."""
    source: dict[str, Any] = {"edge": edge, "label": row.get("label") or "", "rule": _rule(row)}
    if place := _place(row):
        source["place"] = list(place)
    for column in ("image", "mask"):
        names = mask_names(row) if column == "mask" else [row["image"]]
        # Of a folder of slices only the name counts; a file that is gone cannot have changed.
        states = [(root / name).stat() for name in names if (root / name).is_file()]
        whole = len(states) == len(names)
        source[column] = [
            row[column],
            sum(state.st_size for state in states) if whole else None,
            max((state.st_mtime_ns for state in states), default=0) if whole else None,
        ]
    return source


def _is_cut_from(target: Path, source: Mapping[str, Any]) -> bool:
    if not target.exists():
        return False
    try:
        with target.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            if "source" not in arrays:  # made by somebody else
                return True
            before = json.loads(str(arrays["source"]))
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return False
    for column in ("image", "mask"):
        if source[column][1] is None:
            before[column][1:] = [None, None]
    return bool(before == source)


def _cubes(root: Path, edge: int, row: Mapping[str, str]) -> dict[str, Any]:
    """The arrays of a nodule's file; `readers` among them where several drew it."""
    place = _place(row)
    if not place and is_one_slice(root / row["image"]):
        made = lifted(read_slice(root, row, _rule(row)), row["name"], edge)
        return made | {"voxel": _grey(made["voxel"])}
    ct = read_volume(root / row["image"])
    if place:
        hu = resample(ct.array, ct.grid, cube_grid(place, edge), WINDOW[0])
        return {"voxel": _grey(hu), "seg": np.zeros(hu.shape, np.uint8)}
    drawn = own_masks(read_masks(root, ct.grid, row, edge), ct.grid, _rule(row))
    masks = drawn.by("inner")
    marked = consensus(masks)
    # The middle lies at a corner of the CT's voxels: a CT of 1 mm is copied, not interpolated.
    corner = np.floor(ct.grid.to_index(centroid(marked, drawn.grid))) + 0.5
    middle = ct.grid.to_world(corner)
    grid = cube_grid(middle, edge)
    hu = resample(ct.array, ct.grid, grid, WINDOW[0])
    cubes: dict[str, Any] = {"voxel": _grey(hu), "seg": on_cube(marked, drawn.grid, grid)}
    cubes["slice_mm"] = np.float32(max(ct.grid.spacing))
    if len(masks) > 1:
        cubes["readers"] = np.stack([on_cube(mask, drawn.grid, grid) for mask in masks])
    return cubes | drawn.about(middle).to_archive()


def _grey(hu: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.asarray(np.rint((to_network_units(hu) + 1) * 128), dtype=np.uint8)


def _write_info(
    path: Path, rows: Sequence[dict[str, str]], folds: int, seed: int, before: Mapping[str, int]
) -> None:
    patients = [_patient(row) for row in rows]
    # All nodules of a patient are where the table puts one of them, else where they were before:
    # dealt anew, a patient could come into the part that a trained network is tested on.
    given = {_patient(row): int(row["subset"]) for row in rows if row.get("subset")}
    strata = [row.get("diagnosis") or "" for row in rows]
    dealt = assign_subsets(patients, strata, folds, seed, {**before, **given})
    table = [
        {column: row.get(column) or "" for column in COLUMNS}
        | {"no_nodule": "1" if _place(row) else "", "patient": patient, "subset": str(subset)}
        for row, patient, subset in zip(rows, patients, dealt, strict=True)
    ]
    write_csv(path, COLUMNS, table)
