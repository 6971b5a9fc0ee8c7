"""The table of which files are read says what reading such files does."""

from formats_table import PAGE, with_table


def test_the_table_of_files_is_what_reading_them_gives():
    page = PAGE.read_text(encoding="utf-8")
    assert with_table(page) == page, "run: python Testing/io/formats_table.py --write"
