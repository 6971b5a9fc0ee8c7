"""The picture of docs/explanation/simulator.md: simulated beside real nodules of each density.

python Testing/simulate/simulator_pictures.py CT-FOLDER docs/images/simulated-beside-real.jpg

CT-FOLDER holds `lidc-cubes` and `lidc-idri-0001` (LIDC-IDRI, CC BY 3.0; not part of the project).
"""

import csv
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from matplotlib.figure import Figure

from densesharp.explore.voxels import show_slice
from densesharp.simulate.case import simulate
from densesharp.simulate.latents import Latents, draw, draw_diagnosis
from densesharp.simulate.real_lung import read_lung

EDGE = 40
"""mm along a picture's side."""

COLUMNS = 3
DENSITIES = {"ground-glass": (1, 2), "part-solid": (3, 4), "solid": (5,)}
"""CT type, and the readers' texture ratings that stand for it."""

WANTED_MM = (8.0, 12.0, 17.0)
"""Diameters that are looked for, one for each column."""


def real(folder: Path, density: str) -> list[tuple[np.ndarray, float]]:
    """Cubes of real nodules, and their diameters, as near to the wanted ones as there are."""
    with (folder / "index.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if int(row["texture"]) in DENSITIES[density]]
    chosen = []
    for wanted in WANTED_MM:
        row = min(rows, key=lambda row: abs(float(row["eq_diameter_mm"]) - wanted))
        rows.remove(row)
        image = sitk.ReadImage(str(folder / f"{row['patient']}_ct.nrrd"))
        mask = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / f"{row['patient']}_mask.nrrd")))
        middle = np.round(np.argwhere(mask).mean(axis=0)).astype(int)
        cube = np.pad(sitk.GetArrayFromImage(image), EDGE, mode="edge")
        box = tuple(slice(m + EDGE // 2, m + EDGE // 2 + EDGE) for m in middle)
        chosen.append((cube[box], float(row["eq_diameter_mm"])))
    return chosen


def drawn(rng: np.random.Generator, density: str, wanted: float) -> Latents:
    """A nodule drawn as any other, of that density and nearly that size."""
    while True:
        latents = draw(rng, draw_diagnosis(rng))
        if latents.nodule_type == density and abs(latents.diameter_mm - wanted) < 1.5:
            return latents


def main(folder: Path, target: Path) -> None:
    """Draw the picture."""
    lung = read_lung(str(folder / "lidc-idri-0001" / "ct.nrrd"))
    figure = Figure(figsize=(10.6, 4.2), layout="constrained")
    parts = figure.subfigures(1, 3, wspace=0.03)
    titles = (
        "real nodule, real lung",
        "simulated nodule, simulated lung",
        "simulated nodule, real lung",
    )
    for part, title in zip(parts, titles, strict=True):
        part.suptitle(title, fontsize=10)
    grids = [part.subplots(3, COLUMNS) for part in parts]
    for row, density in enumerate(DENSITIES):
        rng = np.random.default_rng([2026, row])
        cubes = [[cube for cube, _ in real(folder / "lidc-cubes", density)], [], []]
        for n, wanted in enumerate(WANTED_MM):
            for kind, place in ((1, None), (2, lung)):
                latents = drawn(rng, density, wanted)
                case = simulate([row, n, kind], edge=EDGE + 8, latents=latents, lung=place)
                cubes[kind].append(case.hu[4:-4, 4:-4, 4:-4])
        for grid, column in zip(grids, cubes, strict=True):
            for axes, cube in zip(grid[row], column, strict=True):
                show_slice(axes, cube, EDGE // 2)
        label = grids[0][row][0]
        label.text(
            -0.08, 0.5, density, rotation=90, va="center", ha="right",
            transform=label.transAxes, fontsize=10,
        )  # fmt: skip
    figure.savefig(target, dpi=100, pil_kwargs={"quality": 82})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
