"""Small studies, a clock that tests can turn, and readers that answer by themselves."""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np

from densesharp.image.grid import Grid
from densesharp.image.masks import mask_from_box
from densesharp.study.conduct.answer_form import Answer
from densesharp.study.conduct.design import Case, Design, Reader
from densesharp.study.conduct.model_results import Aid, describe_aids, write_aids
from densesharp.study.conduct.reader_masks import Mask, encode, make_mask
from densesharp.study.conduct.reading_session import OpenCase, Reading
from densesharp.study.conduct.study_folder import Study, freeze, hash_image
from densesharp.study.conduct.timing import Clock

READERS = (
    Reader("S1", "senior"),
    Reader("S2", "senior"),
    Reader("J1", "junior"),
    Reader("J2", "junior"),
)
CT_GRID = Grid((60, 50, 40), (-20.0, 10.0, -30.0), (0.8, 0.8, 1.25), np.eye(3))
SEED = tuple(float(x) for x in CT_GRID.center)
FROM_SEED_MM = CT_GRID.distance_to(SEED)
CLASSES = ("AAH-AIS", "MIA", "IAC")


class TurnableClock(Clock):
    """A clock that stands still until a test turns it."""

    def __init__(self) -> None:
        self.wall = datetime(2026, 1, 5, 8, tzinfo=timezone.utc)
        self.steady = 100.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def pass_time(self, seconds: float = 0, days: float = 0) -> None:
        self.wall += timedelta(seconds=seconds, days=days)
        self.steady += seconds + 86400 * days


def ball(radius_mm: float = 4.0) -> np.ndarray:
    """A ball around the seed on the CT's grid, (k, j, i)."""
    return radius_mm >= FROM_SEED_MM


def ball_mask(radius_mm: float = 4.0, edits: int = 1) -> Mask:
    return make_mask(mask_from_box(ball(radius_mm), (0, 0, 0), CT_GRID), CT_GRID, SEED, edits)


def truth_of(count: int) -> dict[str, str]:
    """Case id -> class, in turn."""
    return {f"C{n:03d}": CLASSES[n % 3] for n in range(count)}


def aid_for(case: str, probabilities: tuple[float, float, float], mask: bool = True) -> Aid:
    nrrd = encode(np.ones((2, 3, 4), np.uint8), CT_GRID.crop((0, 0, 0), (4, 3, 2)))
    return Aid(
        case, "example", "ab" * 32, "examples", dict(zip(CLASSES, probabilities, strict=True)),
        hashlib.sha256(nrrd).hexdigest() if mask else "", nrrd if mask else None,
    )  # fmt: skip


def make_study(folder: Path, kind: str = "crossover", count: int = 8, **changes: object) -> Study:
    """A frozen study of `count` cases, the first two more for practice where asked."""
    practice = int(changes.pop("practice", 0))
    key, feedback = changes.pop("key", None), str(changes.pop("feedback", ""))
    truth = changes.pop("truth", truth_of(count))
    cases = [Case(name, f"{name}.nrrd", SEED, strata={"size": "ab"[n % 2]})
             for n, name in enumerate(sorted(truth))]  # fmt: skip
    tell = changes.pop("tell", {})
    cases = [replace(case, feedback=tell.get(case.id, "")) for case in cases]
    folder.mkdir(parents=True, exist_ok=True)
    for n, name in enumerate(changes.pop("images", ())):
        (folder / name).write_bytes(name.encode())
        cases[n] = replace(cases[n], image=name, image_sha256=hash_image(folder / name))
    cases += [
        Case(f"P{n}", f"P{n}.nrrd", SEED, practice=True, feedback=feedback) for n in range(practice)
    ]
    aids = changes.pop("aids", None)
    if kind != "unaided" and aids is None:
        aids = [aid_for(case.id, (0.2, 0.3, 0.5)) for case in cases]
    parts = {"study": "example", "title": "An example", "seed": 7, "readers": READERS, **changes}
    aids = aids or []
    write_aids(folder, aids)
    design = Design(kind=kind, cases=tuple(cases), aid=describe_aids(aids), **parts)  # type: ignore[arg-type]
    return freeze(folder, design, truth, key)


def plain_answer(opened: OpenCase) -> Answer:
    """An answer that depends on the item and the step only."""
    digest = hashlib.sha256(f"{opened.item.item}/{opened.number}".encode()).digest()
    invasive = digest[0] * 100 // 255
    return Answer(CLASSES[digest[1] % 3], invasive, invasive * digest[2] // 255, 1 + digest[3] % 5)


def read_session(reading: Reading, number: int, override: str = "", answer=plain_answer) -> int:
    """Read a whole session; gives the number of answers."""
    if reading.sessions()[number - 1].status not in ("running",):
        reading.start_session(number, override)
    answers = 0
    while reading.sessions()[number - 1].status == "running":
        opened = reading.open_case()
        while opened is not None:
            opened.timer.touch()
            opened = reading.submit(answer(opened))
            answers += 1
    return answers
