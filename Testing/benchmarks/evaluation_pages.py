"""Evaluation page, model card's and README's figures and pictures, made anew by one command.

    python Testing/benchmarks/evaluation_pages.py SHARED WORK [--only lidc limits balls ...]
    python Testing/benchmarks/evaluation_pages.py --write      the pages from the figures there are

SHARED holds `lidc-cubes`, `lidc-readers`, `lidc-patches2d` and `lidc-idri-0001` (LIDC-IDRI,
CC BY 3.0; not part of the project), WORK is for data sets and for what was found at each nodule:
a measurement that was interrupted goes on where it stopped. On two cores it takes about a quarter
of an hour. The figures go to docs/reference/evaluation.json with name and SHA-256
of the bundled model; a test fails when they are of another one, or when a page says something else.
`--card` also writes them into the bundled model file, whose SHA-256 changes with its card.
"""

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from clicks import half_density, outcomes, places_answered
from evaluation_blocks import card_text, write_pages
from fitted_limits import limits
from lidc_sets import cubes
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from densesharp.files import ensure_folder, write_text
from densesharp.image.grid import Grid
from densesharp.image.masks import paste
from densesharp.image.volume import Volume
from densesharp.model.engines import open_engine
from densesharp.model.model_file import load_model, save_model
from densesharp.nodule.inference import locate, predict
from densesharp.nodule.settings import DEFAULTS
from densesharp.resources import model_path
from densesharp.simulate.scanner import Scanner, scan
from densesharp.stats.estimates import to_json
from densesharp.train.evaluation_report import read_ideal, write_report

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "docs/reference/evaluation.json"
IMAGES = ROOT / "docs/images"
PARTS = ("lidc", "limits", "places", "isolated", "balls", "simulated", "pictures")

SLICES_MM = (0.6, 1.0, 1.5, 2.0, 2.5)
DIAMETERS_MM = (5, 6, 8, 10, 14, 20)
SIMULATED = 400

KEPT = {
    "lidc": ("nodules", "masks", "readers", "reach", "answers", "robustness", "density_spearman",
             "inner_density_spearman", "class_by_rating"),
    "simulated": ("nodules", "masks", "classes", "calibration"),
}  # fmt: skip
"""What of an evaluation's results the pages show."""


def evaluated(part: str, dataset: Path, work: Path, answers: bool) -> dict[str, Any]:
    """What `densesharp evaluate` gives, as predict runs; its figures and its pictures."""
    out, model = ensure_folder(work / f"{part}-evaluation"), load_model(model_path())
    results = write_report(
        out, outcomes(dataset, work / f"{part}-kept", answers), model, read_ideal(dataset)
    )
    picture = {"lidc": "dice", "simulated": "reliability"}[part]
    shutil.copy(out / f"{picture}.png", IMAGES / f"evaluation-{picture}.png")
    shown: dict[str, Any] = to_json({name: getattr(results, name) for name in KEPT[part]})
    return shown


def lidc(shared: Path, work: Path) -> dict[str, Any]:
    """All readers' outlines of 66 nodules of LIDC-IDRI, complete answers, moved clicks."""
    if not (work / "lidc/info.csv").exists():
        cubes(shared, work / "lidc")
    return evaluated("lidc", work / "lidc", work, answers=True)


def simulated(_: Path, work: Path) -> dict[str, Any]:
    """Simulated nodules with unseen seeds and the paper's case mix."""
    dataset = work / "simulated"
    options = ["--count", str(SIMULATED), "--seed", "901", "--edge", "48", "--workers", "2"]
    if not (dataset / "info.csv").exists():
        run("-m", "densesharp", "simulate", "--out", str(dataset), *options)
    return evaluated("simulated", dataset, work, answers=False)


def balls(*_: Path) -> dict[str, Any]:
    """Volume of digital balls through the scanner model, over the true one, less 1."""
    engine = open_engine(load_model(model_path()))
    rng = np.random.default_rng(3)
    errors: dict[str, dict[str, list[float]]] = {}
    for diameter in DIAMETERS_MM:
        for slice_mm in SLICES_MM:
            for _repeat in range(2):
                volume, middle = scanned_ball(diameter, slice_mm, rng)
                found, _samples = predict(
                    locate(volume, middle, engine), engine, DEFAULTS.augmentations
                )
                mask = paste(found.mask, found.patch.grid, volume.grid)
                measured = 0.0 if mask is None else float(mask.array.sum())
                error = measured / (np.pi / 6 * diameter**3) - 1
                errors.setdefault(f"{slice_mm:g}", {}).setdefault(str(diameter), []).append(error)
    return {
        slice_mm: {diameter: float(np.mean(each)) for diameter, each in row.items()}
        for slice_mm, row in errors.items()
    }


def scanned_ball(
    diameter: float, slice_mm: float, rng: np.random.Generator
) -> tuple[Volume, np.ndarray]:
    """A ball of 40 HU in lung of -850 HU, scanned with a kernel drawn at random; its middle."""
    count, parts = 56, 4
    center = rng.uniform(-0.5, 0.5, 3) + (count - 1) / 2
    fine = np.arange(count)[:, None] + (np.arange(parts) + 0.5) / parts - 0.5
    z, y, x = ((fine - at).ravel() for at in center)
    square = z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None] ** 2
    shares = (square < (diameter / 2) ** 2).reshape((count, parts) * 3).mean(axis=(1, 3, 5))
    kernel = Scanner(slice_mm, float(rng.uniform(0.35, 0.75)), float(rng.uniform(0, 1)), 20.0)
    hu = scan((-850 + shares * 890).astype(np.float32), kernel, rng)
    origin = np.full(3, -(count - 1) / 2)
    grid = Grid((count, count, count), origin, np.ones(3), np.eye(3))
    return Volume(np.round(hu).astype(np.int16), grid), center[::-1] + origin


def pictures(shared: Path, _: Path) -> dict[str, Any]:
    """Real beside simulated nodules, and how much bf16 changes."""
    script = ROOT / "Testing/simulate/simulator_pictures.py"
    target = IMAGES / "simulated-beside-real.jpg"
    run(str(script), str(shared), str(target))
    bench = ROOT / "Testing/benchmarks/bench.py"
    run(str(bench), "--only", "precision", "--cubes", str(shared / "lidc-cubes"))
    return {}


def main() -> None:
    """Measure what is asked for, and write the pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shared", type=Path, nargs="?")
    parser.add_argument("work", type=Path, nargs="?")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--write", action="store_true", help="measure nothing")
    parser.add_argument("--card", action="store_true", help="into the bundled model's card too")
    args = parser.parse_args()
    figures = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    measure = {
        "lidc": lidc, "limits": limits, "places": places_answered, "isolated": half_density,
        "balls": balls, "simulated": simulated,
    }  # fmt: skip
    for part in () if args.write else args.only:
        args.work.mkdir(parents=True, exist_ok=True)
        result = {**measure, "pictures": pictures}[part](args.shared, args.work)
        model = load_model(model_path())
        figures[part] = {"model": model.card.name, "sha256": model.sha256, "result": result}
        write_text(FIGURES, json.dumps(figures, indent=1) + "\n")
    if missing := [part for part in PARTS if part not in figures]:
        sys.exit(f"The pages are not written yet: measure {', '.join(missing)} too.")
    if args.card:
        write_card(figures)
        write_text(FIGURES, json.dumps(figures, indent=1) + "\n")
    write_pages(ROOT, figures)


def write_card(figures: dict[str, Any]) -> None:
    """Put the figures into the bundled model's card; the network stays as it is."""
    model = load_model(model_path())
    save_model(model_path(), model.members, replace(model.card, evaluation=card_text(figures)))
    sha256 = load_model(model_path()).sha256
    for part in figures.values():
        part["sha256"] = part["sha256"].replace(model.sha256, sha256)
    for name in ("performance.json", "performance.md"):
        path = ROOT / "docs/reference" / name
        write_text(path, path.read_text(encoding="utf-8").replace(model.sha256, sha256))
    for name in ("dice", "reliability"):
        path = IMAGES / f"evaluation-{name}.png"
        with Image.open(path) as picture:
            picture.load()
            about = PngInfo()
            said = str(picture.info["Description"]).replace(model.sha256, sha256)
            about.add_text("Description", said)
            picture.save(path, pnginfo=about, optimize=True)


def run(*command: str) -> None:
    """Run a program of the project; it says itself what went wrong."""
    if subprocess.run([sys.executable, *command], check=False).returncode:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
