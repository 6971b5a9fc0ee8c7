"""Odd tables through `mrmc` and `agree`: a sentence or possible numbers, never a traceback."""

import re

import numpy as np
import pytest

from densesharp.cli import main

HEAD = "reader,treatment,case,truth,rating"


def table(readers="abc", treatments="xy", cases=12, rating=None, truth=lambda k: k % 2, edit=None):
    rng = np.random.default_rng(4)
    rows = []
    for reader in readers:
        for treatment in treatments:
            for k in range(cases):
                value = rating(reader, k) if rating else round(float(rng.normal() + k % 2), 2)
                rows.append([reader, treatment, f"c{k}", truth(k), value])
    if edit is not None:
        rows[3][4] = edit
    return "\n".join([HEAD, *(",".join(map(str, row)) for row in rows)]) + "\n"


PLAIN = table()

TAKEN = {
    "minus zero": table(rating=lambda r, k: "-0.0" if k % 3 else "0"),  # noqa: ARG005
    "subnormal": table(rating=lambda r, k: f"{k % 5 + k % 2}e-320"),  # noqa: ARG005
    "largest": table(edit="1.7976931348623157e308"),
    "huge": table(rating=lambda r, k: f"{k % 5 - 2}e300"),  # noqa: ARG005
    "many digits": table(rating=lambda r, k: "1." + "1" * 300 + str(k % 4)),  # noqa: ARG005
    "unicode": table(readers=("Ünal", "李", "ع")),
    "right to left": table(readers=("\u202eab", "a\u200bc", "a")),
    "formula": table(readers=("=1+1", "@x", "+a")),
    "markup": table(readers=("<script>alert(1)</script>", "&amp;", "{{7}}")),
    "long name": table(readers=("a" * 5000, "b")),
    "one reader": table(readers="a"),
    "one treatment": table(treatments="x"),
    "one of both": table(readers="a", treatments="x"),
    "ties everywhere": table(rating=lambda r, k: 3),  # noqa: ARG005
    "one rating apart": table(rating=lambda r, k: 3 + (r == "a" and k == 1)),
    "perfect": table(rating=lambda r, k: k % 2),  # noqa: ARG005
    "inverse": table(rating=lambda r, k: -(k % 2)),  # noqa: ARG005
    "one diseased": table(truth=lambda k: int(k == 0)),
    "two and two": table(cases=4),
    "one and one": table(cases=2),
    "semicolons": PLAIN.replace(",", ";"),
    "tabs": PLAIN.replace(",", "\t"),
    "byte order mark": "\ufeff" + PLAIN,
    "old line ends": PLAIN.replace("\n", "\r"),
}

REFUSED = {
    "composed": (table(readers=("e\u0301", "\u00e9")), "looks like"),
    "without width": (table(readers=("a\u200b", "a")), "looks like"),
    "infinite": (table(edit="inf"), "is not a number"),
    "overflow": (table(edit="1e400"), "is not a number"),
    "not a number": (table(edit="nan"), "is not a number"),
    "word": (table(edit="high"), "is not a number"),
    "empty": (table(edit=""), "the cell is empty"),
    "underscore": (table(edit="1_0"), "is not a number"),
    "other digits": (table(edit="٣"), "is not a number"),
    "one class": (table(truth=lambda k: 1), "every case has truth 1"),  # noqa: ARG005
    "third class": (table(truth=lambda k: k % 3), "unknown truth '2'"),
    "twice": (PLAIN + "a,x,c0,0,1\n", "a second reading"),
    "truth differs": (PLAIN + "d,x,c0,1,1\n", "has truth"),
    "short row": (PLAIN + "a,x,c99\n", "3 cells where the header has 5"),
    "open quote": (PLAIN + '"a,x,c99,1,2\n', "is no table of text"),
    "column twice": (HEAD + ",rating\na,x,c0,1,1,1\n", "is there twice"),
    "column missing": (PLAIN.replace("truth", "verity", 1), "the column 'truth' is missing"),
    "no name": (table(readers=("", "b")), "the cell is empty"),
    "header only": (HEAD + "\n", "there is no row"),
    "nothing": ("", "is missing"),
}


def shown(path, text, capsys, *arguments):
    path.write_text(text, encoding="utf-8", newline="")
    status = main([*arguments, str(path)])
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return status, out, err


def intervals(text):
    number = r"(-?[0-9.]+(?:e[-+]?\d+)?)"
    for line in text.splitlines():
        for found in re.findall(rf"{number} \({number} to {number}\)", line):
            yield line, *map(float, found)


@pytest.mark.parametrize("name", TAKEN)
def test_odd_readings_give_possible_numbers(tmp_path, capsys, name):
    status, out, _ = shown(tmp_path / "t.csv", TAKEN[name], capsys, "mrmc")
    assert status == 0
    assert not re.search(r"\b(nan|inf)\b", out.lower())
    for _, value, low, high in intervals(out):
        assert -1 <= low <= value <= high <= 1


@pytest.mark.parametrize("name", TAKEN)
def test_odd_ratings_agree_within_what_is_possible(tmp_path, capsys, name):
    """One treatment's readings as ratings; means of k ratings (`ICC(.,k)`) may be below -1."""
    text = "\n".join(re.split("[\r\n]+", TAKEN[name])[:1])
    rows = [
        row for row in re.split("[\r\n]+", TAKEN[name])[1:] if not re.search("[,;\t]y[,;\t]", row)
    ]
    status, out, err = shown(tmp_path / "t.csv", "\n".join([text, *rows]), capsys, "agree",
                             "--replicates", "20")  # fmt: skip
    assert status == 0 or (status == 2 and err.count("\n") == 1)
    for line, value, low, high in intervals(out):
        assert low <= value <= high <= 1, line
        assert low >= -1 or ",k)" in line


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_readings_are_refused_in_a_sentence(tmp_path, capsys, name):
    text, sentence = REFUSED[name]
    status, _, err = shown(tmp_path / "t.csv", text, capsys, "mrmc")
    assert status == 2
    assert sentence in err
    assert err.count("\n") == 1
