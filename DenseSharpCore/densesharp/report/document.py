"""A report on one scan from its result folder: one HTML page, and the same as PDF.

The pages are made from `result.json` and the overview pictures, so a report can be written again
later, with more known about the patient, without the CT and without the model.
"""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from densesharp.errors import DenseSharpError
from densesharp.files import write_text
from densesharp.nodule.guidelines import Context, Hint, reported_hints
from densesharp.nodule.guidelines.concordance import ComparedRule, concordance
from densesharp.nodule.records import SCHEMA, NoduleResult
from densesharp.report.labels import (
    DISCLAIMER,
    VERDICT_WORDS,
    hint_answer,
    minus_signs,
    missing_words,
    name_of,
    report_sentence,
    review_words,
)
from densesharp.resources import FOLDER
from densesharp.words import counted

AGREEMENT_WORDS = {"agrees": "agrees", "differs": "differs: look again", "not comparable": ""}


class ReportError(DenseSharpError):
    """A folder does not hold results that a report can be made from."""


@dataclass(frozen=True)
class RuleLine:
    """One rule as the report shows it, all as text."""

    title: str
    source: str
    answer: str
    basis: str
    missing: str
    limits: str
    agreement: str
    style: str


@dataclass(frozen=True)
class Page:
    """What the report says about one nodule.

    Attributes:
        title: the nodule's name.
        decided: what a reader decided about it; empty when no reader has seen it.
        verdict: ok, caution or refused.
        verdict_words: the same as people read it.
        sentence: one paragraph for the dictation system.
        picture: path of the overview picture, if there is one that is whole.
        rows: guidelines and rules, with their agreement with the model.
    """

    title: str
    decided: str
    verdict: str
    verdict_words: str
    sentence: str
    picture: Path | None
    rows: tuple[RuleLine, ...]


@dataclass(frozen=True)
class Report:
    """A report: its pages, and where everything comes from."""

    pages: tuple[Page, ...]
    provenance: tuple[str, ...]


def read_report(folder: str | Path, context: Context | None = None) -> Report:
    """Read a result folder into a report.

    Args:
        folder: written by `densesharp predict`.
        context: what is known about the patient; None keeps the hints of the run.

    Returns:
        What the report shows, in its order.

    Raises:
        ReportError: the folder holds no results, or results of another version.
    """
    document = _read_document(Path(folder))
    try:
        pages = tuple(_page(entry, Path(folder), context) for entry in document["nodules"])
        return Report(pages, _provenance(document))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = f"'{folder}/result.json' is damaged ({error}): run `densesharp predict` again."
        raise ReportError(message) from error


def _read_document(folder: Path) -> dict[str, Any]:
    path = folder / "result.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"'{folder}' holds no readable result.json: give the folder of a finished run."
        raise ReportError(message) from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ReportError(f"'{path}' was written by another version of DenseSharp: run it again.")
    return document


def _page(entry: dict[str, Any], folder: Path, context: Context | None) -> Page:
    result = NoduleResult.from_json(entry)
    picture = folder / Path(str(entry.get("files", {}).get("overview", ""))).name
    return Page(
        title=name_of(result),
        decided=review_words(result.review) if result.review else "",
        verdict=result.verdict,
        verdict_words=VERDICT_WORDS[result.verdict],
        sentence=report_sentence(result),
        picture=picture if _is_picture(picture) else None,
        rows=_rows(result, context),
    )


def _is_picture(path: Path) -> bool:
    """Whether a whole picture lies there, which a report can show."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            picture.verify()
    except (OSError, ValueError, SyntaxError):  # what Pillow raises on damaged files
        return False
    return True


def _rows(result: NoduleResult, context: Context | None) -> tuple[RuleLine, ...]:
    """The rules beside the model; nothing for a refused result, whose numbers mean nothing."""
    measured = result.reported
    if measured is None or result.verdict == "refused":
        return ()
    if context is None:
        hints = {name: Hint.from_json(entry) for name, entry in result.guidelines.items()}
    else:
        hints = reported_hints(result, context)
    found = concordance(result.predicted_class, measured, hints)
    return tuple(_line(row) for row in found if row.hint.applies is not False)


def _line(row: ComparedRule) -> RuleLine:
    hint = row.hint
    silent = hint.answer is None
    return RuleLine(
        title=hint.title,
        source=hint.source,
        answer=hint_answer(hint),
        basis=minus_signs(hint.basis),
        missing="" if silent else missing_words(hint),
        limits=" ".join(hint.limits),
        agreement=AGREEMENT_WORDS[row.agreement],
        style="differs" if row.agreement == "differs" else "silent" if silent else "",
    )


def _provenance(document: dict[str, Any]) -> tuple[str, ...]:
    """Model, software and image, a line each."""
    software, model, image = document["software"], document["model"], document["image"]
    size = " × ".join(str(number) for number in image["size"])
    spacing = " × ".join(f"{step:.2f}" for step in image["spacing_mm"])
    return (
        f"Model {model['name']} ({counted(model['members'], 'member')}, "
        f"SHA-256 {model['sha256']}), trained on: {model['trained_on']}",
        f"Software {software['name']} {software['version']}, {software['engine']}",
        f"CT {size} voxels of {spacing} mm",
    )


def write_html(target: str | Path, report: Report) -> None:
    """Write the report as one HTML file, pictures inside.

    Raises:
        ReportError: jinja2 is not installed.
        OutputError: the file cannot be written.
    """
    try:
        from jinja2 import Environment
    except ImportError as error:
        raise missing_package("jinja2") from error
    source = (FOLDER / "report.html.jinja").read_text(encoding="utf-8")
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        source
    )
    pages = [
        {
            **vars(page),
            "picture": _base64(page.picture),
            "alt": f"Overview of {page.title}: three planes, surface, classes and measurements",
        }
        for page in report.pages
    ]
    write_text(
        target, template.render(pages=pages, provenance=report.provenance, notice=DISCLAIMER)
    )


def _base64(picture: Path | None) -> str:
    return base64.b64encode(picture.read_bytes()).decode("ascii") if picture else ""


def missing_package(package: str) -> ReportError:
    """What to do when the report extra is not installed."""
    return ReportError(
        f"Reports need the package '{package}': pip install jinja2 reportlab svglib."
    )
