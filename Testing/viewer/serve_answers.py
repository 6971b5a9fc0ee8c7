"""A viewer whose answers come from the test double; started by the tests as its own process.

python serve_answers.py RESULTS [IMAGE] [DELAY_S[+WHOLE_S] | threshold] [WORKLIST] [SEED]

With `threshold` the real backend runs around an engine whose answer is known, for what is written.
SEED is a first click as in the demo, RAS mm with commas.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from densesharp.nodule.records import Seed
from densesharp.worklist import open_worklist
from densesharp_scene.backend import LocalBackend
from densesharp_viewer.app import show
from nodule_answers import AnsweringBackend
from phantoms import ThresholdEngine

if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    results, *more = sys.argv[1:]
    image = Path(more[0]) if more and more[0] else None
    kind = more[1] if len(more) > 1 else "0"
    if kind == "threshold":
        backend = LocalBackend()
        backend._engine = ThresholdEngine()
    else:
        backend = AnsweringBackend(*(float(part) for part in kind.split("+")))
    cases = open_worklist(more[2]) if len(more) > 2 and more[2] else []
    seed = Seed.from_ras([float(x) for x in more[3].split(",")]) if len(more) > 3 else None
    show(image, open_browser=False, results=Path(results), backend=backend, cases=cases, seed=seed)
