"""From a click to mask, class and surface, split into its parts; start-up, memory, cohorts.

`python bench_click.py clicks|precision ...` runs inside one process with few threads; `bench.py`
calls it for every part, so that imports and memory are measured in fresh processes.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from timing import peak_memory

from densesharp.image.grid import Grid
from densesharp.image.masks import centroid, component_at, paste
from densesharp.image.volume import Volume
from densesharp.model.engines import EngineOutput, open_engine
from densesharp.model.model_file import load_model
from densesharp.nodule.patch import cut_patch, to_network_units
from densesharp.nodule.pipeline import analyse
from densesharp.nodule.records import Seed
from densesharp.nodule.settings import AnalysisSettings
from densesharp.resources import model_path, sample_path, sample_truth

CLICK_OFFSET_MM = 4.0  # far enough from the middle for one recentring, two passes in all
RADIUS_MM = 5.0
FIRST_RESULT = AnalysisSettings(augmentations=1, stability=False)


def a_ct(slices, thickness, in_plane=0.7):
    """512 x 512 x slices of noisy lung with one ball of soft tissue in the middle."""
    generator = np.random.default_rng(0)
    array = generator.normal(-850, 20, (slices, 512, 512)).astype(np.int16)
    spacing = np.array([in_plane, in_plane, thickness])
    middle = np.array([256, 256, slices // 2])
    reach = np.ceil((RADIUS_MM + 1) / spacing).astype(int)
    i, j, k = np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij")
    distance = np.sqrt((i * spacing[0]) ** 2 + (j * spacing[1]) ** 2 + (k * spacing[2]) ** 2)
    inside = distance <= RADIUS_MM
    array[(middle[2] + k)[inside], (middle[1] + j)[inside], (middle[0] + i)[inside]] = 30
    grid = Grid((512, 512, slices), np.zeros(3), spacing, np.eye(3))
    return Volume(array, grid), grid.to_world(middle.astype(float))


class SteeredEngine:
    """Computes everything the real engine computes, then shows a ball where the nodule is.

    So the number of passes does not depend on how good the model is that day.
    """

    def __init__(self, engine, middle):
        self.engine, self.middle, self.center = engine, middle, None
        self.passes = 0

    def __getattr__(self, name):
        return getattr(self.engine, name)

    def run(self, patches):
        output = self.engine.run(patches)
        self.passes += len(patches)
        mask = np.where(self.ball(patches[0]), 0.95, 0.05).astype(np.float32)
        return EngineOutput(
            output.logits, np.broadcast_to(mask, output.mask.shape), output.activation
        )

    def ball(self, patch):
        bright = np.argwhere(patch > to_network_units(-300.0))
        middle = bright.mean(0) if len(bright) else np.full(3, 15.5)
        grid = np.indices(patch.shape) - middle[:, None, None, None]
        return (grid**2).sum(0) <= RADIUS_MM**2


def milliseconds(call, rounds=15):
    """Least and median of some calls, wall and processor time."""
    wall, processor = [], []
    for _ in range(rounds):
        w, p = time.perf_counter(), time.process_time()
        call()
        wall.append(1e3 * (time.perf_counter() - w))
        processor.append(1e3 * (time.process_time() - p))
    return {
        "wall_ms": [round(min(wall), 2), round(float(np.median(wall)), 2)],
        "cpu_ms": [round(min(processor), 2), round(float(np.median(processor)), 2)],
    }


def parts_of_a_click(volume, middle, engine):
    """Each step by itself, as `pipeline.analyse` takes them."""
    from densesharp.nodule.surface import level_surface

    patch = cut_patch(volume, middle)
    steered = SteeredEngine(engine, middle)
    probability = steered.run(patch.array[None]).mask[0, 0]

    def components():
        centroid(component_at(probability, patch.grid, middle), patch.grid)

    return {
        "crop": milliseconds(lambda: cut_patch(volume, middle)),
        "network": milliseconds(lambda: engine.run(patch.array[None])),
        "components": milliseconds(components),
        "paste": milliseconds(lambda: paste(probability, patch.grid, volume.grid)),
        "surface": milliseconds(lambda: level_surface(probability, patch.grid)),
    }


def whole_click(volume, middle, engine):
    """`analyse` up to the first result, and the surface; with two passes."""
    from densesharp.nodule.surface import nodule_surface

    steered = SteeredEngine(engine, middle)
    seed = Seed(middle + [CLICK_OFFSET_MM, 0, 0])

    def click():
        steered.passes = 0
        nodule_surface(analyse(volume, seed, steered, settings=FIRST_RESULT))

    return {**milliseconds(click), "passes": steered.passes}


def clicks(threads):
    """Parts and whole on thin and thick slices, and on 100 against 1,000 slices."""
    engine = open_engine(load_model(model_path()), "cpu", "fp32", threads)
    result = {"threads": threads, "engine": engine.description}
    for name, slices, thickness in (
        ("300 x 1.0 mm", 300, 1.0),
        ("300 x 2.5 mm", 300, 2.5),
        ("100 x 1.0 mm", 100, 1.0),
        ("1000 x 1.0 mm", 1000, 1.0),
    ):
        volume, middle = a_ct(slices, thickness)
        parts = parts_of_a_click(volume, middle, engine) if slices == 300 else {}
        result[name] = {"parts": parts, "click": whole_click(volume, middle, engine)}
        del volume
    return result | {"ratios": click_ratios(result)}


def click_ratios(result):
    """The click's goals; processor time on one thread, wall time on more."""
    clock = "cpu_ms" if result["threads"] == 1 else "wall_ms"
    thin = result["300 x 1.0 mm"]
    network = thin["parts"]["network"][clock][0]
    rest = sum(part[clock][0] for name, part in thin["parts"].items() if name != "network")
    long, short = (result[f"{n} x 1.0 mm"]["click"][clock][0] for n in (1000, 100))
    return {
        "all but the network / network": round(rest / network, 2),
        "click with two passes / one pass": round(thin["click"][clock][0] / network, 2),
        "1000 slices / 100 slices": round(long / short, 2),
    }


def fresh_process(code, rounds=3):
    """Seconds and peak memory of a new Python process, the least of some rounds."""
    code += f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from timing import peak_memory
print(peak_memory())
"""
    times, memory = [], []
    for _ in range(rounds):
        before = os.times()
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        after = os.times()
        processor = after.children_user + after.children_system
        processor -= before.children_user + before.children_system
        times.append((after.elapsed - before.elapsed, processor))
        memory.append(float(done.stdout.split()[-1]))
    wall, processor = (round(min(column), 2) for column in zip(*times, strict=True))
    return {"wall_s": wall, "cpu_s": processor, "rss_mb": round(max(memory))}


IMPORTS = {
    "python alone": "",
    "import densesharp": "import densesharp",
    "OpenVINO": (
        "from densesharp.model.engines.openvino_engine import import_openvino;import_openvino()"
    ),
    "OpenVINO engine, ready": (
        "from densesharp.model.engines import open_engine;"
        "from densesharp.resources import model_path;"
        "from densesharp.model.model_file import load_model;"
        "open_engine(load_model(model_path()), 'cpu', threads=1)"
    ),
    "torch": "import torch",
    "torch engine, ready": (
        "from densesharp.model.engines.torch_engine import TorchEngine;"
        "from densesharp.resources import model_path;"
        "from densesharp.model.model_file import load_model;"
        "TorchEngine(load_model(model_path()), 'cpu', 'fp32', 1)"
    ),
}


def start(ct, seed):
    """Imports, engines, and `densesharp predict` from start to end, as without torch.

    Args:
        ct: an image, or "sample" for the bundled one.
        seed: X,Y,Z in RAS mm; not needed for the sample.
    """
    result = {name: fresh_process(code) for name, code in IMPORTS.items()}
    if ct == "sample":
        ct = str(sample_path())
        place = Seed(np.array(sample_truth()["nodules"][0]["center_lps"]))
        seed = ",".join(f"{value:.1f}" for value in place.ras)
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["predict", ct, f"--seed={seed}", "--out", folder]
        for name, extra in (
            ("predict, one run", ["--tta", "1", "--no-stability"]),
            ("predict, with spread and stability", []),
        ):
            code = (
                "import sys\nsys.modules['torch'] = None\n"
                f"from densesharp.cli import main\nassert main({[*arguments, *extra]!r}) == 0"
            )
            result[name] = fresh_process(code)
    return result | {"image_mb": round(Path(ct).stat().st_size / 1e6, 1)}


def one_case(number):
    """A click on a CT of its own, as a cohort's worker does it."""
    global ENGINE, CASE
    if "ENGINE" not in globals():
        ENGINE = open_engine(load_model(model_path()), "cpu", "fp32", 1)
        CASE = a_ct(100, 1.0)
    volume, middle = CASE
    analyse(
        volume, Seed(middle), SteeredEngine(ENGINE, middle), settings=AnalysisSettings(8, False)
    )
    return number


def cohort(cases=24):
    """Cases a second in one process and in two, one thread each."""
    result = {}
    for processes in (1, 2):
        with ProcessPoolExecutor(processes) as pool:
            list(pool.map(one_case, range(processes)))
            started = time.perf_counter()
            list(pool.map(one_case, range(cases)))
            result[f"{processes}"] = round(cases / (time.perf_counter() - started), 2)
    return {"cases_per_s": result, "ratio": round(result["2"] / result["1"], 2)}


def precision(folder):
    """bf16 against fp32 on the cubes of real nodules, with the bundled model."""
    from densesharp.io import read_volume
    from densesharp.model.engines.openvino_engine import OpenVinoEngine

    model = load_model(model_path())
    exact, reduced = (OpenVinoEngine(model, name, 1) for name in ("fp32", "bf16"))
    rows = []
    for path in sorted(Path(folder).glob("**/*_ct.nrrd")):
        volume = read_volume(path)
        middle = volume.grid.to_world((np.array(volume.grid.size) - 1) / 2)
        patch = cut_patch(volume, middle).array[None]
        rows.append([path.name, *compared(exact.run(patch), reduced.run(patch))])
    change, dice, same, found = (np.array([row[n] for row in rows]) for n in (1, 2, 3, 4))
    return {
        "cases": len(rows),
        "with a mask": int(found.sum()),
        "largest change of probability": round(float(change.max()), 5),
        "class changes": int((~same).sum()),
        "dice min": round(float(dice[found].min()), 5),
        "dice mean": round(float(dice[found].mean()), 5),
        "model": model.sha256,
    }


def compared(exact, reduced):
    """Change of probability, Dice, same class, whether fp32 outlines anything."""

    def probabilities(output):
        powers = np.exp(output.logits - output.logits.max(-1, keepdims=True))
        return (powers / powers.sum(-1, keepdims=True)).mean(1)

    p, q = probabilities(exact), probabilities(reduced)
    a, b = (output.mask.mean(1) > 0.5 for output in (exact, reduced))
    sizes = a.sum() + b.sum()
    dice = 2 * (a & b).sum() / sizes if sizes else 1.0
    return float(np.abs(p - q).max()), float(dice), bool(p.argmax() == q.argmax()), bool(a.any())


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    found = {
        "clicks": lambda: clicks(int(rest[0])),
        "start": lambda: start(*rest),
        "cohort": cohort,
        "precision": lambda: precision(rest[0]),
    }[what]()
    found["rss_mb"] = round(peak_memory())
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
