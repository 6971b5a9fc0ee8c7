"""A viewer whose answers come from the test double; started by the tests as its own process.

python serve_answers.py RESULTS [IMAGE] [DELAY_S[+WHOLE_S] | threshold] [WORKLIST] [SEED]

With `threshold` the real backend runs around an engine whose answer is known, for what is written.
No answer comes while there is a file RESULTS/first, and no whole one while there is RESULTS/whole.
SEED is a first click as in the demo, RAS mm with commas.
"""

import logging
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from densesharp.nodule.records import Seed
from densesharp.worklist import open_worklist
from densesharp_scene.backend import LocalBackend
from densesharp_viewer.app import show
from nodule_answers import AnsweringBackend
from phantoms import ThresholdEngine


class HeldByFiles(AnsweringBackend):
    """Answers once nobody holds it back."""

    def __init__(self, folder: Path, *delays: float) -> None:
        super().__init__(*delays)
        self._folder = folder

    def analyse(self, volume, seed, nodule_id, progress, on_first):
        def first(result) -> None:
            on_first(result)
            self._wait("whole", progress)

        self._wait("first", progress)
        return super().analyse(volume, seed, nodule_id, progress, first)

    def update_mask(self, volume, result, mask, progress):
        self._wait("first", progress)
        return super().update_mask(volume, result, mask, progress)

    def _wait(self, name: str, progress) -> None:
        while (self._folder / name).exists():
            progress(0.5, "Held back")
            time.sleep(0.01)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    results, *more = sys.argv[1:]
    image = Path(more[0]) if more and more[0] else None
    kind = more[1] if len(more) > 1 else "0"
    if kind == "threshold":
        backend = LocalBackend()
        backend._engine = ThresholdEngine()
    else:
        backend = HeldByFiles(Path(results), *(float(part) for part in kind.split("+")))
    cases = open_worklist(more[2]) if len(more) > 2 and more[2] else []
    seed = Seed.from_ras([float(x) for x in more[3].split(",")]) if len(more) > 3 else None
    show(image, open_browser=False, results=Path(results), backend=backend, cases=cases, seed=seed)
