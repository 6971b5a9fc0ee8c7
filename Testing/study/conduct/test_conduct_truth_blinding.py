"""Whoever has a study's folder and this program cannot compute the truth."""

import argparse
import base64
import hashlib
import hmac
import itertools
import json
import os
from dataclasses import replace

import numpy as np
import pytest
from attack_on_truth import (
    Bayes,
    guessable_keys,
    labellings,
    study_of_format_1,
    undo_the_draw,
    what_depends_on_truth,
)
from study_simulation import CLASSES, READERS, make_study, read_session

from densesharp.cli.study import export as exporting
from densesharp.cli.study import verify
from densesharp.errors import OutputError, StudyError
from densesharp.stats.tables import read_table
from densesharp.study.analysis.analyse_study import describe
from densesharp.study.conduct.answer_form import Answer
from densesharp.study.conduct.design import Case, Reader
from densesharp.study.conduct.model_results import SEALED
from densesharp.study.conduct.schedule import make_schedule
from densesharp.study.conduct.store import open_store
from densesharp.study.conduct.study_folder import open_study
from densesharp.study.conduct.telling import about_files, refuse_telling
from densesharp.study.conduct.truth_key import TruthKey, key_path, read_key
from densesharp.study.exported.export_design import ExportDesign
from densesharp.study.exported.frozen_truth import check_truth
from densesharp.study.exported.load_study import load_study
from densesharp.study.exported.write_export import export

KINDS = ("crossover", "sequential", "unaided")


def command(module, *arguments) -> int:
    parser = argparse.ArgumentParser()
    module.configure(parser)
    return module.run(parser.parse_args([str(argument) for argument in arguments]))


def random_truth(count, rng):
    return {f"C{n:03d}": CLASSES[int(rng.integers(3))] for n in range(count)}


def as_csv(truth):
    return "case,class\n" + "".join(f"{case},{name}\n" for case, name in truth.items())


def draw_of_format_1(design, truth):
    """How schedules were drawn before: the seed alone, halves in the order of the classes."""
    rng = np.random.default_rng(design.seed)
    main = sorted(case.id for case in design.main_cases)

    def by_class():
        members = [[c for c in main if truth[c] == name] for name in sorted(set(truth.values()))]
        return [case for each in members for case in rng.permutation(each).tolist()]

    ordered = by_class() if design.repeats else []
    places = (np.arange(design.repeats) + rng.random()) * len(main) / max(1, design.repeats)
    repeats = [ordered[int(place)] for place in places]
    halves = []
    for group in sorted({reader.group for reader in design.readers}):
        (reader,) = (r.id for r in design.readers if r.group == group)
        rng.permutation(1)
        ordered = by_class()
        first = int(rng.integers(2))
        halves.append((reader, ordered[first::2], ordered[1 - first :: 2]))
    lists = {}
    for number, (reader, half, other) in enumerate(halves):
        blocks = [rng.permutation(cases).tolist() for cases in (half, other, half, other)]
        if number % 2:
            blocks = [blocks[1], blocks[0], blocks[3], blocks[2]]
        again = rng.permutation(repeats).tolist() if repeats else []
        lists[reader] = [*itertools.chain(*blocks), *again]
    return [Drawn(case) for reader in design.readers for case in lists[reader.id]]


class Drawn:
    def __init__(self, case):
        self.case = case


def test_the_attacker_solves_a_study_of_the_old_format(tmp_path):
    """So the attack works, and what it finds in new studies means something."""
    folder = study_of_format_1(tmp_path)
    study = open_study(folder / "study")
    solutions = undo_the_draw(study, draw_of_format_1)
    table = read_table(folder / "truth.csv", ("case", "class"))
    truth = dict(zip(table.columns["case"], table.columns["class"], strict=True))
    assert solutions == [solutions[0]]
    assert {case: solutions[0][case] for case in truth} == truth
    assert hashlib.sha256(as_csv(truth).encode()).hexdigest() == study.design.truth_sha256
    assert study.design.order_reveals_truth


@pytest.mark.parametrize(("count", "repeats"), [(9, 0), (14, 3), (24, 0)])
@pytest.mark.parametrize("kind", KINDS)
def test_the_draw_cannot_be_undone(tmp_path, kind, count, repeats):
    rng = np.random.default_rng([count, repeats, len(kind)])
    truth = random_truth(count, rng)
    readers = (Reader("S1", "senior"), Reader("J1", "junior"))
    study = make_study(tmp_path, kind, truth=truth, readers=readers, repeats=repeats, practice=1)
    assert not study.design.order_reveals_truth
    for key in guessable_keys(study)[:: 12 if count < 20 else 99]:
        assert truth not in undo_the_draw(study, lambda d, t, k=key: make_schedule(d, t, k))
    if kind == "crossover" and not repeats:
        assert not undo_the_draw(study, draw_of_format_1)


@pytest.mark.parametrize(
    ("kind", "counts", "repeats", "readers"),
    [
        ("crossover", (2, 2, 2), 0, READERS),
        ("crossover", (1, 2, 3), 2, READERS[:1]),
        ("crossover", (0, 3, 4), 2, (*READERS, Reader("S3", "senior"), Reader("S4", "senior"))),
        ("sequential", (1, 2, 3), 3, READERS),
        ("unaided", (2, 2, 2), 3, READERS[:3]),
    ],
)
def test_the_best_guess_from_a_schedule_is_chance(tmp_path, kind, counts, repeats, readers):
    best_guess_is_chance(tmp_path, kind, counts, readers, repeats=repeats)


@pytest.mark.parametrize("counts", [(2, 2, 2), (1, 2, 4), (1, 1, 5)])
def test_the_best_guess_from_the_halves_of_patients_is_chance(tmp_path, counts):
    """Whole patients make worse halves, and who is alone in one could tell more."""
    best_guess_is_chance(tmp_path, "crossover", counts, READERS[:1], (0, 0, 1, 1, 2, 3, 4))


def best_guess_is_chance(tmp_path, kind, counts, readers, patients=(), repeats=0):
    """The attacker knows the counts and how schedules are drawn; 0 cases beyond chance."""
    rng = np.random.default_rng(sum(counts))
    cases = [f"C{n:03d}" for n in range(sum(counts))]
    truths = labellings(cases, counts)
    design = make_study(tmp_path, kind, truth=truths[0], readers=readers, repeats=repeats).design
    if patients:
        listed = zip(design.cases, patients, strict=False)
        design = replace(design, cases=tuple(replace(c, patient=f"P{n}") for c, n in listed))
    attacker = Bayes(design, truths, keys=6_000 // len(truths))
    hits = []
    for _ in range(400 if patients else 200):
        truth = truths[int(rng.integers(len(truths)))]
        guess = attacker.guess(make_schedule(design, truth, TruthKey.draw()), rng)
        hits.append(sum(guess[case] == truth[case] for case in cases))
    beyond = np.mean(hits) - max(counts)
    assert beyond <= 3 * np.std(hits) / np.sqrt(len(hits)), f"{beyond:.2f} cases beyond chance"


@pytest.mark.parametrize("count", [12, 61, 128])
def test_all_readers_share_one_halving(tmp_path, count):
    """Two balanced halvings of four cases already give away which two are alike."""
    rng = np.random.default_rng(count)
    study = make_study(tmp_path, truth=random_truth(count, rng), repeats=4)
    assert len({what_depends_on_truth(study.schedule, reader.id) for reader in READERS}) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_s_numbers_do_not_depend_on_the_truth(tmp_path, kind):
    """How many numbers were drawn before a list tells the counts of the classes."""
    rng = np.random.default_rng(5)
    key = TruthKey.draw()
    orders = set()
    for n in range(6):
        study = make_study(tmp_path / str(n), kind, truth=random_truth(16, rng), key=key)
        lists = []
        for reader, session in itertools.product(("S1", "J2"), (1, study.sessions("S1"))):
            for block in (1, 2):
                names = [i.case for i in study.session(reader, session) if i.block == block]
                lists.append(tuple(np.argsort(np.argsort(names))) if names else ())
        orders.add(tuple(lists))
    assert len(orders) == 1, "each list is the same permutation of its sorted names"


def test_the_kept_hash_of_the_truth_cannot_be_tried_out(tmp_path):
    truth = random_truth(6, np.random.default_rng(1))
    key = TruthKey.draw()
    seal = key.seal(as_csv(truth).encode())
    study = make_study(tmp_path, truth=truth, truth_sha256=seal, key=key)
    kept = study.design.truth_sha256
    keys = guessable_keys(study)
    for classes in itertools.product(CLASSES, repeat=6):
        text = as_csv(dict(zip(truth, classes, strict=True))).encode()
        tried = [hashlib.sha256(text).hexdigest()]
        tried += [hmac.new(each.secret, text, hashlib.sha256).hexdigest() for each in keys]
        assert kept not in tried


def test_the_key_is_nowhere_in_folder_or_export(tmp_path, reading_of):
    key = TruthKey.draw()
    study = make_study(tmp_path / "study", "sequential", count=4, key=key)
    reading = reading_of(study)
    read_session(reading, 1)
    export(study, reading.store, tmp_path / "export")
    spellings = (key.secret, key.secret.hex().encode(), base64.b64encode(key.secret)[:40])
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 8
    for path in files:
        content = path.read_bytes()
        assert not any(each in content for each in spellings), path
    assert repr(key) == "TruthKey()"


# The key's file


def test_a_truth_is_checked_with_its_key(tmp_path):
    truth = tmp_path / "truth.csv"
    truth.write_text(as_csv(random_truth(4, np.random.default_rng(2))))
    key = TruthKey.draw()
    sealed = key.seal(truth.read_bytes())
    design = ExportDesign("example", key_sha256=key.sha256, truth_sha256=sealed)
    assert check_truth(truth, ExportDesign()) == "not_frozen"
    assert check_truth(truth, design) == "key_missing"
    key.write(key_path(truth, "example"), "example")
    assert key_path(truth, "example").stat().st_mode & 0o077 == 0
    assert check_truth(truth, design) == "frozen"
    truth.write_text(truth.read_text().replace("MIA", "IAC", 1) + "C9,IAC\n")
    with pytest.raises(StudyError, match="not the file that the design was frozen with"):
        check_truth(truth, design)
    with pytest.raises(OutputError, match="exists already"):
        key.write(key_path(truth, "example"), "example")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("", "is no key"), ("[]", "is no key"), ('{"key": "xy"}', "is no key"),
     (json.dumps({"key": "00" * 32}), "another study's key")],
)  # fmt: skip
def test_a_file_that_is_not_the_key_is_refused(tmp_path, text, sentence):
    path = tmp_path / "some.key"
    path.write_text(text)
    with pytest.raises(StudyError, match=sentence):
        read_key(path, TruthKey.draw().sha256)
    with pytest.raises(StudyError, match="is no key"):
        read_key(tmp_path / "absent.key", "")


# Studies made before


def test_a_study_of_the_old_format_is_read_on_and_named(tmp_path, capsys):
    folder = study_of_format_1(tmp_path) / "study"
    study = open_study(folder)
    assert len(study.schedule) == 2 * (2 * 14 + 3)
    assert command(verify, folder) == 0
    assert command(exporting, folder, "--out", tmp_path / "export") == 0
    said = capsys.readouterr()
    assert "The record is whole: 62 of 62 planned answers, 2 of 2 readers." in said.out
    assert "reveal the truth to anyone who has the folder" in said.out
    assert "reveal the truth to anyone who has the folder" in said.err
    assert "key_sha256" not in (tmp_path / "export" / "design.json").read_text()


def test_a_study_of_the_old_format_is_analysed_and_named(tmp_path):
    folder = study_of_format_1(tmp_path)
    study = open_study(folder / "study")
    store = open_store(study.default_store, study.design.study, study.design.sha256)
    data = load_study(export(study, store, tmp_path / "export"), folder / "truth.csv")
    store.close()
    assert (data.truth_state, data.order_reveals_truth) == ("frozen", True)
    assert describe(data).order_reveals_truth
    assert (data.classes >= 0).all()
    changed = (folder / "truth.csv").read_text().replace("MIA", "IAC", 1)
    (folder / "truth.csv").write_text(changed)
    with pytest.raises(StudyError, match="not the file that the design was frozen with"):
        load_study(tmp_path / "export", folder / "truth.csv")


# What tells the truth without any draw


def told_by_order(cases, truth, order):
    """An attacker's guess: the cases in an order, cut into the counts of the classes."""
    names = iter([name for name in CLASSES for _ in range(list(truth.values()).count(name))])
    return {case.id: next(names) for case in sorted(cases, key=order)}


def cases_in_class_order(count=30, **parts):
    truth = {f"x{n:02d}": CLASSES[3 * n // count] for n in range(count)}
    cases = [Case(name, "ct.nrrd", (0.0, 0.0, 0.0), image_sha256=name) for name in truth]
    return [replace(c, **{k: f(n) for k, f in parts.items()}) for n, c in enumerate(cases)], truth


def shuffled(n):
    return f"{np.random.default_rng(0).permutation(30)[n]:02d}"


@pytest.mark.parametrize(
    ("what", "parts"),
    [
        ("names", {}),
        ("paths", {"id": shuffled, "image": lambda n: f"{n:04d}.nrrd"}),
        ("patients", {"id": shuffled, "patient": lambda n: f"P{n:03d}"}),
    ],
)
def test_names_in_the_order_of_the_classes_are_refused(what, parts):
    cases, truth = cases_in_class_order(**parts)
    truth = {case.id: name for case, name in zip(cases, truth.values(), strict=True)}
    by = {"names": "id", "paths": "image", "patients": "patient"}[what]
    assert told_by_order(cases, truth, lambda case: getattr(case, by)) == truth, "the attack works"
    with pytest.raises(StudyError, match=f"Sorted by their {what} the cases come"):
        refuse_telling(cases, truth)
    rng = np.random.default_rng(3)
    mixed = dict(zip(truth, rng.permutation(list(truth.values())).tolist(), strict=True))
    refuse_telling(cases, mixed)


def test_alike_nodules_of_a_patient_are_no_order_of_classes():
    rng = np.random.default_rng(8)
    of = {f"P{n:02d}": CLASSES[int(rng.integers(3))] for n in range(20)}
    cases = [
        Case(f"{patient}-{n}", "x", (0.0, 0.0, 0.0), patient=patient)
        for patient in of
        for n in range(4)
    ]
    refuse_telling(cases, {case.id: of[case.patient] for case in cases})


def test_a_property_that_is_the_class_in_other_words_is_refused():
    rng = np.random.default_rng(1)
    truth = {f"x{n:02d}": CLASSES[int(rng.integers(3))] for n in range(30)}
    codes = dict(zip(CLASSES, "pqr", strict=True))
    cases = [
        Case(name, "ct", (0.0, 0.0, 0.0), strata={"size": "ab"[n % 2], "lab": codes[truth[name]]})
        for n, name in enumerate(truth)
    ]  # fmt: skip
    with pytest.raises(StudyError, match="The property 'lab' tells the class of every case"):
        refuse_telling(cases, truth)
    refuse_telling([replace(c, strata={"size": c.strata["size"]}) for c in cases], truth)


def test_file_times_in_the_order_of_the_classes_are_pointed_out(tmp_path):
    truth = random_truth(30, np.random.default_rng(4))
    study = make_study(tmp_path, "unaided", truth=truth, images=[f"{n}.nrrd" for n in range(30)])
    cases = sorted(study.design.main_cases, key=lambda case: CLASSES.index(truth[case.id]))
    for n, case in enumerate(cases):
        os.utime(study.image(case), (n, n))
    by_time = told_by_order(cases, truth, lambda case: study.image(case).stat().st_mtime)
    assert by_time == truth, "the attack works"
    assert "file times tell" in about_files(study, truth)
    for case in cases:
        os.utime(study.image(case), (5, 5))
    assert about_files(study, truth) == ""


@pytest.mark.parametrize("kind", KINDS)
def test_what_lies_in_folder_and_export_midway_is_the_same_for_every_truth(
    tmp_path, reading_of, kind
):
    """Names, order and sizes of files, rows and events, with readings half done."""
    rng = np.random.default_rng(11)
    key, seen = TruthKey.draw(), []
    for n in range(2):
        folder = tmp_path / str(n)
        study = make_study(folder / "study", kind, truth=random_truth(12, rng), key=key)
        reading = reading_of(study)
        reading.start_session(1)
        for _ in range(4):
            opened = reading.open_case()
            while opened is not None:
                opened = reading.submit(Answer("MIA", 50, 20, 3))
        export(study, reading.store, folder / "export")
        files = sorted(p for p in folder.rglob("*") if p.is_file() and "store" not in p.name)
        aids = [p.stat().st_size for p in files if p.suffix == SEALED]
        seen.append((
            [p.relative_to(folder).as_posix() for p in files], aids,
            [case.id for case in study.design.cases],
            len(reading.store.events("S1")),
            (folder / "export" / "answers.csv").stat().st_size,
        ))  # fmt: skip
    assert seen[0] == seen[1]
