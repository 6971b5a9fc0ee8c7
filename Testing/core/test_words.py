"""One thing has no plural."""

import re
from pathlib import Path

import pytest

from densesharp.words import counted

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("number", "words"), [(1, "1 case"), (0, "0 cases"), (2, "2 cases"), (0.6, "1 case")]
)
def test_one_is_told_in_the_singular(number, words):
    assert counted(number, "case") == words


def test_no_sentence_leaves_the_plural_to_its_reader():
    both = re.compile(r"\w\(s\)")
    sources = [path for part in ROOT.glob("DenseSharp*") for path in part.rglob("*.py")]
    assert len(sources) > 300
    assert [path.name for path in sources if both.search(path.read_text("utf-8"))] == []
