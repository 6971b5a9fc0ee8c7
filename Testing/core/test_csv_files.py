"""Tables as spreadsheets of any country write them, and every reader of a table on top."""

import pytest

from densesharp.cli.predict import parse_seed
from densesharp.csv_files import read_csv
from densesharp.errors import TableError
from densesharp.serve.case_list import read_cases
from densesharp.stats.imrmc import read_imrmc
from densesharp.stats.ratings import read_ratings
from densesharp.stats.tables import read_readings
from dicom_phantom import axial

TABLE = [["reader", "treatment", "case", "truth", "rating"],
         ["r1", "a", "c1", "0", "0.5"], ["r1", "a", "c2", "1", "-1.25"],
         ["r2", "a", "c1", "0", "3"], ["r2", "a", "c2", "1", "1e-3"]]  # fmt: skip


def written(path, rows, separator=",", *, decimal=".", minus="-", end="\n", encoding="utf-8",
            empty=0, before=""):  # fmt: skip
    lines = [
        separator.join(
            [*(f'"{c}"' if separator in c else c for c in
               (c.replace(".", decimal).replace("-", minus) for c in row)), *[""] * empty]
        )
        for row in rows
    ]  # fmt: skip
    lines += [separator * (len(rows[0]) - 1 + empty)] * (2 if empty else 0)
    path.write_bytes((before + end.join(lines) + end).encode(encoding))
    return path


WAYS = {
    "commas": {},
    "semicolons, decimal commas": {"separator": ";", "decimal": ","},
    "semicolons, points": {"separator": ";"},
    "tabs": {"separator": "\t", "decimal": ","},
    "a spreadsheet's empty columns and lines": {"empty": 3},
    "semicolons and empty columns": {"separator": ";", "decimal": ",", "empty": 2},
    "the minus sign that we print": {"minus": "\N{MINUS SIGN}"},
    "both": {"separator": ";", "decimal": ",", "minus": "\N{MINUS SIGN}"},
    "a mark of UTF-8": {"encoding": "utf-8-sig", "end": "\r\n"},
    "UTF-16 with tabs": {"separator": "\t", "encoding": "utf-16"},
    "a declared separator": {"separator": ";", "decimal": ",", "before": "sep=;\n"},
}


@pytest.mark.parametrize("way", WAYS)
def test_one_table_in_all_its_ways_is_the_same(tmp_path, way):
    path = written(tmp_path / "readings.csv", TABLE, **WAYS[way])
    readings = read_readings(path)
    assert readings.ratings[0].tolist() == [[0.5, -1.25], [3, 0.001]]
    assert readings.truth.tolist() == [False, True]


@pytest.mark.parametrize("way", WAYS)
def test_a_case_list_in_all_its_ways_is_the_same(tmp_path, way):
    rows = [["case", "image", "x", "y", "z", "space"],
            ["n1", "ct.nrrd", "-20.5", "0", "12", "ras"]]  # fmt: skip
    options = {**WAYS[way]}
    path = tmp_path / "cases.csv"
    if options.get("decimal"):  # of numbers only
        rows[1][1] = "ct"
    (case,) = read_cases(written(path, rows, **options))
    assert case.points[0].position == (-20.5, 0, 12)


def test_lines_keep_their_number_and_odd_tables_are_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('sep=;\nname;n\n"two\nlines";1\n\nx;2\n')
    table = read_csv(path, "The table")
    assert table.header == ("name", "n")
    assert [line for line, _ in table.rows] == [4, 6]
    assert table.records()[0] == {"name": "two\nlines", "n": "1"}
    path.write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(TableError, match="workbook of a spreadsheet: save it as 'CSV UTF-8'"):
        read_csv(path, "The table")
    path.write_bytes("name\nMüller\n".encode("latin-1"))
    with pytest.raises(TableError, match="not UTF-8 text: save it as"):
        read_csv(path, "The table")
    path.write_text('name\n"a" b\n')
    with pytest.raises(TableError, match="no table of text"):
        read_csv(path, "The table")
    with pytest.raises(TableError, match=r"cannot be read \(No such file"):
        read_csv(tmp_path / "none.csv", "The table")


def test_a_decimal_comma_among_commas_and_thousands_are_refused(tmp_path):
    rows = [row.copy() for row in TABLE]
    rows[1][4] = "0,5"
    with pytest.raises(TableError, match="'0,5' is not a number"):
        read_readings(written(tmp_path / "a.csv", rows))
    rows[1][4] = "1.234,5"
    with pytest.raises(TableError, match=r"'1\.234,5' is not a number"):
        read_readings(written(tmp_path / "b.csv", rows, ";"))


@pytest.mark.parametrize("fill", ["", ",,,", ";;;"])
def test_imrmc_saved_by_a_spreadsheet_is_read(tmp_path, fill):
    separator = fill[:1] or ","
    data = [
        "r1,c1,truth,0", "r1,c2,truth,1", "r1,c1,a,0.5", "r1,c2,a,\N{MINUS SIGN}2"
    ]  # fmt: skip
    lines = ["A study" + fill, "N0:1" + fill, "N1:1" + fill, "BEGIN DATA:" + fill]
    lines += [line.replace(",", separator) for line in data] + [fill]
    path = tmp_path / "a.imrmc"
    path.write_text("\n".join(lines), encoding="utf-8")
    assert read_imrmc(path).ratings.tolist() == [[[0.5, -2.0]]]


@pytest.mark.parametrize(
    "text", ["-20,0,-1", "\N{MINUS SIGN}20, 0, \N{MINUS SIGN}1", "(\N{MINUS SIGN}20, 0, -1)"]
)
def test_a_seed_as_we_print_it_is_a_seed(text):
    assert parse_seed(text, "lps", axial()).lps.tolist() == [-20, 0, -1]


def ratings(path, *classes):
    rows = [["reader", "case", "rating"]]
    rows += [[f"r{n % 2}", f"c{n // 2}", name] for n, name in enumerate(classes)]
    return written(path, rows)


def test_a_misspelt_class_is_named_with_its_line(tmp_path):
    path = ratings(tmp_path / "r.csv", "MIA", "IAC", "MAI", "AAH-AIS", "mia", "IAC")
    with pytest.raises(TableError) as caught:
        read_ratings(path)
    assert "'MAI' (line 4), 'mia' (line 6)" in str(caught.value)
    assert read_ratings(ratings(path, "low", "high")).ordered is False
    assert read_ratings(ratings(path, "MIA", "IAC")).ordered is True
    with pytest.raises(TableError, match="names 'MIA' twice"):
        read_ratings(ratings(path, "MIA", "IAC"), order=["A", "MIA", "MIA", "IAC"])
    with pytest.raises(TableError, match="'1e199' is too large"):
        read_ratings(ratings(path, "1e199", "2"))


def test_both_decimal_marks_in_one_column_are_refused(tmp_path):
    """1,234 beside 0.5 may be a thousand; in two columns each is plain."""
    path = tmp_path / "mixed.csv"
    path.write_text("a;b\nx;0.5\ny;1,234\n")
    with pytest.raises(TableError, match=r"line 3, column 'b': '1,234' and '0.5' in one column"):
        read_csv(path, "The table")
    path.write_text("a;b\n0.5;0,5\n1.5;1,234\n")
    assert read_csv(path, "The table").rows[1][1] == ("1.5", "1.234")
