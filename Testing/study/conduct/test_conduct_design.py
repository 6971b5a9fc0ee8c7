"""Design and schedule: frozen, balanced, reproducible, free of truth."""

import itertools
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from study_simulation import READERS, SEED, aid_for, make_study, truth_of

from densesharp.errors import StudyError
from densesharp.nodule.records import CLASS_NAMES
from densesharp.study.conduct.design import (
    AidSource,
    Case,
    Design,
    Endpoint,
    Reader,
    design_from_json,
)
from densesharp.study.conduct.model_results import describe_aids
from densesharp.study.conduct.schedule import AnswerStep, make_schedule, steps
from densesharp.study.conduct.study_folder import freeze, hash_image, open_study
from densesharp.study.conduct.truth_key import TruthKey

KEY = TruthKey(b"a key for tests")


def a_design(kind="crossover", count=12, readers=READERS, practice_of=0, **changes) -> Design:
    cases = tuple(Case(f"C{n:03d}", "x.nrrd", SEED) for n in range(count))
    cases += tuple(Case(f"P{n}", "x.nrrd", SEED, practice=True) for n in range(practice_of))
    aid = AidSource("m", "0" * 64, {case.id: "0" * 64 for case in cases})
    parts = {"study": "s", "title": "t", "seed": 1, "aid": None if kind == "unaided" else aid}
    return Design(kind=kind, readers=readers, **{"cases": cases, **parts, **changes})


def aid_of(cases) -> AidSource:
    return AidSource("m", "0" * 64, {case.id: "0" * 64 for case in cases})


def test_a_study_folder_is_read_back_as_it_was_frozen(tmp_path):
    study = make_study(tmp_path, practice=1, repeats=2)
    again = open_study(tmp_path)
    assert again.design == study.design
    assert again.schedule == study.schedule


def test_the_seed_of_a_case_is_written_as_ras(tmp_path):
    make_study(tmp_path)
    case = json.loads((tmp_path / "design.json").read_text())["cases"][0]
    assert case["seed_ras"] == pytest.approx([-SEED[0], -SEED[1], SEED[2]])


def test_a_design_keeps_the_hash_that_it_had_before_fields_came_to_it():
    cases = (Case("C1", "a", (1.0, 2.0, 3.0)), Case("C2", "b", (1.0, 2.0, 3.0)))
    design = Design("s", "t", "unaided", 1, (Reader("A", "g"),), cases)
    assert design.sha256 == "25c069304d924b5494866072cb0aa0e4e32a09a545786b5b7c00b8ba13b86aa9"
    changed = replace(design, endpoint=Endpoint(margin=0.1, equivalence=True))
    assert "equivalence" not in design.to_json()
    assert design_from_json(changed.to_json()).endpoint.equivalence
    with pytest.raises(StudyError, match="Equivalence needs a margin"):
        replace(design, endpoint=Endpoint(equivalence=True))


@pytest.mark.parametrize("change", [('"washout_days": 28', '"washout_days": 2'),
                                    ('"seed": 7', '"seed": 8'), ('"S1"', '"S3"')])  # fmt: skip
def test_a_changed_design_is_refused(tmp_path, change):
    make_study(tmp_path)
    path = tmp_path / "design.json"
    assert change[0] in path.read_text()
    path.write_text(path.read_text().replace(*change, 1))
    with pytest.raises(StudyError, match="changed after the study was frozen"):
        open_study(tmp_path)


def test_a_changed_schedule_is_refused(tmp_path):
    make_study(tmp_path)
    path = tmp_path / "schedule.csv"
    path.write_text(path.read_text().replace("C001", "C002", 1))
    with pytest.raises(StudyError, match=r"schedule.csv was changed"):
        open_study(tmp_path)


def test_a_design_of_another_format_names_the_format():
    with pytest.raises(StudyError, match="format 99, this software reads formats 1 and 2"):
        design_from_json('{"schema": 99, "design_sha256": ""}')


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 1}', "\x00"])
def test_what_is_no_design_is_refused(text):
    with pytest.raises(StudyError, match="not the design"):
        design_from_json(text)


def test_a_folder_without_study_says_what_is_missing(tmp_path):
    with pytest.raises(StudyError, match=r"no study folder: 'design.json' is missing"):
        open_study(tmp_path)


def test_a_study_is_never_overwritten(tmp_path):
    study = make_study(tmp_path)
    with pytest.raises(StudyError, match="holds a study already"):
        freeze(tmp_path, replace(study.design, schedule_sha256=""))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"readers": ()}, "no readers"),
        ({"readers": (Reader("A", "x"), Reader("a", "x"))}, "named twice"),
        ({"readers": (Reader("../A", "x"),)}, "cannot be used"),
        ({"count": 1}, "fewer than two cases"),
        ({"kind": "parallel"}, "crossover, sequential, unaided"),
        ({"washout_days": -1}, "not a length of time"),
        ({"repeats": 13}, "13 repeated cases"),
        ({"aid": None}, "missing for 12 of 12 cases"),
        ({"kind": "unaided", "aid": AidSource("m", "", {})}, "shows no model"),
        ({"mask": "maybe"}, "none, optional, required"),
        ({"endpoint": Endpoint("kappa")}, "figure of merit cannot be 'kappa': it is one of auc,"),
    ],
)
def test_a_contradictory_design_is_refused(changes, sentence):
    with pytest.raises(StudyError, match=sentence):
        a_design(**changes)


def test_results_of_two_models_are_refused():
    aids = [aid_for("A", (1, 0, 0)), replace(aid_for("B", (1, 0, 0)), model="other")]
    with pytest.raises(StudyError, match="different models"):
        describe_aids(aids)


def test_the_same_seed_draws_the_same_schedule_whatever_the_order_of_the_list():
    design = a_design()
    turned = replace(design, cases=design.cases[::-1])
    assert make_schedule(design, truth_of(12), KEY) == make_schedule(turned, truth_of(12), KEY)
    assert make_schedule(design) != make_schedule(replace(design, seed=2))
    other = make_schedule(design, truth_of(12), TruthKey(b"another"))
    assert other != make_schedule(design, truth_of(12), KEY)
    with pytest.raises(ValueError, match="needs a key"):
        make_schedule(design, truth_of(12))


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(2, 41),
    seniors=st.integers(1, 4),
    juniors=st.integers(0, 4),
    seed=st.integers(0, 2**31),
    repeats=st.integers(0, 2),
)
def test_a_crossover_is_complete_and_balanced(count, seniors, juniors, seed, repeats):
    readers = [Reader(f"S{n}", "senior") for n in range(seniors)]
    readers += [Reader(f"J{n}", "junior") for n in range(juniors)]
    design = a_design(count=count, readers=tuple(readers), seed=seed, repeats=repeats)
    truth = truth_of(count)
    items = make_schedule(design, truth, KEY)
    assert len({item.item for item in items}) == len(items)
    cases = {case.id for case in design.cases}
    for reader in readers:
        mine = [item for item in items if item.reader == reader.id and item.role == "main"]
        for condition in ("unaided", "aided"):
            assert Counter(i.case for i in mine if i.condition == condition) == Counter(cases)
        for session in (1, 2):
            first = [item for item in mine if item.session == session]
            assert {item.case for item in first} == cases, "each case once per session"
            unaided = [item for item in first if item.condition == "unaided"]
            assert abs(2 * len(unaided) - count) <= 1
            # Each class is split as evenly as an odd number allows.
            for name in set(truth.values()):
                total = sum(value == name for value in truth.values())
                share = sum(truth[item.case] == name for item in unaided)
                assert abs(2 * share - total) <= 1
        positions = [item.position for item in items if item.reader == reader.id]
        assert all(b in (a + 1, 1) for a, b in itertools.pairwise(positions))
        assert sum(item.role == "repeat" for item in items if item.reader == reader.id) == repeats


def test_readers_of_a_pair_take_opposite_halves_and_opposite_block_orders():
    items = make_schedule(a_design(), truth_of(12), KEY)

    def unaided_first(reader):
        return {i.case for i in items
                if (i.reader, i.session, i.condition) == (reader, 1, "unaided")}  # fmt: skip

    def first_condition(reader):
        return next(i.condition for i in items if (i.reader, i.session) == (reader, 1))

    for pair in (("S1", "S2"), ("J1", "J2")):
        assert not unaided_first(pair[0]) & unaided_first(pair[1])
        assert {first_condition(reader) for reader in pair} == {"unaided", "aided"}


@pytest.mark.parametrize("each", [1, 3])
def test_groups_of_odd_size_balance_each_other(each):
    readers = tuple(Reader(f"{group}{n}", group) for group in "SJ" for n in range(each))
    items = make_schedule(a_design(readers=readers), truth_of(12), KEY)
    begun = {i.reader: i.condition for i in items if (i.session, i.position) == (1, 1)}
    assert Counter(begun.values()) == {"aided": each, "unaided": each}


def test_the_two_readings_of_a_case_are_about_as_far_apart_as_the_sessions():
    design = a_design(practice_of=2, repeats=4)
    items = make_schedule(design, truth_of(12), KEY)
    blocks = {(i.reader, i.session, i.case): i.block for i in items if i.role == "main"}
    assert set(blocks.values()) == {1, 2}
    for (reader, _, case), block in blocks.items():
        assert blocks[reader, 1, case] == blocks[reader, 2, case] == block
    others = {(i.role, i.session, i.block) for i in items if i.role != "main"}
    assert others == {("practice", 1, 0), ("repeat", 3, 1)}


@pytest.mark.parametrize("seed", range(5))
def test_repeats_are_spread_over_classes_and_sizes(seed):
    """Three classes by two sizes of two cases each: six repeats are one of each."""
    cases = tuple(Case(f"C{n:03d}", "x", SEED, strata={"size": "ab"[n // 6]}) for n in range(12))
    truth = truth_of(12)
    items = make_schedule(a_design("unaided", cases=cases, repeats=6, seed=seed), truth, KEY)
    drawn = {i.case for i in items if i.role == "repeat"}
    assert len({(truth[case], int(case[1:]) // 6) for case in drawn}) == len(drawn) == 6


def test_the_answers_that_each_way_of_reading_asks_for():
    crossover, sequential = a_design(), a_design("sequential")
    item = make_schedule(crossover)[0]
    shown, hidden = (
        AnswerStep("aided", aid=True, final=True),
        AnswerStep("unaided", aid=False, final=True),
    )
    aided = replace(item, condition="aided")
    assert steps(crossover, aided) == (shown,)
    assert steps(crossover, replace(item, condition="unaided")) == (hidden,)
    assert steps(sequential, make_schedule(sequential)[0]) == (hidden, shown)
    first = AnswerStep("aided", aid=False, final=False)
    assert steps(replace(crossover, reveal="after_first_answer"), aided) == (first, shown)


def test_neither_design_nor_schedule_tells_the_truth(tmp_path):
    study = make_study(tmp_path, count=30)
    for name in ("design.json", "schedule.csv"):
        text = (tmp_path / name).read_text()
        assert not any(label in text for label in ("AAH", "MIA", "IAC"))
    # A reader who sees the order of cases learns nothing: classes are mixed in every block.
    truth = truth_of(30)
    blocks = Counter((i.reader, i.session, i.block, truth[i.case]) for i in study.schedule)
    assert min(blocks.values()) >= 4


def test_the_hash_of_a_dicom_folder_covers_names_and_contents(tmp_path):
    folder = tmp_path / "series"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / name).write_bytes(name.encode())
    before = hash_image(folder)
    assert before == hash_image(folder)
    (folder / "a").rename(folder / "c")
    renamed = hash_image(folder)
    (folder / "c").write_bytes(b"x")
    assert len({before, renamed, hash_image(folder)}) == 3
    with pytest.raises(StudyError, match="cannot be read"):
        hash_image(tmp_path / "absent")


@pytest.mark.parametrize("kind", ["crossover", "sequential", "unaided"])
@pytest.mark.parametrize("named", [True, False])
def test_nodules_of_a_patient_or_a_ct_are_read_in_one_half_and_one_after_the_other(kind, named):
    rng = np.random.default_rng(4)
    patients = rng.integers(14, size=40)
    cases = tuple(
        Case(f"C{n:03d}", f"{p}.nrrd", SEED, image_sha256=f"{p:064d}",
             patient=f"P{p}" if named else "")
        for n, p in enumerate(patients)
    )  # fmt: skip
    truth = {case.id: CLASS_NAMES[int(rng.integers(3))] for case in cases}
    design = a_design(kind, cases=cases, aid=None if kind == "unaided" else aid_of(cases))
    items = make_schedule(design, truth, KEY)
    own = {case.id: int(p) for case, p in zip(cases, patients, strict=True)}
    for (_, _, _), block in itertools.groupby(items, lambda i: (i.reader, i.session, i.block)):
        runs = [patient for patient, _ in itertools.groupby(block, lambda item: own[item.case])]
        assert len(runs) == len(set(runs)), "the nodules of a patient follow one another"
    if kind != "crossover":
        return
    first = [item for item in items if (item.reader, item.session) == ("S1", 1)]
    halves = [
        {item.case for item in first if item.condition == condition}
        for condition in ("unaided", "aided")
    ]
    assert not {own[case] for case in halves[0]} & {own[case] for case in halves[1]}
    assert abs(len(halves[0]) - len(halves[1])) <= 2
    for name in CLASS_NAMES:
        counts = [sum(truth[case] == name for case in half) for half in halves]
        assert abs(counts[0] - counts[1]) <= 2, (name, counts)
