"""Automation bias, and what missing readings could change: against counts and other programs."""

import dataclasses

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import special
from study_data_made_up import made_up
from study_run import run

from densesharp.errors import StudyError
from densesharp.stats.mrmc import analyse
from densesharp.stats.power import cases_needed, pilot_from, power
from densesharp.stats.tables import write_readings
from densesharp.study.analysis.analyse_study import analyse_study, describe
from densesharp.study.analysis.automation_bias import (
    automation_bias,
    share_difference,
    share_of_readings,
)
from densesharp.study.analysis.binary_tasks import analyse_task
from densesharp.study.analysis.missing_readings import missing_cases
from densesharp.study.analysis.sample_size import read_plan, sample_size
from densesharp.study.analysis.subgroups import analyse_subgroups
from densesharp.study.exported.export_design import DesignCase
from densesharp.study.figures.course import flow_plot
from densesharp.study.report.blocks import Bullets
from densesharp.study.report.content import content
from densesharp.study.report.design_tables import (
    characteristics_table,
    sample_size_text,
    study_table,
    subgroup_table,
)
from densesharp.study.report.reader_tables import automation_table
from densesharp.study.report.summary import interval_notes


def with_properties(data, **properties):
    """The data with a design that gives the cases properties."""
    listed = tuple(
        DesignCase(case, strata={name: of[k] for name, of in properties.items()})
        for k, case in enumerate(data.cases)
    )
    return dataclasses.replace(data, design=dataclasses.replace(data.design, listed=listed))


def test_subgroups_are_the_cases_that_have_the_property():
    data = made_up(("aided", "unaided"), cases=60, readers=3, seed=2)
    sizes = [f"{5 + k / 10:g}" for k in range(60)]
    texture = ["solid" if k % 3 else "subsolid" for k in range(60)]
    data = with_properties(data, size=sizes, texture=texture)
    found = {(row.property, row.value): row for row in analyse_subgroups(data)}
    assert set(found) == {
        ("size", "up to 7.95"), ("size", "above 7.95"),
        ("texture", "solid"), ("texture", "subsolid"),
    }  # fmt: skip
    row, chosen = found["texture", "solid"], np.arange(60) % 3 > 0
    assert row.cases == chosen.sum() == 40
    assert list(row.cases_by_class.values()) == np.bincount(data.truth[chosen]).tolist()
    sick = data.truth[chosen] > 0
    for t, condition in enumerate(data.conditions):
        areas = []
        for ratings in data.tasks[0].ratings[t][:, chosen]:
            x, y = ratings[sick][:, None], ratings[~sick][None, :]
            areas.append(np.mean((x > y) + 0.5 * (x == y)))
        assert row.auc["invasive"].means[condition].value == pytest.approx(np.mean(areas))
    gap = row.auc["invasive"]
    means = {name: one.value for name, one in gap.means.items()}
    assert gap.difference.value == pytest.approx(means["aided"] - means["unaided"])
    table = subgroup_table("invasive", list(found.values()), data.conditions)
    assert table.header == ["Cases", "n", "aided", "unaided", "aided minus unaided"]
    assert [cells[1] for cells in table.rows] == ["30", "30", "40", "20"]
    described = characteristics_table(describe(data), list(found.values()))
    assert described.rows[0][1:] == ["60", *map(str, np.bincount(data.truth))]
    assert described.rows[3][:2] == ["texture: solid", "40 (67 %)"]


def test_a_subgroup_of_one_class_has_no_area_and_no_properties_no_subgroups():
    data = made_up(("aided", "unaided"), cases=30, readers=2)
    assert analyse_subgroups(data) is None
    data = with_properties(data, sick=["yes" if t else "no" for t in data.truth])
    found = analyse_subgroups(data)
    assert [row.auc["invasive"] for row in found] == [None, None]
    rows = subgroup_table("invasive", found, data.conditions).rows
    assert rows[0][2:4] == ["not estimable"] * 2
    many = with_properties(data, name=[f"x{k}" for k in range(30)])
    assert analyse_subgroups(many) is None


def test_the_planned_sample_size_stands_in_the_report(van_dyke, tmp_path):
    pilot = pilot_from(analyse(van_dyke).components, 114)
    plan = tmp_path / "plan.json"
    power_command = ("power", tmp_path / "pilot.csv", "--effect", 0.05, "--readers", 6)
    write_readings(van_dyke, tmp_path / "pilot.csv")
    run(*power_command, "--power", 0.9, "--json", plan)
    data = made_up(("aided", "unaided"), kind="crossover", cases=80, readers=6)
    found = sample_size(data, read_plan(plan))
    assert found.power == pytest.approx(power(pilot, 6, 80, 0.05).power)
    assert found.cases_needed == cases_needed(pilot, 6, 0.05, 0.9).cases
    text = sample_size_text(found)
    assert f"6 readers and 80 cases have a power of {found.power:.2f}" in text
    assert f"{found.cases_needed} cases are needed" in text
    assert "no number" in sample_size_text(dataclasses.replace(found, cases_needed=None))
    fixed = made_up(kind="crossover", endpoint={"figure": "auc", "readers": "fixed"}, cases=80)
    assert sample_size(fixed, read_plan(plan)).power == pytest.approx(
        power(pilot, 4, 80, 0.05, "frrc").power
    )
    described = dataclasses.replace(describe(data), sample_size=found)
    assert dict(study_table(described).rows)["Sample size"] == text
    assert "Sample size" not in dict(study_table(describe(data)).rows)


@pytest.mark.parametrize("figure", ["auc", "sensitivity", "specificity"])
@pytest.mark.parametrize("kind", [(), ("--margin", 0.1), ("--margin", 0.1, "--equivalence")])
def test_margins_and_figures_of_the_plan_stand_in_the_report(van_dyke, tmp_path, figure, kind):
    write_readings(van_dyke, tmp_path / "pilot.csv")
    command = ["power", tmp_path / "pilot.csv", "--readers", 5, "--json", tmp_path / "plan.json"]
    command += [*kind] if kind else ["--effect", 0.1]
    command += [] if figure == "auc" else ["--figure", figure, "--threshold", 3]
    run(*command)
    data = made_up(("aided", "unaided"), kind="crossover", cases=80, readers=5)
    plan = read_plan(tmp_path / "plan.json")
    found = sample_size(data, plan)
    positive = int((data.truth > 0).sum())
    counted = {"auc": 80, "sensitivity": positive, "specificity": 80 - positive}[figure]
    wanted = power(plan.pilot, 5, counted, plan.effect, plan=plan.plan).power
    assert (found.cases, found.power) == (counted, pytest.approx(wanted))
    text = sample_size_text(found)
    aim = "detect 0.1" if not kind else "show non-inferiority by 0.1 where the difference is 0"
    aim = "show equivalence within 0.1 where the difference is 0" if len(kind) > 2 else aim
    assert f"planned to {aim}{'' if figure == 'auc' else f' in {figure}'} with power 0.8" in text
    assert ("one-sided level 0.025" if kind else "two-sided level 0.05") in text
    what = {"auc": "", "sensitivity": " with disease", "specificity": " without disease"}[figure]
    assert f"5 readers and {counted} cases{what} have a power of {wanted:.2f}" in text


def test_a_plan_that_is_none_is_refused(tmp_path):
    with pytest.raises(StudyError, match="is no plan of a comparison"):
        read_plan(tmp_path / "none.json")
    run("power", "--auc", 0.75, "--json", tmp_path / "one.json")
    with pytest.raises(StudyError, match="is no plan of a comparison"):
        read_plan(tmp_path / "one.json")


def readings(rng, readers, cases, share, spread, same):
    """Events of readings: readers differ, and tend to do the same in a case."""
    of_reader = special.logit(share) + spread * rng.normal(size=readers)
    chance = special.expit(of_reader)[:, None] * np.ones(cases)
    alike = rng.random(cases) < same
    draws = np.where(alike, rng.random(cases), rng.random((readers, cases)))
    return draws < chance


def test_a_share_s_variance_is_the_cluster_robust_one_of_a_regression():
    """One reader: cases alone are clusters, as patients of several cases."""
    rng = np.random.default_rng(1)
    of = np.repeat(np.arange(25), 2)
    events, among = rng.random((1, 50)) < 0.4, rng.random((1, 50)) < 0.8
    single, groups = events[among].astype(float), of[np.nonzero(among)[1]]
    fit = sm.OLS(single, np.ones(len(single))).fit(cov_type="cluster", cov_kwds={"groups": groups})
    found = share_of_readings(events, among, of)
    assert found.value == pytest.approx(fit.params[0])
    assert found.se == pytest.approx(fit.bse[0])
    assert 0 < found.ci[0] < found.value < found.ci[1] < 1
    # Two shares are the regression on which of them a reading is of.
    first = rng.random((1, 50)) < 0.5
    parts = (events, among & first), (events, among & ~first)
    is_first = first[among].astype(float)
    fit = sm.OLS(single, sm.add_constant(is_first)).fit(
        cov_type="cluster", cov_kwds={"groups": groups}
    )
    gap, n = share_difference(*parts, of), len(single)
    assert gap.value == pytest.approx(fit.params[1])
    assert gap.se == pytest.approx(fit.bse[1] / np.sqrt((n - 1) / (n - 2)))


def test_shares_of_none_and_all_say_why_they_have_no_interval():
    among, of = np.ones((2, 3), dtype=bool), np.arange(3)
    for events in (~among, among):
        assert share_of_readings(events, among, of).ci is None
        assert share_of_readings(events, among, of).reason
    assert share_of_readings(among, ~among, of).value is None
    assert share_difference((among, among), (among, ~among), of).reason


def test_the_test_of_two_shares_keeps_its_level_and_the_interval_its_coverage():
    rng = np.random.default_rng(3)
    rejected, covered, runs, of = 0, 0, 500, np.arange(90)
    wrong = np.broadcast_to(of < 30, (5, 90))
    for _ in range(runs):
        events = readings(rng, 5, 90, 0.3, 0.3, 0.4)
        gap = share_difference((events, wrong), (events, ~wrong), of)
        rejected += gap.p < 0.05
        low, high = share_of_readings(events, ~wrong, of).ci
        covered += low < 0.3 < high
    assert 0.02 < rejected / runs < 0.08
    assert 0.92 < covered / runs < 0.985


def test_right_answers_that_became_the_models_wrong_one_are_counted():
    data = made_up(("aided", "unaided"), cases=60, readers=3, seed=9)
    aided, unaided = data.classes
    found = automation_bias(data, aided, unaided)
    right, followed, kept, lost = {}, {}, 0, 0
    for r, k in np.ndindex(aided.shape):
        truth, told = data.truth[k], data.model.classes[k]
        if unaided[r, k] != truth:
            continue
        if told == truth:
            kept, lost = kept + 1, lost + (aided[r, k] != truth)
        else:
            right[r] = right.get(r, 0) + 1
            followed[r] = followed.get(r, 0) + (aided[r, k] == told)
    assert [one.right_before for one in found.readers.values()] == list(right.values())
    assert [one.followed for one in found.readers.values()] == list(followed.values())
    assert found.followed.value == pytest.approx(sum(followed.values()) / sum(right.values()))
    assert found.spontaneous.value == pytest.approx(lost / kept)
    assert found.difference.value == pytest.approx(found.followed.value - found.spontaneous.value)
    wrong = data.model.classes != data.truth
    change = ((aided == data.truth) * 1 - (unaided == data.truth))[:, wrong]
    assert found.accuracy_change.value == pytest.approx(change.mean())
    table = automation_table(found)
    assert f"the {wrong.sum()} cases in which the model was wrong" in table.caption
    assert table.rows[0][0] == f"R0, {followed[0]} of {right[0]}"
    assert automation_bias(dataclasses.replace(data, model=None), aided, unaided) is None


def test_no_difference_of_shares_is_beyond_what_can_be():
    """Two readers and eight cases: the formula's interval is -7.2 to 8.2."""
    data = made_up(("aided", "unaided"), cases=8, readers=2, seed=2)
    found = automation_bias(data, *data.classes)
    assert found.difference.ci[1] > 1
    table = automation_table(found)
    shown = dict(row[:2] for row in table.rows)["difference of these two shares"]
    assert shown.endswith("(-1.000 to 1.000)")
    assert "Intervals are cut at -1 and 1" in table.caption


def nested(data):
    """The first half of the readers read the even cases, the others the odd ones."""
    keep = np.arange(len(data.cases)) % 2 == (np.arange(len(data.readers)) % 2)[:, None]
    tasks = [dataclasses.replace(t, ratings=np.where(keep, t.ratings, np.nan)) for t in data.tasks]
    classes = np.where(keep, data.classes, -1)
    return dataclasses.replace(data, tasks=tuple(tasks), classes=classes, seconds=None)


def test_what_a_split_plot_leaves_out_is_not_missing():
    data = nested(made_up(("aided", "unaided"), cases=60, readers=4))
    study = describe(data)
    assert (study.missing_readings, study.missing_by_reader) == (0, {})
    rows = dict(study_table(study).rows)
    assert rows["Who read what"] == "split plot: groups of readers with cases of their own"
    assert rows["Readings missing"] == "0"
    counted = {row[0]: row[1] for row in flow_plot(study).rows}
    assert (counted["Readings, aided"], counted["Missing, aided"]) == (120, 0)
    task = analyse_task(data, data.tasks[0])
    assert task.missing is None
    assert task.bootstrap is None
    assert task.auc.rrrc.p is not None
    whole = describe(made_up(("aided", "unaided"), cases=60, readers=4))
    assert "every case" in dict(study_table(whole).rows)["Who read what"]


def test_notes_on_intervals_stand_below_the_endpoints():
    data = made_up(("aided", "unaided"), kind="crossover", cases=40, readers=3)
    data = dataclasses.replace(data, patients=np.arange(40) // 2)
    found = analyse_study(data)
    notes = interval_notes(found)
    assert notes[0].startswith("AUC, invasive; AUC, IAC; ")
    assert notes[0].endswith(": " + found.tasks["invasive"].auc.notes[0])
    assert "There are 20 patients only" in notes[0]
    blocks = content(found, {})
    at = next(number for number, one in enumerate(blocks) if isinstance(one, Bullets))
    assert blocks[at].items == notes
    assert blocks[at - 1].name == "endpoint_tests"


def test_missing_readings_are_filled_against_and_for_the_first_condition():
    data = made_up(("aided", "unaided"), cases=40, readers=3)
    readings = data.readings(data.tasks[0])
    assert missing_cases(readings, (0, 1)) is None
    ratings = readings.ratings.copy()
    gaps = [(0, 0, 3), (0, 2, 8), (1, 1, 8)]
    for gap in gaps:
        ratings[gap] = np.nan
    partial = dataclasses.replace(readings, ratings=ratings)
    found = missing_cases(partial, (0, 1))
    assert (found.first, found.second, found.filled) == ("aided", "unaided", 3)
    low, high = np.nanmin(ratings), np.nanmax(ratings)
    for one, against in ((found.worst, 0), (found.best, 1)):
        whole = ratings.copy()
        for t, r, k in gaps:
            whole[t, r, k] = low if readings.truth[k] == (t == against) else high
        wanted = analyse(dataclasses.replace(readings, ratings=whole)).rrrc
        assert one == wanted.differences["aided", "unaided"]
    assert found.worst.value < found.best.value
    ratings[1, 1] = np.nan
    assert missing_cases(dataclasses.replace(readings, ratings=ratings), (0, 1)) is None
