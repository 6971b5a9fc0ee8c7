"""Tables of ratings as accidents leave them: read, or refused in a sentence."""

import pytest

from damage import stays_calm
from densesharp.errors import TableError
from densesharp.stats.ratings import read_ratings
from densesharp.stats.readings_files import load_readings, save_readings
from densesharp.stats.tables import read_readings

READINGS = "reader,treatment,case,truth,rating\n" + "".join(
    f"{reader},{treatment},c{case},{case % 2},{1 + (3 * case + n) % 5}\n"
    for n, reader in enumerate(("r1", "r2", "r3"))
    for treatment in ("a", "b")
    for case in range(6)
)


@pytest.mark.parametrize("ending", [".csv", ".imrmc", ".lrc"])
def test_changed_readings_are_read_or_refused(tmp_path, ending):
    (tmp_path / "first.csv").write_text(READINGS)
    path = tmp_path / ("x" + ending)
    save_readings(read_readings(tmp_path / "first.csv"), path)
    stays_calm(path, lambda: load_readings(path))


@pytest.mark.parametrize("classes", [("1", "2", "3"), ("AAH-AIS", "MIA", "IAC"), ("x", "y", "z")])
def test_changed_ratings_are_read_or_refused(tmp_path, classes):
    path = tmp_path / "ratings.csv"
    rows = [
        f"{reader},c{case},{classes[(case + n) % 3]},{classes[case % 3]}\n"
        for n, reader in enumerate("AB")
        for case in range(6)
    ]
    path.write_text("reader,case,rating,truth\n" + "".join(rows))
    stays_calm(path, lambda: read_ratings(path))


def test_a_name_among_numbers_is_refused_and_makes_no_classes(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text("reader,case,rating\nA,c1,1\nA,c2,3\nB,c1,N/A\nB,c2,2\n")
    with pytest.raises(TableError, match="line 4, column 'rating': 'N/A' is not a number"):
        read_ratings(path)
    path.write_text("reader,case,rating\nA,c1,1\nA,c2,inf\n")
    with pytest.raises(TableError, match="line 3, column 'rating': 'inf' is not a number"):
        read_ratings(path)
    path.write_text("reader,case,rating\nA,c1,1\nA,c2,2b\nB,c1,2b\n")
    assert read_ratings(path, order=("1", "2b")).codes[:, 0].tolist() == [0, 1]
