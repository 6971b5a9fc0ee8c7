"""`densesharp agree`: its document, text, refusals, and LIDC as a real reader study."""

import argparse
import csv
import json

import pytest

from densesharp.cli import agree
from densesharp.errors import TableError
from densesharp.stats.ratings import read_ratings


def run(*arguments):
    parser = argparse.ArgumentParser()
    agree.configure(parser)
    return agree.run(parser.parse_args([str(a) for a in arguments]))


def write(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture
def psychiatrists(rows_of, tmp_path):
    rows = [
        (i, row["patient"], row[f"rater{i}"]) for row in rows_of("fleiss1971") for i in range(1, 7)
    ]
    return write(tmp_path / "fleiss.csv", ("reader", "case", "rating"), rows)


def test_names_without_an_order(psychiatrists, capsys):
    run(psychiatrists, "--json", "-", "--replicates", 50)
    found = json.loads(capsys.readouterr().out)
    assert found["fleiss_kappa"]["value"] == pytest.approx(0.430244520060141)
    assert found["krippendorff_alpha"]["nominal"]["value"] == pytest.approx(0.43341, abs=6e-6)
    assert found["krippendorff_alpha"]["ordinal"]["value"] is None
    assert "--order" in found["krippendorff_alpha"]["ordinal"]["reason"]
    assert found["cohen_kappa"]["1 / 2"]["unweighted"]["value"] == pytest.approx(0.651162790697674)
    assert "quadratic" not in found["coefficients"]["gwet"]
    assert found["light_kappa"]["unweighted"]["value"] == pytest.approx(0.459412144434595)
    assert found["coefficients"]["krippendorff"]["unweighted"]["se"] == pytest.approx(
        0.0542, abs=6e-6
    )


def test_numbers_with_a_gap_are_steps_of_one_scale(rows_of, tmp_path, capsys):
    rows = [
        (i, row["subject"], row[f"rater{i}"]) for row in rows_of("anxiety") for i in range(1, 4)
    ]
    run(
        *(write(tmp_path / "a.csv", ("reader", "case", "rating"), rows), "--json", "-"),
        *("--replicates", 50),
    )
    found = json.loads(capsys.readouterr().out)
    assert found["study"]["classes"] == list("123456")
    cohen = found["cohen_kappa"]["1 / 2"]
    assert cohen["quadratic"]["value"] == pytest.approx(0.29676511954993)
    assert found["icc"]["ICC(2,1)"]["value"] == pytest.approx(0.197998259355962)
    printed = found["icc_of_random_raters"]["ICC(2,1)"]
    assert printed["value"] == found["icc"]["ICC(2,1)"]["value"]
    assert printed["ci"] != found["icc"]["ICC(2,1)"]["ci"]
    assert found["kendall_w"]["value"] == pytest.approx(0.53965687595437)
    sparse = [(r, c, v) for r, c, v in rows if v not in ("2", "3")]
    ratings = read_ratings(write(tmp_path / "b.csv", ("reader", "case", "rating"), sparse))
    assert ratings.classes == tuple("123456")
    assert not ratings.complete


def test_a_number_that_only_python_would_read_is_none(tmp_path):
    rows = [(r, c, "1_0" if (r, c) == (2, 3) else c) for r in (1, 2) for c in (1, 2, 3)]
    table = write(tmp_path / "a.csv", ("reader", "case", "rating"), rows)
    with pytest.raises(TableError, match="line 7, column 'rating': '1_0' is not a number"):
        read_ratings(table)


def test_lidc_radiologists_are_interchangeable_and_patients_are_drawn(
    rows_of, expected, tmp_path, capsys
):
    rows = [
        (row["reader"], row["nodule_id"], row["nodule_id"].split("-s")[0], row["malignancy"])
        for row in rows_of("lidc_ratings")
    ]
    path = write(tmp_path / "lidc.csv", ("reader", "case", "patient", "malignancy"), rows)
    options = ("--rating", "malignancy", "--interchangeable", "--replicates", 100)
    run(path, *options, "--json", tmp_path / "out.json")
    found = json.loads((tmp_path / "out.json").read_text())
    wanted = expected("lidc_expected")["malignancy"]
    assert found["fleiss_kappa"]["value"] == pytest.approx(wanted["fleiss_kappa_unweighted"])
    alpha = found["krippendorff_alpha"]["ordinal"]
    assert alpha["value"] == pytest.approx(wanted["krippendorff_alpha_ordinal"])
    assert "clusters" in alpha["method"]
    assert found["icc"]["ICC(1,k)"]["value"] == pytest.approx(wanted["icc_1_k"])
    assert found["all_equal"]["value"] == pytest.approx(wanted["share_all_four_equal"])
    assert found["icc"]["ICC(2,1)"]["value"] is None
    assert "mean nothing" in found["cohen_kappa"]["reason"]
    assert "mean nothing" in found["light_kappa"]["unweighted"]["reason"]
    assert found["study"]["patients"] == 554
    text = capsys.readouterr().out
    assert "0.431" in text
    assert "Cohen" not in text


def test_classes_of_the_paper_know_their_order_and_truth(tmp_path, capsys):
    rows = [
        ("a", "1", "MIA", "MIA"), ("b", "1", "IAC", "MIA"),
        ("a", "2", "AAH-AIS", "IAC"), ("b", "2", "IAC", "IAC"),
        ("a", "3", "MIA", "AAH-AIS"),
    ]  # fmt: skip
    path = write(tmp_path / "c.csv", ("reader", "case", "rating", "truth"), rows)
    run(path, "--json", "-", "--replicates", 20)
    found = json.loads(capsys.readouterr().out)
    assert found["study"]["classes"] == ["AAH-AIS", "MIA", "IAC"]
    assert found["study"]["missing_ratings"] == 1
    assert found["against_truth"]["a"]["confusion"] == [[0, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert found["icc"]["ICC(1,1)"]["reason"]
    assert run(path, "--replicates", 20) == 0


@pytest.mark.parametrize(
    ("header", "rows", "says"),
    [
        (("reader", "case"), [("a", "1")], "the column 'rating' is missing"),
        (("reader", "case", "rating"), [("a", "1", "")], "line 2, column 'rating'"),
        (("reader", "case", "rating"), [("a", "1", "2")] * 2, "a second reading"),
        (("reader", "case", "rating"), [("a", "1", "2"), ("a", "2", "2")], "two readers"),
        (
            ("reader", "case", "rating", "truth"),
            [("a", "1", "2", "1"), ("b", "1", "2", "3")],
            "line 3, column 'truth': case '1' has another truth",
        ),
    ],
)
def test_wrong_tables_are_refused(tmp_path, header, rows, says):
    with pytest.raises(TableError, match=says):
        run(write(tmp_path / "x.csv", header, rows), "--replicates", 5)


def test_a_class_outside_the_order_is_refused(psychiatrists):
    with pytest.raises(TableError, match="is none of the classes x, y"):
        run(psychiatrists, "--order", "x,y")
