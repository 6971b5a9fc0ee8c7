"""The report as PDF, with the figures as vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import (
    KeepTogether,
    ListFlowable,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)
from svglib.svglib import svg2rlg

from densesharp.files import atomic_path
from densesharp.study.report import blocks as b

WIDTH = A4[0] - 36 * mm
LARGEST_HEIGHT = 180 * mm
FONT, BOLD = "DejaVuSans", "DejaVuSans-Bold"


def write_pdf(
    path: Path, title: str, software: str, blocks: Sequence[b.Block], figures: Path
) -> None:
    """Write the report.

    Args:
        path: where to.
        title: of the study.
        software: name and version, for the footer.
        blocks: what to say.
        figures: folder with NAME.svg of every picture.

    Raises:
        OutputError: the file cannot be written.
    """
    _register_fonts()
    styles = _styles()

    def footer(canvas: Any, document: Any) -> None:
        canvas.setFont(FONT, 7)
        canvas.setFillColor(colors.grey)
        canvas.drawString(18 * mm, 10 * mm, f"{software} · research use only, not for diagnosis")
        canvas.drawRightString(A4[0] - 18 * mm, 10 * mm, str(document.page))

    with atomic_path(path) as temporary:
        document = SimpleDocTemplate(
            str(temporary), pagesize=A4, title=title, author=software, invariant=1,
            leftMargin=18 * mm, rightMargin=18 * mm, topMargin=18 * mm, bottomMargin=18 * mm,
        )  # fmt: skip
        story = [Paragraph(escape(title), styles["Title"])]
        heading: list[Any] = []
        for block in blocks:
            if isinstance(block, b.Fold):
                continue
            parts = list(_flowables(block, styles, figures))
            # A heading (and one paragraph) stays with the figure or table that follows.
            if isinstance(block, b.Heading) or (isinstance(block, b.Paragraph) and heading):
                heading += parts
                continue
            whole = isinstance(block, b.Picture | b.TableBlock) and _is_short(block)
            story += [KeepTogether(heading + parts)] if whole else heading + parts
            heading = []
        story += heading
        document.build(story, onFirstPage=footer, onLaterPages=footer)


def _register_fonts() -> None:
    """DejaVu Sans, which matplotlib ships: it has every sign that the tables use."""
    import matplotlib as mpl

    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    for name in (FONT, BOLD):
        pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf")))
    pdfmetrics.registerFontFamily(FONT, normal=FONT, bold=BOLD, italic=FONT, boldItalic=BOLD)


def _styles() -> Any:
    styles = getSampleStyleSheet()
    for name, size in (("Title", 17), ("Heading1", 13), ("Heading2", 10.5)):
        style = styles[name]
        style.fontName, style.fontSize, style.leading = BOLD, size, size * 1.25
    styles["Title"].alignment = TA_LEFT
    styles["Normal"].fontName, styles["Normal"].fontSize = FONT, 8.5
    styles["Normal"].leading = 12
    small = {"parent": styles["Normal"], "fontSize": 7.2, "leading": 9.2}
    styles.add(ParagraphStyle("Caption", textColor=colors.HexColor("#5a6675"), **small))
    styles.add(ParagraphStyle("Cell", **small))
    styles.add(ParagraphStyle("HeadCell", **small | {"fontName": BOLD}))
    return styles


def _flowables(block: b.Block, styles: Any, figures: Path) -> Iterator[Any]:
    if isinstance(block, b.Heading):
        yield Paragraph(escape(block.text), styles[f"Heading{block.level}"])
    elif isinstance(block, b.Paragraph):
        text = escape(block.text)
        yield Paragraph(f"<b>{text}</b>" if block.strong else text, styles["Normal"])
        yield Spacer(0, 4)
    elif isinstance(block, b.Bullets):
        items = [Paragraph(escape(item), styles["Normal"]) for item in block.items]
        yield ListFlowable(items, bulletType="bullet", leftIndent=10, bulletFontSize=6)
        yield Spacer(0, 4)
    elif isinstance(block, b.TableBlock):
        caption = Paragraph(escape(block.caption), styles["Caption"])
        yield from (Spacer(0, 4), caption, _table(block, styles), Spacer(0, 8))
    elif isinstance(block, b.Picture):
        caption = Paragraph(escape(block.caption), styles["Caption"])
        yield from (_drawing(figures / f"{block.name}.svg"), caption, Spacer(0, 8))


def _is_short(block: b.Block) -> bool:
    """Whether a block is kept on one page."""
    return not isinstance(block, b.TableBlock) or len(block.rows) <= 16


def _table(block: b.TableBlock, styles: Any) -> Table:
    has_header = any(block.header)
    rows = [[Paragraph(escape(c), styles["HeadCell"]) for c in block.header]] if has_header else []
    rows += [[Paragraph(escape(cell), styles["Cell"]) for cell in row] for row in block.rows]
    # Columns share the width by their longest text, within limits.
    columns = zip(*([block.header] if has_header else []), *block.rows, strict=True)
    lengths = [min(max(max(map(len, column)), 6), 34) for column in columns]
    widths = [WIDTH * length / sum(lengths) for length in lengths]
    line = colors.HexColor("#d9dfe6")
    style = [
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, line),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
    ]
    return Table(rows, widths, repeatRows=int(has_header), style=TableStyle(style), hAlign="LEFT")


def _drawing(path: Path) -> Any:
    drawing: Any = svg2rlg(str(path))
    scale = min(WIDTH / drawing.width, LARGEST_HEIGHT / drawing.height, 1.0)
    drawing.width *= scale
    drawing.height *= scale
    drawing.scale(scale, scale)
    return drawing
