"""Tables as spreadsheets of any country write them, and every reader of a table on top."""

import contextlib
import sqlite3
import zipfile

import numpy as np
import pytest
import SimpleITK as sitk

from densesharp.cli.predict import parse_seed
from densesharp.csv_files import read_csv
from densesharp.errors import TableError
from densesharp.serve.case_list import read_cases
from densesharp.stats.imrmc import read_imrmc
from densesharp.stats.ratings import read_ratings
from densesharp.stats.tables import read_readings
from densesharp.words import look_alikes, odd_signs, plain_name
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
    path.write_bytes("name\nMüller\n".encode("latin-1"))
    with pytest.raises(TableError, match="not UTF-8 text: save it as"):
        read_csv(path, "The table")
    path.write_text('name\n"a" b\n')
    with pytest.raises(TableError, match="no table of text"):
        read_csv(path, "The table")
    with pytest.raises(TableError, match=r"cannot be read \(No such file"):
        read_csv(tmp_path / "none.csv", "The table")


def an_image() -> sitk.Image:
    return sitk.GetImageFromArray(np.zeros((4, 5, 6), np.int16))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("ct.nrrd", "an image (NRRD)"), ("ct.nii", "an image (NIfTI)"), ("ct.nii.gz", "gzip"),
     ("ct.mha", "an image (MetaImage)"), ("ct.mhd", "an image (MetaImage)"),
     ("ct.dcm", "a DICOM file"), ("a.png", "a picture (PNG)"), ("a.tif", "a picture (TIFF)"),
     ("a.pdf", "a PDF"), ("a.zip", "a ZIP archive"), ("a.npy", "an array (NumPy)"),
     ("page.csv", "a web page"), ("store.sqlite", "a database (SQLite)"),
     ("book.xlsx", "a workbook of a spreadsheet: save it as 'CSV UTF-8'"),
     ("old.xls", "an old workbook of a spreadsheet"), ("folder.csv", "a folder")],
)  # fmt: skip
def test_a_file_of_another_kind_is_named(tmp_path, name, kind):
    """Files as other programs write them."""
    path = tmp_path / name
    if name.startswith("ct"):
        image = an_image() if name != "ct.dcm" else an_image()[:, :, 1]
        sitk.WriteImage(image, str(path))
    elif name.endswith((".png", ".tif")):
        sitk.WriteImage(sitk.Cast(an_image()[:, :, 1], sitk.sitkUInt8), str(path))
    elif name.endswith((".zip", ".xlsx")):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("xl/workbook.xml" if name == "book.xlsx" else "a.txt", "text")
    elif name == "a.npy":
        np.save(path, np.zeros(3))
    elif name == "store.sqlite":
        with contextlib.closing(sqlite3.connect(path)) as store, store:
            store.execute("CREATE TABLE t (x)")
    elif name == "folder.csv":
        path.mkdir()
    else:
        starts = {"a.pdf": b"%PDF-1.7\n%\xe2\xe3", "page.csv": b"<!DOCTYPE html>\n<html>",
                  "old.xls": b"\xd0\xcf\x11\xe0\xa1\xb1"}  # fmt: skip
        path.write_bytes(starts[name])
    with pytest.raises(TableError) as error:
        read_csv(path, f"The case list '{name}'")
    assert f"The case list '{name}' " in str(error.value)
    assert kind in str(error.value)
    assert "CSV" in str(error.value)


@pytest.mark.parametrize(
    "other",
    ["Ann\u200b", "\ufeffAnn", "A\u00adnn", "\uff21nn", "\u0410nn", "ann",
     "Ann\u00a0", "A\u2060nn"],
)  # fmt: skip
def test_a_reader_spelled_in_two_ways_is_not_two_readers(tmp_path, other):
    rows = [TABLE[0], ["Ann", *TABLE[1][1:]], [other, *TABLE[4][1:]]]
    path = written(tmp_path / "readings.csv", rows)
    if other.strip() == "Ann":
        assert read_readings(path).readers == ("Ann",)
        return
    with pytest.raises(TableError, match=r"line 3, column 'reader': '.*' looks like 'Ann' in line"):
        read_readings(path)


def test_letters_with_marks_written_in_two_ways_look_alike():
    assert look_alikes(["M\u00fcller", "Mu\u0308ller"]) == ("M\u00fcller", "Mu\u0308ller")
    assert look_alikes(["Müller", "Muller", "Mueller", "R1", "Rl", "R10"]) is None
    assert plain_name("  Dr.\u200b  Mu\u0308ller\u202e ") == "Dr. M\u00fcller"
    assert odd_signs("A\u200b") == "ZERO WIDTH SPACE"


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
