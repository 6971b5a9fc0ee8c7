"""A study that four read and did not finish, as an export; and ways to tamper with one."""

import hashlib
import json

from example_study import write_csv
from study_run import rows_in

from densesharp.stats.from_json import from_json
from densesharp.study.analysis.study_results import StudyResults
from densesharp.study.exported.load_study import load_study
from densesharp.study.report.blocks import Paragraph, TableBlock
from densesharp.study.report.content import content

CASES = 12


def load(base):
    return load_study(base / "export", base / "truth.csv")


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def reseal(folder):
    """SHA256SUMS as somebody would write it again after a change."""
    names = [line[66:] for line in (folder / "SHA256SUMS").read_text().splitlines()]
    lines = [f"{hashlib.sha256((folder / n).read_bytes()).hexdigest()}  {n}\n" for n in names]
    (folder / "SHA256SUMS").write_text("".join(lines))


def as_if_by_hand(folder):
    """The export as somebody might write it by hand: without record and hashes."""
    for name in ("events.jsonl", "SHA256SUMS", "export.json"):
        (folder / name).unlink()
    design = json.loads((folder / "design.json").read_text())
    del design["design_sha256"]
    (folder / "design.json").write_text(json.dumps(design))
    rows = rows_in(folder / "answers.csv")
    write_csv(folder / "answers.csv", [row | {"design_sha256": ""} for row in rows])


def report_of(results):
    """The report's paragraphs as one text, and the rows of its design table.

    Args:
        results: the content of results.json, or the results themselves.
    """
    if isinstance(results, dict):
        results = from_json(StudyResults, results)
    blocks = content(results, {})
    table = next(b for b in blocks if isinstance(b, TableBlock) and b.name == "design")
    return " ".join(b.text for b in blocks if isinstance(b, Paragraph)), dict(table.rows)
