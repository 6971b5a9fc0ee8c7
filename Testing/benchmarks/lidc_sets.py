"""Data sets of the shared LIDC-IDRI files: cubes with all readers' outlines, and lifted slices.

    python Testing/benchmarks/lidc_sets.py cubes SHARED OUT      a data set, ready for evaluate
    python Testing/benchmarks/lidc_sets.py slices SHARED OUT     a table for densesharp dataset

SHARED holds `lidc-cubes`, `lidc-patches2d` and `lidc-readers` (LIDC-IDRI, CC BY 3.0; not part of
the project). Masks follow the inner rule; folds are those of docs/reference/lidc-folds.csv.
"""

import argparse
import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from densesharp.csv_files import write_csv
from densesharp.image.grid import Grid, cube_grid
from densesharp.image.masks import centroid
from densesharp.image.sampling import resample, to_sitk
from densesharp.io import read_volume
from densesharp.nodule.patch import WINDOW
from densesharp.simulate.simulated_set import grey
from densesharp.train.dataset import consensus
from densesharp.train.own_grid import INSIDE, OUTLINE, OwnMasks, on_cube

FOLDS = Path(__file__).resolve().parents[2] / "docs/reference/lidc-folds.csv"
EDGE = 48
"""mm along a cube's side; the shared cubes have 51."""

THICKEST_MM, LEAST_MM2, ROOM = 2.6, 12.0, 2
"""Slices that are lifted: how far apart they may lie, how large what half of the readers marked in
the outlined one must be, and how many empty slices are kept above and below."""


def rows_of(path: Path) -> list[dict[str, str]]:
    """The lines of a table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def cubes(shared: Path, out: Path) -> None:
    """The 66 cubes at their true spacing, with what every reader drew on the CT's own voxels."""
    (out / "nodule").mkdir(parents=True, exist_ok=True)
    native = np.load(shared / "lidc-readers/native.npz")
    readers = defaultdict(list)
    for row in rows_of(shared / "lidc-readers/cubes.csv"):
        readers[row["patient"]].append(row)
    folds = {row["patient"]: row["subset"] for row in rows_of(FOLDS)}
    table = []
    for patient, rows in sorted(readers.items()):
        ct = read_volume(shared / f"lidc-cubes/{patient}_ct.nrrd")
        own = own_of(native, patient, len(rows), ct.grid)
        masks = own.by("inner")
        marked = consensus(masks)
        corner = np.floor(ct.grid.to_index(centroid(marked, own.grid))) + 0.5
        middle = ct.grid.to_world(corner)
        grid = cube_grid(middle, EDGE)
        hu = resample(ct.array, ct.grid, grid, WINDOW[0])
        arrays = {"voxel": grey(hu), "seg": on_cube(marked, own.grid, grid)}
        if len(rows) > 1:
            arrays["readers"] = np.stack([on_cube(mask, own.grid, grid) for mask in masks])
        arrays["slice_mm"] = np.float32(rows[0]["gap_mm"])
        np.savez_compressed(
            out / f"nodule/{patient}.npz", **arrays, **own.about(middle).to_archive()
        )
        table.append(
            {
                "name": patient, "diagnosis": "", "subset": folds[patient], "patient": patient,
                "keep_slice_axis": "1", "texture": rows[0]["texture"],
            }
        )  # fmt: skip
    write_csv(out / "info.csv", list(table[0]), table)


def own_of(native: np.lib.npyio.NpzFile, patient: str, count: int, cube: Grid) -> OwnMasks:
    """What a patient's readers drew, on the CT's own slices and pixels in the cube's world."""
    ends = [native[f"{patient}_{axis}"] for axis in "ijk"]
    first = np.array([indices[0] for indices in ends])
    step = np.array([np.median(np.diff(indices)) for indices in ends])
    size = tuple(len(indices) for indices in ends)
    grid = Grid(size, cube.to_world(first), step * cube.spacing, cube.direction)
    bits = np.arange(count)[:, None, None, None]
    inner, outer = (native[f"{patient}_{rule}"] >> bits & 1 > 0 for rule in ("inside", "outline"))
    drawn = np.where(inner, INSIDE, np.where(outer, OUTLINE, 0)).astype(np.uint8)
    return OwnMasks(drawn, grid)


def slices(shared: Path, out: Path) -> None:
    """The outlined slice of each nodule with two readers or more, and all readers' masks of it."""
    out.mkdir(parents=True, exist_ok=True)
    drawn = annotations(shared / "lidc-readers")
    folds = {row["patient"]: row["subset"] for row in rows_of(FOLDS)}
    patches = np.load(shared / "lidc-patches2d/patches.npz")
    place = {int(number): row for row, number in enumerate(patches["nodule"])}
    pixels = patches["hu"]
    table = []
    # Some nodules have a patch of each of two readers: the first will do.
    first = {row["nodule"]: row for row in reversed(rows_of(shared / "lidc-readers/patches.csv"))}
    for row in reversed(first.values()):
        nodule = [one for one in drawn if one[0]["nodule"] == row["nodule"]]
        about = nodule[0][0]
        if len(nodule) < 2 or float(about["slice_mm"]) > THICKEST_MM:
            continue
        masks, level = stacked(nodule, row)
        pixel = float(about["pixel_mm"])
        if consensus(masks)[level].sum() * pixel**2 < LEAST_MM2:
            continue
        spacing = (pixel, pixel, float(about["slice_mm"]))
        grid = Grid((71, 71, masks.shape[1]), np.zeros(3), spacing, np.eye(3))
        name = f"{about['patient']}-{row['nodule']}"
        hu = pixels[place[int(row["patch"])]][None]
        one = grid.crop((0, 0, level), (71, 71, 1))
        sitk.WriteImage(to_sitk(hu, one), str(out / f"{name}.nrrd"), useCompression=True)
        files = []
        for number, mask in enumerate(masks):
            if mask.any():
                files.append(f"{name}-{number}.nrrd")
                image = to_sitk(mask.astype(np.uint8), grid)
                sitk.WriteImage(image, str(out / files[-1]), useCompression=True)
        texture = int(np.median([int(one[0]["texture"]) for one in nodule]))
        table.append(
            {
                "name": name, "image": f"{name}.nrrd", "mask": "; ".join(files),
                "patient": about["patient"], "subset": folds.get(about["patient"], ""),
                "keep_slice_axis": "1", "texture": str(texture),
            }
        )  # fmt: skip
    write_csv(out / "slices.csv", list(table[0]), table)


Drawn = tuple[dict[str, str], np.ndarray]
"""A reader's line of annotations.csv, and the box that he or she marked (k, y, x)."""


def annotations(folder: Path) -> list[Drawn]:
    """What every reader marked inside the outline."""
    outlines = np.load(folder / "outlines.npz")
    about = {row["annotation"]: row for row in rows_of(folder / "annotations.csv")}
    ends, voxels = outlines["end"], outlines["voxels"]
    found = []
    for number, first, last in zip(outlines["annotation"], [0, *ends[:-1]], ends, strict=True):
        row = about[str(number)]
        shape = tuple(int(row[name]) for name in ("nk", "ny", "nx"))
        found.append((row, voxels[first:last].reshape(shape) == INSIDE))
    return found


def stacked(nodule: list[Drawn], patch: dict[str, str]) -> tuple[np.ndarray, int]:
    """Masks (reader, k, 71, 71) on the patch's pixels, and the index k of the patch's slice."""
    shown, *corner = (int(patch[name]) for name in ("k", "y0", "x0"))
    low = min([shown, *(int(row["k"]) for row, _ in nodule)]) - ROOM
    high = max([shown + 1, *(int(row["k"]) + len(box) for row, box in nodule)]) + ROOM
    masks = np.zeros((len(nodule), high - low, 71, 71), dtype=bool)
    for mask, (row, box) in zip(masks, nodule, strict=True):
        first = int(row["k"]) - low
        y, x = (int(row[name]) - start for name, start in zip("yx", corner, strict=True))
        rows, columns = (
            slice(max(at, 0), max(min(at + length, 71), 0))
            for at, length in zip((y, x), box.shape[1:], strict=True)
        )
        part = box[:, rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]
        mask[first : first + len(box), rows, columns] = part
    return masks, shown - low


def main() -> None:
    """Make one of the two."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("cubes", "slices"))
    parser.add_argument("shared", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    {"cubes": cubes, "slices": slices}[args.what](args.shared, args.out)


if __name__ == "__main__":
    main()
