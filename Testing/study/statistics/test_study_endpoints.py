"""What the design named, missing readings, sessions and groups in the analysis of a study."""

import dataclasses
import math
import re
from itertools import product

import numpy as np
import pytest
from known_shapes import SHAPES
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.multitest import multipletests
from study_data_made_up import made_up, without_a_reading

from densesharp.image.grid import Grid
from densesharp.nodule.records import CLASS_NAMES
from densesharp.stats.estimates import Estimate, to_json
from densesharp.stats.formatting import number, p_text
from densesharp.stats.logit_scale import difference_on_logit
from densesharp.stats.model_vs_readers import standalone
from densesharp.study.analysis import classes, times
from densesharp.study.analysis.analyse_study import describe
from densesharp.study.analysis.binary_tasks import analyse_task
from densesharp.study.analysis.classes import analyse_agreement, analyse_classes
from densesharp.study.analysis.endpoints import endpoints, equivalence
from densesharp.study.analysis.model_alone import analyse_model_alone
from densesharp.study.analysis.outlines import analyse_outlines
from densesharp.study.analysis.study_results import Equivalence, StudyResults
from densesharp.study.analysis.task_results import RocCurves
from densesharp.study.analysis.times import analyse_sessions, analyse_times
from densesharp.study.conduct.reader_masks import encode
from densesharp.study.figures.roc_plots import forest_plot, roc_plot
from densesharp.study.report import endpoint_tables, reader_tables
from densesharp.study.report import task_tables as tables
from densesharp.study.report.summary import primary_sentence

PRIMARY = {"figure": "auc", "task": "invasive", "readers": "fixed", "margin": 0.05}


def analysed(data):
    """The results that endpoints are made of, of the first question."""
    found = StudyResults(
        schema=1, software=None, inputs={}, study=describe(data), endpoint=data.design.endpoint,
        tasks={task.name: analyse_task(data, task) for task in data.tasks[:1]},
        model_alone=analyse_model_alone(data), classes=None, agreement=None, time=None,
        sessions=None, outlines=None, endpoints=(),
    )  # fmt: skip
    return dataclasses.replace(found, endpoints=endpoints(found))


def area(positive, negative):
    return np.mean([(x > y) + 0.5 * (x == y) for x, y in product(positive, negative)])


def test_the_model_is_compared_on_the_cases_that_all_read():
    data = without_a_reading(made_up(kind="unaided", endpoint=PRIMARY))
    found = analysed(data)
    primary = found.endpoints[0]
    assert primary.primary
    assert primary.complete_cases_only
    assert primary.cases == 39
    task, sick = data.tasks[0], data.truth[1:] > 0
    model, *readers = (
        area(row[1:][sick], row[1:][~sick]) for row in (task.model, *task.ratings[0])
    )
    assert dict(primary.means) == pytest.approx({"model": model, "readers": np.mean(readers)})
    assert primary.difference == pytest.approx(model - np.mean(readers))
    assert primary.ci[0] < primary.difference < primary.ci[1]
    text = primary_sentence(primary)
    assert "the 39 cases that all read are compared" in text
    assert "not estimable" not in text
    assert (
        "39 cases that all readers read" in endpoint_tables.endpoint_table(found.endpoints).caption
    )
    rows = tables.standalone_table("invasive", found.tasks["invasive"].model).rows
    marked = [row for row in rows if "(primary)" in row[0]]
    assert [row[0] for row in marked] == [
        "these readers, random cases; 39 cases that all read (primary)"
    ]
    assert "not estimable" not in marked[0]
    table = tables.model_alone_table(found.model_alone)
    assert "cases that all readers read" in table.caption
    assert {row[1] for row in table.rows} == {"39"}


def test_with_missing_readings_the_means_have_intervals_and_say_of_which_cases():
    data = without_a_reading(made_up(("aided", "unaided"), kind="crossover"))
    task = analysed(data).tasks["invasive"]
    table = tables.area_table("invasive", task, data.conditions)
    assert "means and differences are of the 39 cases that all readers read" in table.caption
    for row in table.rows[:-1]:
        assert all(re.fullmatch(r"-?[\d.]+ \(-?[\d.]+ to [\d.]+\)", cell) for cell in row[1:4]), row
    complete = task.auc.complete_cases.rrrc.means["aided"]
    assert table.rows[-3][1].startswith(f"{complete.value:.3f} (")
    plot = forest_plot("invasive", task, describe(data))
    assert "the 39 cases that all readers read" in plot.caption
    assert all(row[3] is not None for row in plot.rows)
    assert "the model alone" in roc_plot("invasive", task, describe(data)).caption
    alone = dataclasses.replace(task, operating_points={}, roc=RocCurves(
        task.roc.fpr_grid, task.roc.readers, task.roc.mean))  # fmt: skip
    caption = roc_plot("invasive", alone, describe(data)).caption
    assert "model" not in caption
    assert "arrow" not in caption


@pytest.mark.parametrize("kind", ["unaided", "crossover"])
@pytest.mark.parametrize("margin", [0.04, 0.4])
def test_equivalence_is_two_one_sided_tests_and_the_interval_within_the_margin(kind, margin):
    planned = {"figure": "auc", "task": "invasive", "margin": margin, "equivalence": True}
    conditions = ("unaided",) if kind == "unaided" else ("aided", "unaided")
    found = analysed(made_up(conditions, kind=kind, endpoint=planned))
    primary, *others = found.endpoints
    low, high = primary.ci
    t = stats.t(primary.test.df[-1])
    se = (high - low) / 2 / t.ppf(0.975)
    p = max(t.sf((primary.difference + margin) / se), t.cdf((primary.difference - margin) / se))
    both = primary.equivalence
    if kind == "unaided":
        assert (both.p, both.ci) == (pytest.approx(p), primary.ci)
    else:
        # Made from the intervals of both conditions on the logit scale.
        form = found.tasks["invasive"].auc.rrrc
        one = found.tasks["invasive"].auc.of("aided", "unaided").rrrc
        means = (form.means["aided"], form.means["unaided"])
        assert both.ci == difference_on_logit(means, one, (0.0, 1.0)).ci
        assert both.p == pytest.approx(p, abs=0.05)
    low, high = both.ci
    assert both.shown is bool(both.p < 0.025) is bool(-margin < low and high < margin)
    assert primary.equivalence.shown is (margin == 0.4)
    assert primary.non_inferiority is primary.not_inferior is None
    assert all(row.equivalence is None for row in others)
    text = primary_sentence(primary)
    assert "are shown to be equivalent" in text or "are not shown to be equivalent" in text
    assert ("not shown" in text) is (margin != 0.4)
    rows = endpoint_tables.endpoint_tests_table(found.endpoints).rows
    assert any(f"equivalent within {margin:g}" in row[0] for row in rows)


def test_only_a_difference_with_an_interval_can_be_equivalent():
    assert not equivalence(Estimate(None, reason="none"), 0.1).shown
    assert equivalence(Estimate(0.0, reason="no variance"), 0.1) == Equivalence(0.1, None, False)


@pytest.mark.parametrize("readers", ["fixed", "random"])
def test_non_inferiority_is_tested_by_the_form_that_the_design_names(readers):
    data = made_up(kind="unaided", endpoint=PRIMARY | {"readers": readers})
    found = analysed(data)
    primary, *others = found.endpoints
    form = "frrc" if readers == "fixed" else "rrrc"
    against = found.tasks["invasive"].model.against_readers
    one = getattr(against, form)
    t = (one.value + 0.05) / one.se
    p = stats.norm.sf(t) if readers == "fixed" else stats.t.sf(t, one.df)
    for tested in (against.non_inferiority, primary.non_inferiority):
        assert tested.p == pytest.approx(p)
        assert (tested.form, tested.level) == (form, 0.025)
    # The test at its level and the interval say the same.
    assert primary.not_inferior is bool(p < 0.025)
    test = primary.test
    assert test.statistic == pytest.approx(one.value / one.se)
    assert (test.name, test.df) == (("z", []) if form == "frrc" else ("t", [one.df]))
    assert all(row.margin is None and row.non_inferiority is None for row in others)
    text = primary_sentence(primary)
    assert "p of the difference" in text
    assert "one-sided p" in text
    assert "level 0.025" in text
    table = tables.standalone_table("invasive", found.tasks["invasive"].model)
    (marked,) = (row[0] for row in table.rows if "(primary)" in row[0])
    assert marked.startswith("these readers" if form == "frrc" else "random readers, random")
    assert "level 0.025" in table.caption


def test_the_interval_and_the_one_sided_test_agree_at_every_margin(van_dyke):
    model = van_dyke.ratings[0, 0]
    readings = van_dyke.select(treatments=["1"], readers=["2", "3", "4", "5"])
    for form in ("rrrc", "frrc"):
        low = getattr(standalone(model, readings), form).ci[0]
        for margin in (-low - 1e-6, -low + 1e-6):
            tested = standalone(model, readings, margin=margin, form=form).non_inferiority
            assert (tested.p < tested.level) is bool(low > -margin)
            assert tested.p == pytest.approx(0.025, abs=1e-4)


def test_the_margin_of_a_crossover_is_for_aided_against_unaided():
    data = made_up(("aided", "unaided"), kind="crossover", endpoint=PRIMARY)
    found = analysed(data)
    alone = found.tasks["invasive"].model
    assert alone.against_readers.non_inferiority is None
    table = tables.standalone_table("invasive", alone)
    assert "primary" not in str(table.rows) + table.caption
    assert all(not part.primary for part in found.model_alone.comparisons)
    primary, *others = found.endpoints
    document = found.tasks["invasive"].auc
    section = document.frrc
    assert (primary.first, primary.second) == ("aided", "unaided")
    assert primary.p == pytest.approx(section.p)
    z = (document.difference + 0.05) / section.se
    assert primary.non_inferiority.p == pytest.approx(stats.norm.sf(z))
    assert primary.test.name == "χ²"
    assert primary.test.statistic == pytest.approx(section.statistic)
    for row, name in zip(others, ("sensitivity", "specificity"), strict=True):
        main = getattr(found.tasks["invasive"], name).rrrc
        assert row.test.name == "F"
        assert row.test.statistic == pytest.approx(main.statistic)
        assert row.test.df == pytest.approx([1, main.df2])
    first, second, *rest = endpoint_tables.endpoint_tests_table(found.endpoints).rows
    assert first[1:3] == ["cases", f"χ²(1) = {section.statistic:.2f}"]
    assert second[0] == "Primary: AUC, invasive, not worse by 0.05"
    assert second[2] == f"z = {z:.2f}"
    assert "one-sided, level 0.025" in second[3]
    for row in rest:
        assert row[1] == "readers and cases"
        assert row[2].startswith("F(1, ")


def test_a_crossover_of_which_only_unaided_readings_exist_has_no_primary_result():
    found = analysed(made_up(kind="crossover", endpoint=PRIMARY))
    assert found.endpoints
    for row in found.endpoints:
        assert not row.primary
        assert row.margin is None
    assert found.tasks["invasive"].model.against_readers.non_inferiority is None


def test_a_third_condition_does_not_take_the_place_of_the_named_ones():
    both = made_up(("aided", "unaided"), kind="crossover", endpoint=PRIMARY)
    wanted = analysed(both).endpoints[0]
    data = with_third(both)
    row = analysed(data).endpoints[0]
    assert (row.first, row.second, row.primary) == ("aided", "unaided", True)
    assert row.difference == pytest.approx(wanted.difference)


def test_a_third_condition_leaves_each_row_its_own_difference_and_p():
    both = made_up(("aided", "unaided"), kind="crossover", endpoint=PRIMARY)
    found = analysed(with_third(both)).tasks["invasive"]
    table = tables.forms_table("invasive", found, ("aided", "unaided"))
    assert "aided minus unaided" in table.caption
    pair = found.auc.of("aided", "unaided")
    for row, one in zip(table.rows, (pair.rrrc, pair.frrc, pair.rrfc), strict=False):
        low, high = (f"{limit:.3f}" for limit in one.ci)
        assert row[1] == f"{one.value:.3f} ({low} to {high})"
        law = stats.norm if one.df is None else stats.t(one.df)
        assert row[-1] == p_text(2 * law.sf(abs(one.value / one.se)))
    # The bootstrap is of the same pair.
    assert found.bootstrap.cases.value == pytest.approx(pair.rrrc.value)
    assert tables.compared(("a third", "aided", "unaided")) == ("aided", "unaided")
    equal, *_, last = tables.pairs_table("invasive", found.auc).rows
    assert equal[0].startswith("all equal")
    assert equal[3].startswith("F(2, ")
    assert last[0] == "aided minus unaided"
    assert last[1] == table.rows[0][1]


def test_without_a_named_pair_every_pair_of_conditions_is_compared():
    data = made_up(("x", "y", "z"), readers=3)
    rows = analysed(data).endpoints
    pairs = {(row.first, row.second) for row in rows}
    assert pairs == {("x", "y"), ("x", "z"), ("y", "z")}
    assert not any(row.primary for row in rows)
    raw, adjusted = [row.p for row in rows], [row.p_holm for row in rows]
    assert adjusted == pytest.approx(multipletests(raw, method="holm")[1])
    table = endpoint_tables.endpoint_table(rows)
    assert "every pair of conditions" in table.caption
    for row, cells in zip(rows, table.rows, strict=True):
        assert cells[0] == f"{row.figure}: {row.first} minus {row.second}"
        shown = [number(row.means[row.first]), number(row.means[row.second])]
        assert cells[1:5] == [str(row.cases), *shown, number(row.difference)]
        assert cells[6] == p_text(row.p)


def test_intervals_beyond_what_can_be_are_cut_and_the_captions_say_so():
    found = analysed(made_up(("aided", "unaided"), readers=2, cases=9, seed=1))
    task = found.tasks["invasive"]
    assert any(ci[0] < -1 or ci[1] > 1 for row in found.endpoints if (ci := row.ci))
    shown = [
        endpoint_tables.endpoint_table(found.endpoints),
        tables.forms_table("invasive", task, ("aided", "unaided")),
    ]
    assert "cut at" in shown[0].caption
    for table in shown:
        text = " ".join(cell for row in table.rows for cell in row[1:] if " to " in cell)
        assert all(-1 <= float(x) <= 1 for x in re.findall(r"-?\d\.\d{3}", text))
    for row in tables.area_table("invasive", task, ("aided", "unaided")).rows:
        areas = re.findall(r"-?\d\.\d{3}", " ".join(row[1:3]))
        assert all(0 <= float(x) <= 1 for x in areas)


def with_third(data):
    """A condition before the others, with the readings of the last in another order."""

    def more(values):
        return np.concatenate([values[-1:, :, ::-1], values])

    tasks = (dataclasses.replace(task, ratings=more(task.ratings)) for task in data.tasks)
    return dataclasses.replace(
        data,
        conditions=("a third", *data.conditions),
        tasks=tuple(tasks),
        classes=more(data.classes),
        seconds=more(data.seconds),
        session=None if data.session is None else more(data.session),
    )


def crossed():
    """Aided helps in the first session and harms in the second."""
    data = made_up(("aided", "unaided"), cases=80, readers=2)
    aided_first = (np.arange(80)[None, :] + np.arange(2)[:, None]) % 2 == 0
    session = np.stack([np.where(aided_first, 1.0, 2.0), np.where(aided_first, 2.0, 1.0)])
    # Of every 20 readings of a cell so many are right.
    shares = {(0, 1): 16, (0, 2): 11, (1, 1): 8, (1, 2): 15}
    right = np.zeros(data.classes.shape, dtype=bool)
    for (t, which), many in shares.items():
        places = np.argwhere(session[t] == which)
        for place in places[np.arange(len(places)) % 20 < many]:
            right[t, place[0], place[1]] = True
    chosen = np.where(right, data.truth, (data.truth + 1) % 3)
    logit = {cell: math.log(many / (20 - many)) for cell, many in shares.items()}
    return dataclasses.replace(data, classes=chosen, session=session), logit


def test_aided_is_the_mean_of_its_effects_in_the_two_sessions(monkeypatch):
    monkeypatch.setattr(classes, "REPLICATES", 10)
    data, logit = crossed()
    found = analyse_classes(data).changes.gee
    # Independence and as many coefficients as cells: the fit is the cells' log odds.
    effects = [logit[0, s] - logit[1, s] for s in (1, 2)]
    assert found["aided"].value == pytest.approx(np.mean(effects))
    assert found["aided_x_second_session"].value == pytest.approx(effects[1] - effects[0])
    later = [logit[t, 2] - logit[t, 1] for t in (0, 1)]
    assert found["second_session"].value == pytest.approx(np.mean(later))
    assert found["intercept"].value == pytest.approx(np.mean([logit[1, 1], logit[1, 2]]))


def test_models_of_two_conditions_leave_a_third_out(monkeypatch):
    monkeypatch.setattr(classes, "REPLICATES", 10)
    data, _ = crossed()
    more = with_third(data)
    one, other = (analyse_classes(d).changes for d in (data, more))
    for part in ("gee", "mixed_model_sensitivity"):
        for name, estimate in getattr(one, part).items():
            assert getattr(other, part)[name].value == pytest.approx(estimate.value), (part, name)
    one, other = (analyse_times(d).model for d in (data, more))
    assert other.ratio.value == pytest.approx(one.ratio.value)
    assert other.ratio.df == pytest.approx(one.ratio.df)


def test_readers_without_a_group_are_not_counted_into_one(monkeypatch):
    asked = []
    monkeypatch.setattr(times, "reading_time", lambda *_, group, **__: asked.append(group))
    data = made_up(("aided", "unaided"), cases=20)
    grouped = {"R0": "junior", "R1": "junior", "R2": "senior", "R3": "senior"}
    assert analyse_times(dataclasses.replace(data, groups=grouped)).group_reason is None
    assert list(asked.pop()) == 2 * ([0] * 40 + [1] * 40)
    for groups, reason in (
        (grouped | {"R3": ""}, "R3 without a group: the model has no term for groups."),
        (grouped | {"R3": "fellow"}, "There are 3 groups: the model has no term for groups."),
    ):
        found = analyse_times(dataclasses.replace(data, groups=groups))
        assert asked.pop() is None
        assert found.group_reason == reason
    assert analyse_times(data).group_reason is None


def test_the_agreement_table_says_which_cases_and_limits_it_shows():
    data = without_a_reading(made_up(("aided", "unaided"), cases=30, readers=2))
    found = analyse_agreement(data)
    caption = reader_tables.agreement_table(found).caption
    assert "cut at -1 and 1" in caption
    assert "ICC uses the cases that all readers rated (aided 29 of 30, unaided 30 of 30)" in caption
    assert "under both conditions (29), the other coefficients all ratings" in caption
    whole = {c: dataclasses.replace(p, complete_cases=p.cases) for c, p in found.conditions.items()}
    found = dataclasses.replace(found, conditions=whole)
    assert "missing" not in reader_tables.agreement_table(found).caption


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_readers_outlines_are_compared_by_every_measure(name, expected, tmp_path):
    """Against surface-distance, see known_shapes."""
    first, second, spacing = SHAPES[name]
    grid = Grid(first.shape[::-1], (0, 0, 0), spacing[::-1], np.eye(3))
    files = {}
    for r, mask in enumerate((first, second)):
        files[0, r, 0] = tmp_path / f"{r}.nrrd"
        files[0, r, 0].write_bytes(encode(mask.astype(np.uint8), grid))
    data = dataclasses.replace(made_up(readers=2, cases=4), model=None, masks=files)
    outlines = analyse_outlines(data)
    (row,) = (row for row in to_json(outlines.comparisons) if row["kind"] == "reader-reader")
    wanted = expected("segmetrics_expected")["values"][name]
    assert row["dice"] == pytest.approx(wanted["dice"])
    for measure in ("hd95", "nsd_1mm", "nsd_2mm"):
        key = "hd95_mm" if measure == "hd95" else measure
        assert row[key] == pytest.approx(wanted["deepmind"][measure])
    assert row["volume_ratio"] == pytest.approx(first.sum() / second.sum())
    low, high = sorted(wanted["deepmind"]["asd"])
    assert low - 1e-9 <= row["assd_mm"] <= high + 1e-9
    table = reader_tables.outline_table(outlines)
    cells = next(row for row in table.rows if row[0] == "reader-reader")
    assert "—" not in cells


# The numbers of tables, counted reading by reading


@pytest.fixture
def few(monkeypatch):
    """Two readers, of whom one left a case out, read twelve of 36 cases again."""
    monkeypatch.setattr(classes, "REPLICATES", 10)
    monkeypatch.setattr(classes, "kappa_differences", lambda *_, **__: {})
    data = without_a_reading(made_up(("aided", "unaided"), cases=36, readers=2, seed=11))
    again = np.where(np.arange(36) < 12, (data.classes[1] + (np.arange(36) % 5 == 0)) % 3, -1)
    first_aided = (np.arange(36)[None, :] + np.arange(2)[:, None]) % 2 == 0
    session = np.stack([np.where(first_aided, 1.0, 2.0), np.where(first_aided, 2.0, 1.0)])
    return dataclasses.replace(data, repeats=again, session=session)


def both_read(data):
    """(reader, case, truth, aided class, unaided class) of the readings under both conditions."""
    for r, k in np.ndindex(data.classes.shape[1:]):
        aided, unaided = (int(c) for c in data.classes[:, r, k])
        if min(aided, unaided) >= 0:
            yield r, k, int(data.truth[k]), aided, unaided


def test_changes_between_the_conditions_are_counted(few):
    found = to_json(analyse_classes(few).changes)
    tables = {part: np.zeros((3, 3, 3), int) for part in ("all", "model right", "model wrong")}
    gained, lost, read = np.zeros((3, 2, 36))
    for r, k, truth, aided, unaided in both_read(few):
        told = "right" if few.model.classes[k] == truth else "wrong"
        for part in ("all", f"model {told}"):
            tables[part][truth, unaided, aided] += 1
        read[r, k] = 1
        gained[r, k] = aided == truth != unaided
        lost[r, k] = unaided == truth != aided
    for part, counts in tables.items():
        for label, wanted in zip(CLASS_NAMES, counts.tolist(), strict=True):
            assert found["reclassification"][part][label] == wanted, (part, label)
    assert gained.sum() != lost.sum()
    raw = []
    for r, row in enumerate(found["readers"].values()):
        b, c, n = (int(x[r].sum()) for x in (gained, lost, read))
        counted = [row[name] for name in ("right_aided_only", "right_unaided_only", "both_read")]
        assert counted == [b, c, n]
        for name in ("accuracy_difference", "accuracy_difference_tango"):
            assert row[name]["value"] == pytest.approx((b - c) / n)
        raw.append(stats.binomtest(b, b + c).pvalue)
    smaller, larger = sorted(raw)
    holm = {smaller: min(1, 2 * smaller), larger: max(min(1, 2 * smaller), larger)}
    assert [row["p_holm"] for row in found["readers"].values()] == pytest.approx(
        [holm[p] for p in raw]
    )
    gap, times = (gained - lost).sum(0), read.sum(0)
    assert found["all_readers"]["value"] == pytest.approx(np.mean(gap / times))
    assert found["all_readers_obuchowski"]["value"] == pytest.approx(gap.sum() / times.sum())


def test_confusion_f1_and_accuracy_are_those_of_the_readings(few):
    found = to_json(analyse_classes(few))
    means = {}
    for t, condition in enumerate(few.conditions):
        scores = []
        for r, reader in enumerate(few.readers):
            counts = np.zeros((3, 3))
            for truth, called in zip(few.truth, few.classes[t, r], strict=True):
                if called >= 0:
                    counts[truth, called] += 1
            shown = found["confusion"][condition]["readers"][reader]
            assert shown["counts"] == counts.tolist()
            f1 = 2 * np.diag(counts) / (counts.sum(0) + counts.sum(1))
            scores.append(f1 @ counts.sum(1) / counts.sum())
            assert shown["weighted_f1"]["value"] == pytest.approx(scores[-1])
        means[condition] = np.mean(scores)
        assert found["weighted_f1"][condition]["value"] == pytest.approx(means[condition])
    difference = found["weighted_f1"]["difference"]["value"]
    assert difference == pytest.approx(means["aided"] - means["unaided"])


def test_agreement_in_pairs_and_with_oneself_is_kappa_of_the_cases_that_both_rated(few):
    def kappa(one, other):
        both = (one >= 0) & (other >= 0)
        counts = np.zeros((3, 3))
        np.add.at(counts, (one[both], other[both]), 1)
        return cohens_kappa(counts, wt="quadratic").kappa

    found = to_json(analyse_agreement(few))
    for t, condition in enumerate(few.conditions):
        rows = {"R0": few.classes[t, 0], "R1": few.classes[t, 1]}
        rows |= {"model": few.model.classes, "pathology": few.truth}
        shown = found["conditions"][condition]["pairs"]["quadratic_kappa"]
        assert len(shown) == 6
        for name, one in shown.items():
            first, second = name.split(" / ")
            assert one["value"] == pytest.approx(kappa(rows[first], rows[second])), name
    assert list(found["repeats"]) == ["R0", "R1"]
    for r, one in enumerate(found["repeats"].values()):
        assert one["value"] == pytest.approx(kappa(few.classes[1, r], few.repeats[r]))


def test_sessions_show_their_own_readings_only(few):
    found = to_json(analyse_sessions(few))
    for row in found["accuracy"]:
        t = few.conditions.index(row["condition"])
        chosen = (few.session[t] == row["session"]) & (few.classes[t] >= 0)
        assert row["readings"] == chosen.sum()
        assert row["accuracy"] == pytest.approx(np.mean((few.classes[t] == few.truth)[chosen]))
    assert len(found["accuracy"]) == 4
    for task in few.tasks:
        sick, wins = few.truth >= task.level, {}
        for t, condition in enumerate(few.conditions):
            # All pairs of cases of the readers count alike.
            pairs = [
                (x > y) + 0.5 * (x == y)
                for row, when in zip(task.ratings[t], few.session[t], strict=True)
                for x, y in product(row[sick & (when == 1)], row[~sick & (when == 1)])
                if not np.isnan(x + y)
            ]
            wins[condition] = np.mean(pairs)
        first = found["first_session_auc"][task.name]
        for condition, wanted in wins.items():
            assert first["auc"][condition]["value"] == pytest.approx(wanted)
        gap = first["differences"]["aided minus unaided"]["value"]
        assert gap == pytest.approx(wins["aided"] - wins["unaided"])


def test_points_of_the_curve_decisions_and_histograms_are_those_of_the_readings(few):
    for task in few.tasks:
        found, sick = to_json(analyse_task(few, task)), few.truth >= task.level
        for t, condition in enumerate(few.conditions):
            rates, benefits = [], []
            for r, reader in enumerate(few.readers):
                read = few.classes[t, r] >= 0
                called = few.classes[t, r][read] >= task.level
                hits, quiet = np.mean(called[sick[read]]), np.mean(~called[~sick[read]])
                point = found["operating_points"][condition][reader]
                for name, wanted in (
                    ("sensitivity", hits),
                    ("specificity", quiet),
                    ("ppv", np.mean(sick[read][called])),
                    ("npv", np.mean(~sick[read][~called])),
                    ("accuracy", np.mean(called == sick[read])),
                ):
                    assert point[name]["value"] == pytest.approx(wanted), name
                rates.append((hits, quiet))
                ratings = task.ratings[t, r][read] / 100
                act = ratings >= 0.2
                benefits.append(np.mean(act & sick[read]) - np.mean(act & ~sick[read]) / 4)
                counts = found["histograms"]["counts"][condition][reader]
                assert np.sum(list(counts.values())) == read.sum()
                low = np.sum((100 * ratings < 10) & (few.truth[read] == 0))
                assert counts[CLASS_NAMES[0]][0] == low
            average = found["average_points"][condition]
            assert list(average.values()) == pytest.approx(np.mean(rates, axis=0))
            curve = found["decision"]["net_benefit"][condition]
            assert curve[19] == pytest.approx(np.mean(benefits))
            if condition == "unaided":
                alone = found["model"]
                assert alone["readers_average_specificity"] == pytest.approx(average["specificity"])
        assert found["decision"]["thresholds"][19] == pytest.approx(0.2)
        everybody = np.mean(sick) - np.mean(~sick) / 4
        assert found["decision"]["treat_all"][19] == pytest.approx(everybody)


def test_a_model_without_a_result_for_these_cases_has_no_curve(few):
    nothing = np.full(len(few.cases), np.nan)
    found = analyse_task(few, dataclasses.replace(few.tasks[0], model=nothing))
    assert found.model is None
    assert found.roc.model is None
    assert found.decision.net_benefit["model"] is None
    assert found.calibration["model"].brier.reason


def test_times_are_summed_up_by_condition_and_reader(few):
    seconds = few.seconds.copy()
    seconds[0, 1, 4:9] = np.nan
    place = np.broadcast_to(np.arange(36.0), seconds.shape)
    found = to_json(analyse_times(dataclasses.replace(few, seconds=seconds, position=place)))
    for t, condition in enumerate(few.conditions):
        shown = found["summary"][condition]
        for name, values in (("all", seconds[t]), ("R0", seconds[t, 0]), ("R1", seconds[t, 1])):
            known = values[~np.isnan(values)]
            assert shown[name]["n"] == len(known)
            assert shown[name]["median"] == pytest.approx(np.median(known))
            assert shown[name]["quartiles"] == pytest.approx(np.quantile(known, [0.25, 0.75]))
    assert len(found["points"]) == 4 * 36 - 5
    assert ["aided", "R1", 20.0, pytest.approx(seconds[0, 1, 20])] in found["points"]
    # With the model against without: aided comes first.
    assert found["model"]["effects"]["aided"]["value"] == pytest.approx(
        np.nanmean(np.log(seconds[0])) - np.mean(np.log(seconds[1])), abs=0.05
    )
    assert found["model"]["ratio"]["value"] == pytest.approx(
        np.exp(found["model"]["effects"]["aided"]["value"])
    )
