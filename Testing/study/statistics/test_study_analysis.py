"""`study analyze`: the numbers of a made-up study whose truth is known."""

import hashlib
import json
import re
import shutil

import numpy as np
import pytest
from example_study import CLASSES, READERS, write_csv
from study_run import find_missing, rows_in, run

from densesharp.stats.estimates import to_json
from densesharp.stats.from_json import from_json
from densesharp.study.analysis.analyse_study import analyse_study
from densesharp.study.analysis.outlines import analyse_outlines
from densesharp.study.analysis.study_results import EndpointResult
from densesharp.study.conduct.reader_masks import decode, encode
from densesharp.study.exported.load_study import load_study
from densesharp.study.report.summary import primary_sentence


def test_counts_are_those_of_the_tables(folder, results):
    described = results["study"]
    assert described["cases"] == 36
    assert described["unread_cases"] == 1
    assert described["practice_answers"] == 4
    assert described["missing_readings"] == 0
    assert described["trained_on"] == "made-up nodules"
    truth = {row["case"]: row["class"] for row in rows_in(folder / "truth.csv")}
    answers = rows_in(folder / "export" / "answers.csv")
    for reader in READERS:
        mine = [r for r in answers if r["reader"] == reader and r["role"] == "main"]
        for condition in ("aided", "unaided"):
            right = [truth[r["case"]] == r["class"] for r in mine if r["condition"] == condition]
            accuracy = results["classes"]["accuracy"]["values"][condition][reader]
            assert accuracy == pytest.approx(np.mean(right))
    assert set(results["inputs"]) == {"design.json", "answers.csv", "model.csv", "truth.csv"}
    digest = hashlib.sha256((folder / "truth.csv").read_bytes()).hexdigest()
    assert results["inputs"]["truth.csv"] == digest


def test_the_primary_endpoint_is_the_one_of_the_design(results):
    primary, *others = results["endpoints"]
    assert primary["primary"]
    assert primary["figure"] == "AUC, invasive"
    document = results["tasks"]["invasive"]["auc"]
    assert primary["p"] == pytest.approx(document["rrrc"]["p"])
    assert primary["margin"] == 0.05
    assert not any(row["primary"] for row in others)
    for row in others:
        assert row["p_holm"] >= row["p"]
    row = from_json(EndpointResult, primary)
    assert "named before the first read" in primary_sentence(row, verified=True)
    assert "not verified to be named before" in primary_sentence(row)


def test_every_section_is_there(results):
    for name in ("tasks", "classes", "agreement", "time", "sessions", "outlines"):
        assert results[name], name
    assert results["outlines"]["cases"] == 6
    kinds = {row["kind"] for row in results["outlines"]["comparisons"]}
    assert kinds == {"reader-reader", "model-reader", "reader-consensus", "model-consensus"}
    assert set(results["agreement"]["repeats"]) == set(READERS)
    # The margin of a crossover is for aided against unaided reading.
    assert results["endpoints"][0]["non_inferiority"]["p"] < 1
    for task in results["tasks"].values():
        assert task["model"]["against_readers"]["non_inferiority"] is None
    parts = results["classes"]["changes"]["reclassification"]
    everything = sum(np.sum(v) for v in parts["all"].values())
    split = sum(np.sum(v) for part in ("model right", "model wrong") for v in parts[part].values())
    assert everything == split == 36 * 4


def test_readers_times_have_the_ratio_they_were_made_with(results):
    low, high = results["time"]["model"]["ratio"]["ci"]
    assert low < 0.85 < high


def test_results_are_plain_json_without_nan(folder):
    text = (folder / "out" / "results.json").read_text()
    assert not re.search(r"\bNaN\b|\bInfinity\b", text)


def test_what_is_not_estimable_has_a_reason(results):
    assert list(find_missing(results)) == []


def test_sizes_are_those_of_the_balls_that_were_drawn(folder, results):
    """The example's outlines are balls: their volume and diameter are known."""
    points = {(case, name): (m, r) for case, name, m, r in results["outlines"]["volume"]["points"]}
    assert len(points) == 6 * 4
    for case, name, model, reader in results["outlines"]["diameter"]["points"]:
        volumes = points[case, name]
        for diameter, volume in ((model, volumes[0]), (reader, volumes[1])):
            # The longest axis of three planes: above the mean width by up to a voxel.
            assert -0.2 < diameter - (6 * volume / np.pi) ** (1 / 3) < 1
    limits = results["outlines"]["diameter"]["limits"]
    differences = [m - r for _, _, m, r in results["outlines"]["diameter"]["points"]]
    # Every case has the four readers, so that the mean of means is the mean.
    assert limits["bias"]["value"] == pytest.approx(np.mean(differences))
    assert limits["lower"]["ci"][0] < limits["lower"]["value"] < limits["lower"]["ci"][1]
    ratio = results["outlines"]["volume"]["ratio"]
    logs = [np.log(m / r) for m, r in points.values()]
    assert ratio["bias"]["value"] == pytest.approx(np.exp(np.mean(logs)))
    rows = rows_in(folder / "out" / "figures" / "diameter_agreement.csv")
    assert {row["case"] for row in rows} >= {"bias", "lower limit", "upper limit"}
    assert len(rows) == 24 + 3


def test_probabilities_of_three_classes_are_those_of_the_answers(folder, results):
    truth = {row["case"]: CLASSES.index(row["class"]) for row in rows_in(folder / "truth.csv")}
    found = results["classes"]["probabilities"]
    assert set(found) == {"aided", "unaided", "model"}
    rows = [
        row for row in rows_in(folder / "export" / "answers.csv")
        if (row["reader"], row["condition"], row["role"]) == ("S1", "unaided", "main")
    ]  # fmt: skip
    one = found["unaided"]["S1"]
    assert one["n"] == len(rows) == 36
    scores, areas = [], []
    for row in rows:
        invasive, iac = float(row["p_invasive"]) / 100, float(row["p_iac"]) / 100
        wanted = np.eye(3)[truth[row["case"]]]
        scores.append(np.sum((np.array([1 - invasive, invasive - iac, iac]) - wanted) ** 2))
        areas.append((truth[row["case"]] == 2, iac))
    assert one["brier"]["value"] == pytest.approx(np.mean(scores))
    pairs = [(x > y) + 0.5 * (x == y) for a, x in areas if a for b, y in areas if not b]
    assert one["one_vs_rest"]["each"][2] == pytest.approx(np.mean(pairs))


def test_readers_dice_with_each_other_is_compared_between_the_conditions(folder, results):
    change = results["outlines"]["change"]
    assert change["study"]["readers"] == sorted(READERS)
    assert change["method"]["figure"] == "mean Dice with the other readers"
    masks = folder / "export" / "masks"
    values = []
    for n in range(6):
        mine, *others = (
            decode((masks / f"{r}_C{n:03d}_aided.nrrd").read_bytes())[0] > 0
            for r in ("S1", "J1", "J2", "S2")
        )
        values.append([2 * (mine & o).sum() / (mine.sum() + o.sum()) for o in others])
    assert change["values"]["aided"]["S1"] == pytest.approx(np.mean(values))
    row = next(r for r in results["endpoints"] if "Dice" in r["figure"])
    assert row["p"] == pytest.approx(change["rrrc"]["p"])
    assert row["p_holm"] >= row["p"]


def test_the_bootstrap_stands_beside_the_main_result(results):
    for task in results["tasks"].values():
        drawn, main = task["bootstrap"], task["auc"]
        assert drawn["cases"]["value"] == pytest.approx(main["difference"])
        assert drawn["readers_and_cases"]["value"] == pytest.approx(main["difference"])
        assert "4 readers" in drawn["readers_and_cases"]["method"]
        # Fixed readers, random cases: the same question as the bootstrap over cases.
        assert drawn["cases"]["se"] == pytest.approx(main["frrc"]["se"], rel=0.35)


def test_plain_readings_are_analysed_too(van_dyke, reader_study_folder, tmp_path):
    assert run("analyze", reader_study_folder / "vandyke.csv", "--out", tmp_path / "out") == 0
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    auc = found["tasks"]["disease"]["auc"]
    assert auc["rrrc"]["p"] == pytest.approx(0.0516656858192944)
    assert found["classes"] is None
    assert found["model_alone"] is None
    assert "exploratory" in (tmp_path / "out" / "report.html").read_text()


def test_readers_alone_are_compared_with_the_model(folder, tmp_path):
    """The study of the paper: no aided reading; the endpoint is model against readers."""
    export = tmp_path / "export"
    shutil.copytree(folder / "export", export)
    answers = [row for row in rows_in(export / "answers.csv") if row["condition"] == "unaided"]
    write_csv(export / "answers.csv", answers)
    design = json.loads((export / "design.json").read_text()) | {"kind": "unaided"}
    endpoint = {"figure": "accuracy", "task": "invasive", "readers": "fixed", "margin": 0.2}
    (export / "design.json").write_text(json.dumps(design | {"endpoint": endpoint}))
    results = analyse_study(load_study(export, folder / "truth.csv"))
    found = to_json(results)
    primary, *others = found["endpoints"]
    assert (primary["figure"], primary["form"]) == ("Three-class accuracy", "frrc")
    assert (primary["first"], primary["second"]) == ("model", "readers")
    confusion = found["classes"]["confusion"]
    model = confusion["model"]["mean"]["accuracy"]["value"]
    readers = [one["accuracy"]["value"] for one in confusion["unaided"]["readers"].values()]
    assert primary["means"]["model"] == pytest.approx(model)
    assert primary["difference"] == pytest.approx(model - np.mean(readers))
    assert primary["not_inferior"] is (primary["ci"][0] > -0.2)
    assert "the model is" in primary_sentence(results.endpoints[0])
    assert {row["figure"] for row in others} >= {
        "AUC, invasive",
        "Quadratic kappa against pathology",
    }
    auc = found["tasks"]["invasive"]["model"]["against_readers"]
    assert auc["non_inferiority"] is None, "the margin is the accuracy's, not the area's"
    same = next(row for row in others if row["figure"] == "AUC, invasive")
    assert same["p"] == auc["rrrc"]["p"]


def test_lung_around_the_outlines_changes_nothing(folder, tmp_path):
    export = tmp_path / "export"
    shutil.copytree(folder / "export", export)
    for path in (export / "masks").glob("*C002*.nrrd"):
        array, grid = decode(path.read_bytes())
        wider = grid.crop((-30, -20, -10), np.array(grid.size) + (60, 40, 20))
        path.write_bytes(encode(np.pad(array, ((10, 10), (20, 20), (30, 30))), wider))
    found = [
        to_json(analyse_outlines(load_study(base / "export", folder / "truth.csv")))
        for base in (folder, tmp_path)
    ]
    for name in ("volume", "diameter"):
        pairs = zip(*(one[name]["points"] for one in found), strict=True)
        assert all(a[:2] == b[:2] and a[2:] == pytest.approx(b[2:]) for a, b in pairs)
    for a, b in zip(*(one["comparisons"] for one in found), strict=True):
        # STAPLE looks at the background, which here ended at the picture's edge.
        if "consensus" not in a["kind"]:
            assert a == pytest.approx(b)
