"""The report as PDF: A4, a page for each nodule, text that can be searched and copied."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from densesharp.files import atomic_path
from densesharp.nodule.guidelines import Context
from densesharp.report.document import (
    Page,
    Report,
    RuleLine,
    missing_package,
    read_report,
    write_html,
)
from densesharp.report.labels import DISCLAIMER
from densesharp.report.style import AMBER, INK, QUIET, RULE, SOFT, VERDICT_COLOURS

HTML_NAME, PDF_NAME = "report.html", "report.pdf"
FONT, BOLD = "DejaVuSans", "DejaVuSans-Bold"

MARGIN_MM, FOOTER_MM = 12, 24


def write_report(folder: str | Path, context: Context | None = None) -> tuple[Path, Path]:
    """Write `report.html` and `report.pdf` into a result folder, from what lies in it.

    Args:
        folder: as `densesharp.report.result_files.write_results` leaves it.
        context: what is known about the patient; None keeps the hints of the run.

    Returns:
        The two files.

    Raises:
        ReportError: the folder holds no results, or a package is missing.
        OutputError: the files cannot be written.
    """
    report = read_report(folder, context)
    html, pdf = Path(folder) / HTML_NAME, Path(folder) / PDF_NAME
    write_html(html, report)
    write_pdf(pdf, report)
    return html, pdf


def write_pdf(target: str | Path, report: Report) -> None:
    """Write the report as PDF.

    Raises:
        ReportError: reportlab is not installed.
        OutputError: the file cannot be written.
    """
    try:
        from reportlab.lib.pagesizes import A4
        from reportlab.lib.units import mm
        from reportlab.platypus import KeepInFrame, PageBreak, SimpleDocTemplate
    except ImportError as error:
        raise missing_package("reportlab") from error
    use_fonts()
    width, height = A4[0] - 2 * MARGIN_MM * mm, A4[1] - (MARGIN_MM + FOOTER_MM) * mm - 14
    story: list[Any] = []
    for number, page in enumerate(report.pages):
        story += [PageBreak()] if number else []
        # A nodule has one page, however much there is to say.
        story.append(KeepInFrame(width, height, _page(page, width), mode="shrink"))
    with atomic_path(target) as path:
        document = SimpleDocTemplate(
            str(path), pagesize=A4, title="Lung nodule report", author="DenseSharp",
            leftMargin=MARGIN_MM * mm, rightMargin=MARGIN_MM * mm, topMargin=MARGIN_MM * mm,
            bottomMargin=FOOTER_MM * mm, invariant=True,
        )  # fmt: skip

        def footer(canvas: Any, _: Any) -> None:
            _footer(canvas, report.provenance, width)

        document.build(story, onFirstPage=footer, onLaterPages=footer)


def use_fonts() -> Path:
    """Register DejaVu, which comes with matplotlib and has the signs a report needs.

    Returns:
        The folder that it lies in.
    """
    from matplotlib import get_data_path
    from reportlab.pdfbase.pdfmetrics import registerFont, registerFontFamily
    from reportlab.pdfbase.ttfonts import TTFont

    folder = Path(get_data_path()) / "fonts" / "ttf"
    for name in (FONT, BOLD):
        registerFont(TTFont(name, str(folder / f"{name}.ttf")))
    registerFontFamily(FONT, normal=FONT, bold=BOLD, italic=FONT, boldItalic=BOLD)
    return folder


def _text(content: str, size: float = 8.5, colour: str = INK, **style: Any) -> Any:
    """A paragraph; the content may hold reportlab's tags, so escape what comes from outside."""
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph

    look = ParagraphStyle("text", fontName=FONT, fontSize=size, leading=size * 1.25,
                          textColor=colour, **style)  # fmt: skip
    return Paragraph(content, look)


def _page(page: Page, width: float) -> list[Any]:
    """Title with verdict, sentence, picture, rules."""
    from reportlab.lib.enums import TA_CENTER
    from reportlab.platypus import Image, Spacer, Table

    pill = _text(f"<b>{page.verdict_words}</b>", 9, "white", alignment=TA_CENTER)
    title = Table(
        [[_text(f"<b>{escape(page.title)}</b>", 15), pill]],
        colWidths=[width - 160, 160],
        style=[
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ("BACKGROUND", (1, 0), (1, 0), VERDICT_COLOURS[page.verdict]),
            ("ROUNDEDCORNERS", [6, 6, 6, 6]),
            ("LEFTPADDING", (0, 0), (0, 0), 0),
        ],
    )
    sentence = Table(
        [[_text(escape(page.sentence), 8.5)]],
        colWidths=[width],
        style=[
            ("BACKGROUND", (0, 0), (-1, -1), SOFT),
            ("LINEBEFORE", (0, 0), (0, -1), 2, RULE),
            ("LEFTPADDING", (0, 0), (-1, -1), 8),
        ],
    )
    story = [title, Spacer(1, 6), sentence, Spacer(1, 6)]
    if page.picture is not None:
        picture = Image(str(page.picture))
        picture.drawHeight *= 0.94 * width / picture.drawWidth
        picture.drawWidth = 0.94 * width
        story += [picture, Spacer(1, 4)]
    if page.rows:
        story.append(_rules(page.rows, width))
    return story


def _rules(rows: Sequence[RuleLine], width: float) -> Any:
    """The table of rules, disagreements with the model on amber."""
    from reportlab.platypus import Table

    head = [_text(f"<b>{name}</b>", 7, QUIET) for name in ("Rule", "Says", "Beside the model")]
    cells = [head, *(_cells(row) for row in rows)]
    style: list[Any] = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, RULE),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
        ("LEFTPADDING", (0, 0), (-1, -1), 3),
    ]
    style += [
        ("BACKGROUND", (0, number), (-1, number), AMBER)
        for number, row in enumerate(rows, start=1)
        if row.style == "differs"
    ]
    return Table(cells, colWidths=[width * 0.25, width * 0.59, width * 0.16], style=style)


def _cells(row: RuleLine) -> list[Any]:
    colour = QUIET if row.style == "silent" else INK
    details = escape(row.basis) + (f". Not known: {escape(row.missing)}" if row.missing else "")
    beside = VERDICT_COLOURS["caution"] if row.style == "differs" else INK
    small = f'<font size="6" color="{QUIET}">'
    return [
        _text(f"{escape(row.title)}<br/>{small}{escape(row.source)}</font>", 7.5, colour),
        _text(
            f"{escape(row.answer)}<br/>{small}{details}<br/>{escape(row.limits)}</font>",
            7.5,
            colour,
        ),
        _text(escape(row.agreement), 7.5, beside),
    ]


def _footer(canvas: Any, provenance: Sequence[str], width: float) -> None:
    """Where everything comes from, and what it is not for, on every page."""
    from reportlab.lib.units import mm

    left, y = MARGIN_MM * mm, 20 * mm
    canvas.setStrokeColor(RULE)
    canvas.line(left, y, left + width, y)
    block = _text("<br/>".join(escape(line) for line in provenance), 6, QUIET)
    _, height = block.wrap(width * 0.68, 16 * mm)
    block.drawOn(canvas, left, y - 3 - height)
    canvas.setFont(BOLD, 7.5)
    canvas.setFillColor(INK)
    canvas.drawRightString(left + width, y - 11, DISCLAIMER)
