"""A viewer whose answers come from the test double; started by the tests as its own process.

python serve_answers.py RESULTS [IMAGE] [DELAY_S]
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from densesharp_viewer.app import show
from nodule_answers import AnsweringBackend

if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    results, *more = sys.argv[1:]
    image = Path(more[0]) if more and more[0] else None
    delay = float(more[1]) if len(more) > 1 else 0.0
    show(image, open_browser=False, results=Path(results), backend=AnsweringBackend(delay))
