"""All benchmarks by one command; results as JSON, and as tables in the documentation.

    python Testing/benchmarks/bench.py --keras-python KERAS/bin/python --cubes FOLDER

`--keras-python` is a Python with tensorflow and keras (`pip install tensorflow keras` in a virtual
environment of its own); without it the Keras peer is left out. `--cubes` is a folder of CT cubes
around real nodules (`*_ct.nrrd`). `--ct FILE` is the image for `densesharp predict` from start to
end (default: the bundled sample), `--seed=X,Y,Z` a nodule in it, RAS mm. Parts that were not run
keep their earlier numbers.
"""

import argparse
import datetime as dt
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

from bench_engines import bench_engines, bench_training
from tables import update_page

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs/reference/performance.json"
PAGE = ROOT / "docs/reference/performance.md"
PARTS = ("engines", "training", "clicks", "start", "cohort", "precision")


def machine():
    """Where and when, for the reader of the numbers."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        model = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), model)
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "load_before": round(os.getloadavg()[0], 1),
        "date": dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%d"),
    }


def in_its_own_process(*arguments):
    """One part of bench_click.py, so that imports and memory are not those of this process."""
    script = Path(__file__).with_name("bench_click.py")
    threads = arguments[1] if arguments[0] == "clicks" else "1"
    done = subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, check=True,
        env={**os.environ, "OMP_NUM_THREADS": threads, "OMP_WAIT_POLICY": "PASSIVE"},
    )  # fmt: skip
    return json.loads(done.stdout)


def run_part(part, args):
    """One part's results, by number of threads where that matters."""
    if part == "engines":
        return {str(n): bench_engines(n, args.keras_python, args.rounds) for n in args.threads}
    if part == "training":
        rounds = max(1, args.rounds // 5)
        return {str(n): bench_training(n, args.keras_python, rounds) for n in args.threads}
    if part == "clicks":
        return {str(n): in_its_own_process("clicks", str(n)) for n in args.threads}
    if part == "precision":
        return in_its_own_process("precision", str(args.cubes)) if args.cubes else None
    if part == "start":
        return in_its_own_process("start", args.ct, args.seed)
    return in_its_own_process(part)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keras-python", type=Path)
    parser.add_argument("--cubes", type=Path)
    parser.add_argument("--ct", default="sample")
    parser.add_argument("--seed", default="")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    args = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for part in args.only:
        where = machine()
        found = run_part(part, args)
        if found is not None:
            results[part] = {"machine": where, "result": found}
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
            update_page(PAGE, results)


if __name__ == "__main__":
    main()
