"""Everything that can be seen of a study while it is read, tried as a way to its truth.

The attacker takes every number and text that folder, files, store, export, pages and answers show
of a case, and orders, groups and alternates the cases by each: what is right beyond chance is a
leak.
"""

import csv
import dataclasses
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from study_simulation import CLASSES, TurnableClock, aid_for, make_study, read_session

from densesharp.errors import StudyError
from densesharp.study.conduct.design import Case, Reader
from densesharp.study.conduct.model_results import AID, SEALED, Aid, load_aid
from densesharp.study.conduct.presenter import Presenter
from densesharp.study.conduct.reading_session import Reading
from densesharp.study.conduct.store import open_store
from densesharp.study.conduct.study_folder import Study
from densesharp.study.conduct.telling import about_files, refuse_telling
from densesharp.study.conduct.timing import Clock
from densesharp.study.conduct.truth_key import TruthKey
from densesharp.study.exported.write_export import export

DESIGNS = {
    "crossover": {"kind": "crossover"},
    "sequential": {"kind": "sequential"},
    "unaided": {"kind": "unaided"},
    "crossover, repeats": {"kind": "crossover", "repeats": 4, "practice": 2, "feedback": "MIA"},
    "sequential, repeats": {"kind": "sequential", "repeats": 4, "going_back": True},
}
READERS = (Reader("S1", "senior"), Reader("J1", "junior"))

Seen = Mapping[str, Mapping[str, object]]
"""What is looked at -> case -> what it shows."""


def flat(found: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every plain value below a record, with its place."""
    if isinstance(found, Mapping):
        for name, part in found.items():
            yield from flat(part, f"{path}.{name}")
    elif isinstance(found, list | tuple):
        yield f"{path}.length", len(found)
    else:
        yield path, found


def seen_of(study: Study, folder: Path, reading: Reading) -> Seen:
    """What a reader midway, and whoever has folder and export, can see of each case."""
    seen: dict[str, dict[str, object]] = defaultdict(dict)
    main = [case.id for case in study.design.main_cases]
    for place, case in enumerate(json.loads((study.folder / "design.json").read_text())["cases"]):
        for name, value in [("place", place), *flat(case)]:
            seen[f"design {name}"][case["id"]] = value
    listed = [entry.name for entry in os.scandir(study.folder / AID)] if study.design.aid else []
    for place, name in enumerate(listed):
        told = (study.folder / AID / name).stat()
        at = name.removesuffix(SEALED)
        seen["aid place"][at], seen["aid size"][at] = place, told.st_size
        seen["aid bytes"][at] = sum((study.folder / AID / name).read_bytes()[:64])
    for item in study.schedule:
        for name, value in dataclasses.asdict(item).items():
            seen[f"schedule {item.reader} {item.session} {item.role} {name}"][item.case] = value
        seen[f"schedule times {item.reader}"].setdefault(item.case, 0)
        seen[f"schedule times {item.reader}"][item.case] += 1
    for event in reading.store.events("S1"):
        if case := event.body.get("case"):
            for name, value in flat(event.body):
                seen[f"event {event.kind} {name}"][case] = value
            seen[f"event {event.kind} size"][case] = len(json.dumps(event.body))
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="") as file:
            for place, row in enumerate(csv.DictReader(file)):
                if case := row.get("case"):
                    for name, value in [("place", place), *row.items()]:
                        seen[f"{path.name} {name}"][case] = value
    return {name: by_case for name, by_case in seen.items() if set(main) <= set(by_case)}


def pages_of(presenter: Presenter, seen: dict[str, dict[str, object]]) -> None:
    """What the open case's page and views show, added to `seen`."""
    case = presenter._reading.open.item.case
    for name, value in flat(dataclasses.asdict(presenter.screen)):
        if name != ".heading":  # which counts the cases
            seen[f"page {name}"][case] = value
    seen["page size"][case] = len(json.dumps(dataclasses.asdict(presenter.screen), default=str))
    scene = dataclasses.asdict(presenter.scene)
    seen["scene outline"][case] = len(scene.get("aid_mask") or b"")


def guesses(by_case: Mapping[str, object], counts: Mapping[str, int]) -> Iterator[dict[str, str]]:
    """The truths that one thing suggests: cases by it, cut into the classes, or in turn."""
    classes = [name for name in CLASSES for _ in range(counts[name])]
    for order in (
        sorted(by_case, key=lambda case: (str(by_case[case]).zfill(24), case)),
        sorted(by_case, key=lambda case: (str(by_case[case])[::-1], case)),
    ):
        yield dict(zip(order, classes, strict=True))
        yield dict(zip(order, classes[::-1], strict=True))
        for turn in range(3):
            yield {case: CLASSES[(n + turn) % 3] for n, case in enumerate(order)}


def beyond_chance(seen: Seen, truth: Mapping[str, str]) -> Iterator[tuple[str, int, float]]:
    """Each thing's guesses: its name, how many cases were right, and how many chance gives."""
    counts = {name: list(truth.values()).count(name) for name in CLASSES}
    for name, by_case in seen.items():
        own = {case: by_case[case] for case in truth}
        if len(set(own.values())) == 1:
            continue  # says nothing
        for number, guess in enumerate(guesses(own, counts)):
            given = [list(guess.values()).count(c) for c in CLASSES]
            chance = sum(g * counts[c] for g, c in zip(given, CLASSES, strict=True)) / len(truth)
            right = sum(guess[case] == truth[case] for case in truth)
            yield f"{name}, guess {number}", right, chance


def random_truth(count: int, rng: np.random.Generator) -> dict[str, str]:
    return {f"C{n:03d}": CLASSES[int(rng.integers(3))] for n in range(count)}


def aids_like(truth: Mapping[str, str], practice: int, rng: np.random.Generator) -> list[Aid]:
    """A model that is nearly always right, with larger outlines and more reasons where invasive."""
    found = []
    for case, name in [*truth.items(), *((f"P{n}", "MIA") for n in range(practice))]:
        worse = CLASSES.index(name)
        chances = np.full(3, 0.05)
        chances[worse] = 0.9
        mask = rng.bytes(200 + 400 * worse)
        reasons = tuple("The nodule is large." for _ in range(worse))
        found.append(dataclasses.replace(aid_for(case, tuple(chances), mask=False), mask=mask,
                                         verdict="ok", reasons=reasons))  # fmt: skip
    return found


def read_and_look(folder: Path, parts: Mapping[str, object], rng: np.random.Generator):
    """A study read unaided as far as the model was not shown, and what could be seen of it."""
    truth = random_truth(12, rng)
    options = dict(parts)
    aids = aids_like(truth, int(options.get("practice", 0)), rng)
    study = make_study(
        folder / "study", truth=truth, readers=READERS,
        aids=None if options["kind"] == "unaided" else aids,
        images=[f"{n:02d}.nrrd" for n in range(12)], key=TruthKey(rng.bytes(32)), **options,
    )  # fmt: skip
    store = open_store(study.default_store, study.design.study, study.design.sha256)
    seen: dict[str, dict[str, object]] = defaultdict(dict)
    try:
        reading = Reading(study, store, "S1", TurnableClock())
        presenter = Presenter(reading)
        presenter.start_session(1)
        for case in study.design.practice_cases:
            (study.folder / case.image).write_bytes(b"practice")
        for _ in study.session("S1", 1):
            presenter.next_case()
            opened = reading.open
            if opened.item.role == "main" and opened.aid is None:
                pages_of(presenter, seen)
            while reading.open is not None:
                presenter.set_class("MIA")
                presenter.set_rating("p_invasive", 50)
                presenter.set_rating("p_iac", 20)
                presenter.set_confidence(3)
                presenter.submit()
                presenter.submit()
        export(study, store, folder / "export")
        looked = {**seen_of(study, folder / "export", reading)}
        looked |= {name: found for name, found in seen.items() if set(truth) <= set(found)}
    finally:
        store.close()
    return looked, truth


@pytest.mark.parametrize("design", DESIGNS)
def test_nothing_that_is_seen_tells_the_truth(tmp_path, design):
    """Each way to guess is right in as many of 72 cases as chance makes it, within 6 SD."""
    rng = np.random.default_rng(sorted(DESIGNS).index(design))
    right: dict[str, list[float]] = defaultdict(list)
    for number in range(6):
        looked, truth = read_and_look(tmp_path / str(number), DESIGNS[design], rng)
        for name, hits, chance in beyond_chance(looked, truth):
            if shows_the_model(name):
                continue
            right[name].append(hits - chance)
    assert len(right) > 100
    # 12 cases, right with chance 1/3 at most on average: SD of a study's hits is near 1.7.
    telling = {name: sum(v) for name, v in right.items() if abs(sum(v)) > 6 * 1.7 * len(v) ** 0.5}
    assert not telling


def shows_the_model(name: str) -> bool:
    """The model's result itself, which an export (for who runs the study) holds on purpose."""
    return (
        "aid_" in name
        or name.startswith("model.csv")
        or "sealed_probabilities" in name
        or name.startswith("event aid")
    )


def test_the_attack_finds_what_tells(tmp_path):
    """So that its silence means something: sizes of unfilled results, and names in an order."""
    rng = np.random.default_rng(1)
    truth = random_truth(30, rng)
    mask = {case: 100 * (CLASSES.index(name) + 1) for case, name in truth.items()}
    found = list(beyond_chance({"size": mask}, truth))
    assert max(hits for _, hits, _ in found) == 30
    in_turn = {f"C{n:03d}": CLASSES[n % 3] for n in range(30)}
    place = {case: n for n, case in enumerate(in_turn)}
    assert max(hits for _, hits, _ in beyond_chance({"place": place}, in_turn)) == 30


def test_results_of_any_size_are_files_of_one_size(tmp_path):
    truth = random_truth(9, np.random.default_rng(2))
    aids = aids_like(truth, 0, np.random.default_rng(3))
    study = make_study(tmp_path, "sequential", truth=truth, aids=aids)
    sizes = {path.stat().st_size for path in (tmp_path / AID).iterdir()}
    assert sizes == {65536}
    for aid, case in zip(aids, study.design.cases, strict=True):
        assert load_aid(study, case) == aid


# Lists that tell


def case_of(name: str, **parts: object) -> Case:
    return dataclasses.replace(Case(name, "ct.nrrd", (1.5, 2.5, 3.5), image_sha256=name), **parts)


PLACES = np.random.default_rng(0).permutation(30)


def neutral(n: int) -> str:
    """30 different names in no order."""
    return f"x{PLACES[n]:02d}"


TELLING = {
    "with their classes nearly in turn": lambda n, _: case_of(f"C{n:03d}"),
    "names read backwards the cases come nearly class": lambda n, _: case_of(
        f"{PLACES[n]:02d}{chr(ord('A') + n)}"
    ),
    "length of the name": lambda n, c: case_of(f"{neutral(n)}{'-' * c}{PLACES[n]:02d}"),
    "ending of the CT's file": lambda n, c: case_of(
        neutral(n), image=f"{neutral(n)}.{('nii', 'mha', 'dcm')[c]}"
    ),
    "number of digits of the point": lambda n, c: case_of(
        neutral(n), seed_lps=((1.0, 2.0, 3.0), (1.25, 2.0, 3.0), (1.125, 2.0, 3.0))[c]
    ),
}


@pytest.mark.parametrize("sentence", TELLING)
def test_lists_that_tell_in_other_ways_are_refused(sentence):
    in_order = "backwards" in sentence
    of = [3 * n // 30 if in_order else n % 3 for n in range(30)]
    if "in turn" not in sentence and not in_order:
        of = np.random.default_rng(4).permutation(of).tolist()
    cases = [TELLING[sentence](n, c) for n, c in enumerate(of)]
    truth = {case.id: CLASSES[c] for case, c in zip(cases, of, strict=True)}
    with pytest.raises(StudyError, match=sentence):
        refuse_telling(cases, truth)
    rng = np.random.default_rng(6)
    mixed = dict(zip(truth, rng.permutation(list(truth.values())).tolist(), strict=True))
    refuse_telling(cases, mixed)


def test_sizes_of_files_in_the_order_of_the_classes_are_pointed_out(tmp_path):
    truth = random_truth(30, np.random.default_rng(4))
    study = make_study(tmp_path, "unaided", truth=truth, images=[f"{n}.nrrd" for n in range(30)])
    for n, case in enumerate(study.design.main_cases):
        study.image(case).write_bytes(bytes(1000 * CLASSES.index(truth[case.id]) + n % 7))
        os.utime(study.image(case), (5, 5))
    assert "sorted by the size of their files the CTs come nearly class" in about_files(
        study, truth
    )
    for case in study.design.main_cases:
        study.image(case).write_bytes(bytes(100))
        os.utime(study.image(case), (5, 5))
    assert about_files(study, truth) == ""


def test_reading_needs_no_truth(tmp_path):
    """The whole study is read with neither truth nor key on the computer."""
    truth = random_truth(6, np.random.default_rng(8))
    study = make_study(tmp_path, "unaided", truth=truth, images=[f"{n}.nrrd" for n in range(6)])
    store = open_store(study.default_store, study.design.study, study.design.sha256)
    try:
        assert read_session(Reading(study, store, "S1", Clock()), 1) == 6
    finally:
        store.close()
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".key", ".truth")]
