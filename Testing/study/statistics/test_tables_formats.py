"""Reading tables: what is refused and how it is said; formats that go there and back."""

import numpy as np
import pytest

from densesharp.errors import TableError
from densesharp.stats.imrmc import read_imrmc, write_imrmc
from densesharp.stats.readings_files import load_readings, save_readings
from densesharp.stats.tables import Readings, read_readings

HEADER = "reader,treatment,case,truth,rating\n"
GOOD = ["r1,a,c1,1,5", "r1,a,c2,0,1", "r1,b,c1,1,4", "r1,b,c2,0,2"]


def table(tmp_path, rows, header=HEADER):
    path = tmp_path / "readings.csv"
    path.write_text(header + "\n".join(rows) + "\n")
    return path


BAD_ROWS = [
    ("r1,b,c2,2,2", 5, "truth", "unknown truth '2'"),
    ("r1,b,c2,yes,2", 5, "truth", "unknown truth 'yes'"),
    ("r1,b,c2,,2", 5, "truth", "missing"),
    ("r1,b,c2,1,2", 5, "truth", "0 in line 3"),
    ("r1,a,c2,0,2", 5, "case", "the first is in line 3"),
    ("r1,b,c2,0,high", 5, "rating", "'high' is not a number"),
    ("r1,b,c2,0,nan", 5, "rating", "'nan' is not a number"),
    ("r1,b,c2,0,1_0", 5, "rating", "'1_0' is not a number"),
    ("r1,b,c2,0,\u0661", 5, "rating", "is not a number"),
    ("r1,b,c2,0,1e999", 5, "rating", "'1e999' is not a number"),
    ("r1,b,c2,0,inf", 5, "rating", "'inf' is not a number"),
    ("r1,b,c2,0,", 5, "rating", "empty"),
    (",b,c2,0,2", 5, "reader", "empty"),
    ("r1,,c2,0,2", 5, "treatment", "empty"),
    ("r1,b,,0,2", 5, "case", "empty"),
]


@pytest.mark.parametrize(("row", "line", "column", "reason"), BAD_ROWS)
def test_a_wrong_row_is_refused_with_line_column_and_reason(tmp_path, row, line, column, reason):
    path = table(tmp_path, [*GOOD[:3], row])
    with pytest.raises(TableError) as caught:
        read_readings(path)
    message = str(caught.value)
    assert f"line {line}" in message
    assert f"column '{column}'" in message
    assert reason in message
    assert str(path) in message


@pytest.mark.parametrize("cell", ["-1", "+1.", ".5", "1e-3", "2.5E+1", "0010"])
def test_what_programs_write_as_a_number_is_read(tmp_path, cell):
    found = read_readings(table(tmp_path, [*GOOD[:3], f"r1,b,c2,0,{cell}"]))
    assert found.ratings[1, 0, 1] == float(cell)


def test_one_class_only_is_refused(tmp_path):
    path = table(tmp_path, [row.replace(",0,", ",1,") for row in GOOD])
    with pytest.raises(TableError, match="line 2, column 'truth': every case has truth 1"):
        read_readings(path)


@pytest.mark.parametrize(
    ("header", "rows", "says"),
    [
        ("reader,treatment,case,rating\n", GOOD, "the column 'truth' is missing"),
        ("reader;treatment;case;truth;rating\n", GOOD, "line 2: 1 cells where the header has 5"),
        (HEADER, [], "no row under the header"),
        (HEADER, [*GOOD, "r1,b,c3,0"], "line 6: 4 cells"),
        ("reader,treatment,case,truth,rating,rating\n", GOOD, "is there twice"),
        ("", [], "is missing"),
    ],
)
def test_a_wrong_shape_is_refused(tmp_path, header, rows, says):
    with pytest.raises(TableError, match=says):
        read_readings(table(tmp_path, rows, header))


def test_files_that_are_no_text(tmp_path):
    with pytest.raises(TableError, match="cannot be read"):
        read_readings(tmp_path / "absent.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(TableError, match="UTF-8"):
        read_readings(tmp_path / "binary.csv")


def test_line_numbers_count_blank_and_quoted_lines(tmp_path):
    rows = ["", "r1,a,c1,1,5", '"r\n1",a,c2,0,1', "r1,b,c1,1,x"]
    with pytest.raises(TableError, match="line 6, column 'rating'"):
        read_readings(table(tmp_path, rows))


def test_headers_may_have_capitals_blanks_a_byte_order_mark_and_more_columns(tmp_path):
    path = tmp_path / "readings.csv"
    header = "\ufeffReader, Treatment,CASE,Truth,rating,comment\n"
    path.write_text(header + "\n".join(f'{row},"fine, thanks"' for row in GOOD), encoding="utf-8")
    found = read_readings(path)
    assert found.readers == ("r1",)
    assert found.ratings[0, 0].tolist() == [5, 1]


def test_both_dialects_of_imrmc_hold_the_van_dyke_data(van_dyke, reader_study_folder):
    for name in ("vandyke.imrmc", "vandyke_rjafroc.imrmc"):
        found = read_imrmc(reader_study_folder / name)
        assert found.readers == van_dyke.readers
        assert found.cases == van_dyke.cases
        assert (found.truth == van_dyke.truth).all()
        assert (found.ratings == van_dyke.ratings).all()


@pytest.mark.parametrize("name", ["x.csv", "x.imrmc", "x.lrc"])
def test_writing_and_reading_again_changes_nothing(random_study, tmp_path, name):
    study = random_study()
    save_readings(study, tmp_path / name)
    found = load_readings(tmp_path / name)
    assert found.treatments == study.treatments
    assert found.cases == study.cases
    assert (found.truth == study.truth).all()
    assert (found.ratings == study.ratings).all()


@pytest.mark.parametrize("name", ["x.csv", "x.imrmc"])
def test_missing_readings_survive(random_study, tmp_path, name):
    study = random_study()
    study.ratings[0, 1, 3:9] = np.nan
    save_readings(study, tmp_path / name)
    found = load_readings(tmp_path / name)
    np.testing.assert_array_equal(found.ratings, study.ratings)


def test_the_rjafroc_dialect_has_whole_numbers_and_minus_one(random_study, tmp_path):
    study = random_study()
    names = write_imrmc(study, tmp_path / "x.imrmc", dialect="rjafroc")
    text = (tmp_path / "x.imrmc").read_text()
    assert names["reader"]["r0"] == "1"
    assert "\n-1,1,truth,1\n" in text
    body = text.split("BEGIN DATA:\n")[1]
    assert all(
        field.lstrip("-").isdecimal() for row in body.split() for field in row.split(",")[:2]
    )
    found = read_imrmc(tmp_path / "x.imrmc")
    assert sorted(found.ratings.ravel()) == sorted(study.ratings.ravel())


def test_lrc_refuses_missing_readings_and_takes_small_ratings_as_disease(random_study, tmp_path):
    study = random_study()
    path = tmp_path / "x.lrc"
    save_readings(study, path)
    path.write_text(path.read_text().replace("\nL L\n", "\nS L\n"))
    found = load_readings(path)
    assert (found.ratings[0] == -study.ratings[0]).all()
    study.ratings[0, 0, 0] = np.nan
    with pytest.raises(TableError, match="needs every reader's rating"):
        save_readings(study, path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no marker\n", "no line 'BEGIN DATA:'"),
        ("BEGIN DATA:\nr,c,m\n", "line 2: needs four fields"),
        ("BEGIN DATA:\nr,c,m,1\n", "has no truth line"),
        ("BEGIN DATA:\ntruth,c,truth,1\ntruth,c,truth,0\n", "a second truth of case 'c'"),
        ("BEGIN DATA:\ntruth,c,truth,3\nr,c,m,1\n", "unknown truth '3'"),
        ("BEGIN DATA:\ntruth,c,truth,1\n", "no reading"),
        (
            "BEGIN DATA:\ntruth,c,truth,1\ntruth,d,truth,0\nr,d,m,2\nr,c,m,z\n",
            "line 5, column 'rating'",
        ),
        (
            "N0: 1\nN1:2\nBEGIN DATA:\ntruth,c,truth,1\ntruth,d,truth,0\nr,d,m,2\nr,c,m,1\n",
            "its head says N1: 2, but the data have 1",
        ),
    ],
)
def test_wrong_imrmc_files_are_refused(tmp_path, text, says):
    (tmp_path / "x.imrmc").write_text(text)
    with pytest.raises(TableError, match=says):
        read_imrmc(tmp_path / "x.imrmc")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('title\nr1\n"a" "b"\nL L\n1 2 c1\n', "breaks off"),
        ('title\nr1\n"a" "b"\nL Q\n', "line 4: needs one flag"),
        ('title\nr1\n"a" "b"\nL L\n1\n', "line 5: needs 2 ratings"),
        ('title\nr1\n"a"\nL\n1 c1\n*\n2 c2\n*\n', "without the line '#'"),
        ("title\n#\n", "no reading"),
        ('title\nr1\n"a" "a"\nL L\n1 2 c1\n*\n2 3 c2\n*\n#\n', "line 5.*a second reading of"),
        ('title\nr1\n"a"\nL\nx c1\n*\n2 c2\n*\n#\n', "line 5, column 'rating'"),
    ],
)
def test_wrong_lrc_files_are_refused(tmp_path, text, says):
    (tmp_path / "x.lrc").write_text(text)
    with pytest.raises(TableError, match=says):
        load_readings(tmp_path / "x.lrc")


def test_unknown_endings_and_labels_the_format_cannot_hold(random_study, tmp_path):
    with pytest.raises(TableError, match="ending"):
        load_readings(tmp_path / "x.xlsx")
    study = random_study()
    comma = Readings(("a,b", "c"), study.readers, study.cases, study.truth, study.ratings)
    with pytest.raises(TableError, match="comma"):
        write_imrmc(comma, tmp_path / "x.imrmc")
