"""Guidelines against their published tables, and what they answer when something is not known."""

import dataclasses
import json
import math

import pytest

from densesharp.nodule.guidelines import (
    Context,
    ContextError,
    Hint,
    all_hints,
    brock,
    brock_probability,
    ctr_group,
    diameter_baseline,
    fleischner_2017,
    guideline_hints,
    lung_rads_2022,
    mean_hu_baseline,
    stage_hint,
)
from densesharp.nodule.guidelines.concordance import concordance
from densesharp.nodule.guidelines.lung_rads import category
from densesharp.nodule.guidelines.stage import t_category
from densesharp.nodule.records import Measurements, Segment, SolidPart

INCIDENTAL = Context(
    age=60, known_cancer=False, immunosuppressed=False, screening=False, high_risk=False, nodules=1
)
SCREENING = Context(screening=True, comparison="baseline")


def measured(kind: str, long: float, short: float | None = None, solid: float = 0.0, **changes):
    """Measurements of a nodule with the given axes; its volume is far from any ball's."""
    axis = Segment((0.0, 0.0, 0.0), (long, 0.0, 0.0))
    part = SolidPart(-300.0, solid**3 / 2, solid, solid / long)
    values = {
        "volume_mm3": 99999.0, "long_axis_mm": long, "short_axis_mm": long if short is None
        else short, "plane": "axial", "long_axis": axis, "short_axis": axis,
        "max_3d_diameter_mm": long, "max_3d_diameter": axis, "mean_hu": -500.0, "sd_hu": 100.0,
        "min_hu": -800.0, "max_hu": 100.0, "mass_mg": 200.0, "solid": part, "solid_curve": (part,),
        "nodule_type": kind, **changes,
    }  # fmt: skip
    mean = (values["long_axis_mm"] + values["short_axis_mm"]) / 2
    return Measurements(mean_diameter_mm=mean, **values)


@pytest.mark.parametrize(
    ("kind", "size", "solid", "changes", "words"),
    [
        ("solid", 5.4, 5, {}, "No routine follow-up"),
        ("solid", 5.4, 5, {"high_risk": True}, "Optional CT at 12 months"),
        ("solid", 5.5, 5, {}, "CT at 6-12 months, then consider CT at 18-24 months"),
        ("solid", 8.4, 8, {"high_risk": True}, "CT at 6-12 months, then CT at 18-24 months"),
        ("solid", 8.5, 8, {}, "Consider CT at 3 months, PET/CT or tissue sampling"),
        ("solid", 8.5, 8, {"nodules": 3}, "CT at 3-6 months, then consider CT at 18-24 months"),
        ("solid", 7, 7, {"nodules": 2, "high_risk": True}, "CT at 3-6 months, then at 18-24"),
        ("solid", 5.5, 5, {"nodules": 2}, "CT at 3-6 months, then consider CT at 18-24 months"),
        ("solid", 4, 4, {"nodules": 2}, "No routine follow-up"),
        ("ground-glass", 5.4, 0, {}, "No routine follow-up"),
        ("ground-glass", 6, 0, {}, "CT at 6-12 months to confirm persistence, then CT every 2"),
        ("part-solid", 5.4, 3, {}, "No routine follow-up"),
        ("part-solid", 9, 5.9, {}, "solid part stays under 6 mm, CT every year for 5 years"),
        ("part-solid", 9, 6, {}, "highly suspicious"),
        ("ground-glass", 5, 0, {"nodules": 2}, "CT at 3-6 months; if stable, consider CT at 2 and"),
        ("ground-glass", 5.5, 0, {"nodules": 2}, "the most suspicious nodule decides"),
        ("solid", 5.4, 5, {"age": 35}, "No routine follow-up"),
        ("part-solid", 9, 3, {"nodules": 2}, "the most suspicious nodule decides"),
    ],
)
def test_fleischner_gives_the_cell_of_its_table(kind, size, solid, changes, words):
    context = dataclasses.replace(INCIDENTAL, **changes)
    hint = fleischner_2017(measured(kind, size, solid=solid), context)
    assert hint.applies is True
    assert words in hint.answer
    assert hint.missing == ()


@pytest.mark.parametrize(
    "changes",
    [{"age": 34}, {"known_cancer": True}, {"immunosuppressed": True}, {"screening": True}],
)
def test_fleischner_is_silent_where_it_does_not_apply(changes):
    hint = fleischner_2017(measured("solid", 9), dataclasses.replace(INCIDENTAL, **changes))
    assert hint.applies is False
    assert hint.answer is None


@pytest.mark.parametrize("unknown", ["age", "known_cancer", "immunosuppressed", "screening"])
def test_fleischner_may_not_apply_while_one_answer_is_unknown(unknown):
    context = dataclasses.replace(INCIDENTAL, **{unknown: None})
    assert fleischner_2017(measured("solid", 9), context).applies is None


def test_the_basis_names_the_solid_part_only_where_there_is_one():
    nodule = measured("part-solid", 12, solid=6)
    assert fleischner_2017(nodule, INCIDENTAL).basis == (
        "part-solid nodule, mean diameter 12 mm, solid part 6 mm"
    )
    assert lung_rads_2022(nodule, SCREENING).basis == (
        "part-solid nodule, mean diameter 12.0 mm, solid part 6.0 mm"
    )
    for kind in ("solid", "ground-glass"):
        for hint in (
            fleischner_2017(measured(kind, 12), INCIDENTAL),
            lung_rads_2022(measured(kind, 12), SCREENING),
        ):
            assert hint.basis.startswith(f"{kind} nodule, mean diameter 12")
            assert "solid part" not in hint.basis


def test_fleischner_asks_for_what_it_does_not_know():
    hint = fleischner_2017(measured("solid", 7), Context())
    assert hint.applies is None
    assert "Low risk" in hint.answer
    assert "high risk" in hint.answer
    assert "as a single nodule" in hint.answer
    assert set(hint.missing) == {
        "age", "known_cancer", "immunosuppressed", "screening", "nodules", "high_risk",
    }  # fmt: skip
    assert "high_risk" not in fleischner_2017(measured("ground-glass", 7), Context()).missing


def test_a_volume_never_decides():
    """The volume limits of Fleischner are not balls of the diameter limits: never convert."""
    for volume in (1.0, 1e6):
        nodule = measured("solid", 7, volume_mm3=volume)
        assert "6-12" in fleischner_2017(nodule, INCIDENTAL).answer
        assert category(nodule, SCREENING) == "3"


@pytest.mark.parametrize(
    ("kind", "size", "solid", "comparison", "expected"),
    [
        ("solid", 5.9, 5.9, "baseline", "2"), ("solid", 6.0, 6, "baseline", "3"),
        ("solid", 7.9, 7.9, "baseline", "3"), ("solid", 8.0, 8, "baseline", "4A"),
        ("solid", 14.9, 14.9, "baseline", "4A"), ("solid", 15.0, 15, "baseline", "4B"),
        ("solid", 3.9, 3.9, "new", "2"), ("solid", 4.0, 4, "new", "3"),
        ("solid", 6.0, 6, "new", "4A"), ("solid", 8.0, 8, "new", "4B"),
        ("solid", 7.9, 7.9, "growing", "4A"), ("solid", 8.0, 8, "growing", "4B"),
        ("part-solid", 5.9, 3, "baseline", "2"), ("part-solid", 6.0, 5.9, "baseline", "3"),
        ("part-solid", 9.0, 6.0, "baseline", "4A"), ("part-solid", 9.0, 8.0, "baseline", "4B"),
        ("part-solid", 5.9, 3, "new", "3"), ("part-solid", 9.0, 3.9, "new", "4A"),
        ("part-solid", 9.0, 4.0, "growing", "4B"), ("part-solid", 6.0, 5.0, "new", "4B"),
        ("part-solid", 5.9, 3, "growing", "4A"),
        ("ground-glass", 29.9, 0, "baseline", "2"), ("ground-glass", 30.0, 0, "baseline", "3"),
        ("ground-glass", 30.0, 0, "stable", "2"), ("ground-glass", 30.0, 0, "new", "3"),
        ("ground-glass", 30.0, 0, "growing", "3"), ("ground-glass", 29.9, 0, "growing", "2"),
        ("solid", 9.0, 9, "stable", None), ("part-solid", 9.0, 4, "stable", None),
    ],
)  # fmt: skip
def test_lung_rads_gives_the_category_of_its_table(kind, size, solid, comparison, expected):
    context = Context(screening=True, comparison=comparison)
    assert category(measured(kind, size, solid=solid), context) == expected


def test_lung_rads_rounds_each_axis_to_one_decimal_first():
    """5.96 and 5.96 become 6.0 and 6.0, so the nodule is 6.0 mm."""
    assert category(measured("solid", 5.96, 5.96), SCREENING) == "3"
    assert category(measured("solid", 5.94, 5.94), SCREENING) == "2"


@pytest.mark.parametrize(
    ("kind", "long", "short", "mean", "expected"),
    [("solid", 15.0, 14.9, 15.0, "4B"), ("ground-glass", 30.0, 29.9, 30.0, "3"),
     ("solid", 6.0, 5.9, 6.0, "3"), ("solid", 8.05, 7.95, 8.1, "4A")],
)  # fmt: skip
def test_a_mean_that_ends_in_half_a_tenth_is_rounded_up(kind, long, short, mean, expected):
    nodule = measured(kind, long, short)
    assert nodule.lung_rads_mean_mm == mean
    assert category(nodule, SCREENING) == expected


def test_large_ground_glass_that_grew_depends_on_how_fast():
    context = Context(screening=True, comparison="growing")
    answer = lung_rads_2022(measured("ground-glass", 36), context).answer
    assert answer == "Category 3: low-dose CT in 6 months (category 2 if it grew only slowly)"


def test_only_ground_glass_that_grew_may_have_grown_slowly():
    for kind, size, comparison in (
        ("solid", 6, "baseline"), ("ground-glass", 30, "new"), ("ground-glass", 29, "growing"),
    ):  # fmt: skip
        context = Context(screening=True, comparison=comparison)
        assert "slowly" not in lung_rads_2022(measured(kind, size), context).answer
    stable = lung_rads_2022(measured("solid", 9), Context(screening=True, comparison="stable"))
    assert stable.answer == "A stable nodule keeps or steps down its earlier category"


def test_a_large_solid_part_is_not_only_followed():
    large = fleischner_2017(measured("part-solid", 20, solid=8.1), INCIDENTAL).answer
    assert "PET/CT, biopsy or resection" in large
    assert "PET" not in fleischner_2017(measured("part-solid", 20, solid=8.0), INCIDENTAL).answer


def test_lung_rads_is_for_screening_and_says_what_it_assumed():
    nodule = measured("solid", 9)
    outside = lung_rads_2022(nodule, Context(screening=False))
    assert (outside.applies, outside.answer) == (False, None)
    unknown = lung_rads_2022(nodule, Context())
    assert unknown.applies is None
    assert unknown.answer.startswith("Category 4A")
    assert unknown.answer.endswith("(as on a baseline CT)")
    assert unknown.missing == ("screening", "comparison")


@pytest.mark.parametrize(
    ("age", "female", "family", "emphysema", "size", "kind", "upper", "count", "spic", "p"),
    [
        (62, 0, 0, 0, 4, "solid", 0, 4, 0, 0.00112),
        (62, 1, 0, 0, 10, "part-solid", 1, 1, 0, 0.1448),
        (54, 1, 0, 0, 8, "ground-glass", 1, 1, 0, 0.0412),
        (70, 1, 1, 1, 15, "solid", 1, 1, 1, 0.6056),
    ],
)
def test_brock_gives_the_published_values(
    age, female, family, emphysema, size, kind, upper, count, spic, p
):
    found = brock_probability(
        age=age, female=bool(female), family_history=bool(family), emphysema=bool(emphysema),
        diameter_mm=size, nodule_type=kind, upper_lobe=bool(upper), nodules=count,
        spiculated=bool(spic),
    )  # fmt: skip
    assert found == pytest.approx(p, abs=5e-5)


def test_brock_agrees_with_the_intercept_of_its_restatement():
    """Centring multiplied out, the intercept is 0.2761 (Eur Radiol 2019;29:5367)."""
    p = brock_probability(
        age=0, female=False, family_history=False, emphysema=False, diameter_mm=1e12,
        nodule_type="solid", upper_lobe=False, nodules=0, spiculated=False,
    )  # fmt: skip
    assert math.log(p / (1 - p)) == pytest.approx(0.2761, abs=1e-4)


def test_brock_takes_the_largest_diameter_and_gives_a_range_where_it_must():
    nodule = measured("solid", 15, 9)
    known = Context(
        age=70, female=True, family_history=True, emphysema=True, upper_lobe=True, spiculated=True,
        nodules=1,
    )  # fmt: skip
    assert brock(nodule, known).value == pytest.approx(0.6056, abs=5e-5)
    unsure = brock(nodule, dataclasses.replace(known, spiculated=None, emphysema=None))
    assert unsure.value is None
    assert unsure.missing == ("emphysema", "spiculated")
    assert "to 60.6%" in unsure.answer
    assert brock(nodule, dataclasses.replace(known, age=None)).answer is None
    barred = brock(nodule, dataclasses.replace(known, known_cancer=True))
    assert (barred.applies, barred.answer, barred.value) == (False, None, None)
    assert brock(nodule, known).answer == "Probability of cancer 60.6%"
    assert brock(nodule, known).applies is None
    without = {"emphysema": False, "spiculated": False}
    lowest = brock(nodule, dataclasses.replace(known, **without)).value
    words = f"Probability of cancer {lowest:.1%} to 60.6%, depending on what is unknown"
    assert unsure.answer == words


@pytest.mark.parametrize(
    ("kind", "total", "solid", "expected"),
    [
        ("ground-glass", 12, 0, "cTis"), ("ground-glass", 31, 0, "cT1a"),
        ("part-solid", 12, 5.0, "cT1mi"), ("part-solid", 12, 5.1, "cT1a"),
        ("part-solid", 31, 5.0, "cT1a"), ("part-solid", 25, 10.1, "cT1b"),
        ("part-solid", 28, 20.1, "cT1c"), ("solid", 5, 4, "cT1a"), ("solid", 12, 9, "cT1b"),
        ("solid", 31, 25, "cT2 or more"), ("ground-glass", 30, 0, "cTis"),
        ("part-solid", 30, 5.0, "cT1mi"), ("part-solid", 28, 10.0, "cT1a"),
        ("part-solid", 28, 20.0, "cT1b"), ("solid", 30, 25, "cT1c"),
    ],
)  # fmt: skip
def test_the_t_category_follows_the_solid_part(kind, total, solid, expected):
    nodule = measured(kind, total, solid=solid)
    assert t_category(nodule) == expected
    assert stage_hint(nodule).answer.startswith(expected)


@pytest.mark.parametrize(
    ("size", "solid", "words"),
    [(18, 4, "JCOG0804"), (18, 8, "JCOG1211"), (25, 5, "JCOG1211"), (18, 12, "JCOG0802"),
     (25, 20, "none"), (40, 10, "none"), (20, 5, "JCOG0804"), (20.5, 5, "JCOG1211"),
     (20, 5.4, "JCOG1211"), (30, 15, "JCOG1211"), (30.5, 10, "none"), (20, 10.4, "JCOG0802"),
     (20.5, 10.7, "none"), (29, 15.5, "none")],
)  # fmt: skip
def test_the_ctr_group_is_that_of_the_trials(size, solid, words):
    hint = ctr_group(measured("part-solid", size, solid=solid))
    assert words in hint.answer
    assert "-300 HU" in hint.basis


def test_the_baselines_answer_only_for_the_kind_of_nodule_they_come_from():
    glass, mixed = measured("ground-glass", 11), measured("part-solid", 11, mean_hu=-500.0)
    assert diameter_baseline(glass).answer.endswith(": IAC")
    assert diameter_baseline(measured("ground-glass", 10)).answer.endswith("not IAC")
    assert diameter_baseline(mixed).answer is None
    assert mean_hu_baseline(mixed).answer.endswith("MIA")
    assert mean_hu_baseline(measured("part-solid", 9, mean_hu=-600.0)).answer.endswith("AAH-AIS")
    assert mean_hu_baseline(measured("part-solid", 9, mean_hu=-400.0)).answer.endswith(" IAC")
    assert mean_hu_baseline(glass).answer is None
    assert diameter_baseline(mixed).value == 11
    # At the limits themselves.
    assert diameter_baseline(measured("ground-glass", 10.4)).answer.endswith(": IAC")
    assert mean_hu_baseline(measured("part-solid", 9, mean_hu=-581.0)).answer.endswith("MIA")
    assert mean_hu_baseline(measured("part-solid", 9, mean_hu=-464.0)).answer.endswith(": IAC")


SUGGESTED = {  # (kind, size, solid part, mean HU): class by T, by CTR, by diameter, by density
    ("ground-glass", 9, 0, -650): ("AAH-AIS", "not IAC", "not IAC", None),
    ("ground-glass", 10.4, 0, -650): ("AAH-AIS", "not IAC", "IAC", None),
    ("part-solid", 12, 3, -582): ("MIA", "not IAC", None, "AAH-AIS"),
    ("part-solid", 20, 5, -581): ("MIA", "not IAC", None, "MIA"),
    ("part-solid", 20, 5.1, -465): ("IAC", None, None, "MIA"),
    ("part-solid", 20.5, 4, -464): ("MIA", None, None, "IAC"),
    ("solid", 12, 12, -20): ("IAC", None, None, None),
}


@pytest.mark.parametrize(("nodule", "suggested"), SUGGESTED.items())
@pytest.mark.parametrize("predicted", ["AAH-AIS", "MIA", "IAC", None])
def test_the_model_is_compared_with_every_rule_that_names_a_class(nodule, suggested, predicted):
    kind, size, solid, mean = nodule
    measurements = measured(kind, size, solid=solid, mean_hu=float(mean))
    rows = concordance(predicted, measurements, all_hints(measurements, INCIDENTAL))
    names = ("clinical_t", "ctr", "diameter_baseline", "mean_hu_baseline")
    expected = dict.fromkeys(all_hints(measurements, INCIDENTAL), "not comparable")
    for name, classes in zip(names, suggested, strict=True):
        if predicted is not None and classes is not None:
            same = predicted in {"not IAC": ("AAH-AIS", "MIA")}.get(classes, (classes,))
            expected[name] = "agrees" if same else "differs"
    assert {name: row.agreement for name, row in zip(expected, rows, strict=True)} == expected


def test_hints_are_json_and_come_back():
    nodule = measured("part-solid", 12, 9, solid=6)
    hints = all_hints(nodule, INCIDENTAL)
    document = json.loads(json.dumps(guideline_hints(nodule, INCIDENTAL), allow_nan=False))
    assert {name: Hint.from_json(entry) for name, entry in document.items()} == hints
    assert all(hint.source and hint.basis for hint in hints.values())


@pytest.mark.parametrize("wrong", [{"age": -1}, {"age": 131}, {"nodules": 0}])
def test_an_impossible_patient_is_refused(wrong):
    with pytest.raises(ContextError):
        Context(**wrong)
    assert (Context(age=0).age, Context(age=130).age) == (0, 130)
