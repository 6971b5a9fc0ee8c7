"""Level and coverage of everything that `densesharp agree` prints; see `level_of_studies.py`.

    python Testing/benchmarks/level_of_agreement.py [SETTING ...] [--sets 1000] [--write FILE]

Four readers, 60 cases, five ordered classes and a truth. `alone`: every case a patient; `patients`:
three cases each; readers agree, and each interval should hold the mean of its estimates. In
`alone by chance` and `patients by chance` readers do not agree at all (with the truth neither), and
each p should be below 0.05 in 5 % of the sets.
"""

import re

import numpy as np
from level_of_studies import READERS, main

from densesharp.stats.agree_document import AgreeDocument, agree_document
from densesharp.stats.ratings import Ratings

SETTINGS = ("alone", "patients", "alone by chance", "patients by chance")
CASES = 60
EQUALLY_OFTEN = (-0.84, -0.25, 0.25, 0.84)
"""Where the classes begin: AC and Brennan-Prediger are 0 by chance only if all are as frequent."""


def draw(rng: np.random.Generator, setting: str) -> AgreeDocument:
    """Agreement on drawn ratings."""
    patient = np.arange(CASES) // (3 if "patients" in setting else 1)
    by_chance = "chance" in setting

    def alike(*shape: int) -> np.ndarray:
        own = rng.normal(size=(*shape, CASES))
        return (own + rng.normal(size=(*shape, CASES))[..., patient]) / np.sqrt(2)

    true = alike()
    seen = alike(4) if by_chance else 0.8 * true + 0.6 * alike(4)
    codes = np.digitize(seen.T, EQUALLY_OFTEN)
    names = tuple(f"{k:02d}" for k in range(CASES))
    truth = np.digitize(true, EQUALLY_OFTEN)
    table = Ratings(READERS, names, tuple("12345"), np.arange(1.0, 6), True, codes, truth, patient)
    return agree_document(table, replicates=1 if by_chance else 200)


if __name__ == "__main__":
    main(draw, SETTINGS, lambda setting: re.compile("^$" if "chance" in setting else ""))
