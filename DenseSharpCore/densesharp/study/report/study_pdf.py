"""The report as PDF, with the figures as vectors."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.platypus import (
    Flowable,
    KeepTogether,
    ListFlowable,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)
from svglib import fonts as svg_fonts
from svglib.svglib import svg2rlg

from densesharp.files import atomic_path
from densesharp.report.pdf import BOLD, FONT, use_fonts
from densesharp.study.report import blocks as b

WIDTH = A4[0] - 36 * mm
LARGEST_HEIGHT = 180 * mm
PADDING = 5
"""Points between columns, one of them against rounding."""


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
            short = isinstance(block, b.TableBlock) and len(block.rows) <= 16
            whole = isinstance(block, b.Picture) or short
            story += [KeepTogether(heading + parts)] if whole else heading + parts
            heading = []
        story += heading
        document.build(story, onFirstPage=footer, onLaterPages=footer)


def _register_fonts() -> None:
    """For the figures too: their writer asks the system for "DejaVu Sans" otherwise.

    Where that is not installed it tries eight other names.
    """
    folder = use_fonts()
    for weight, name in (("normal", FONT), ("bold", BOLD), ("700", BOLD)):
        svg_fonts.register_font("DejaVu Sans", str(folder / f"{name}.ttf"), weight)


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
        yield _HeadingLine(block, styles[f"Heading{block.level}"])
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
        table = _table(block, styles) if block.sections is None else _WithPages(block, styles)
        yield from (Spacer(0, 4), caption, table, Spacer(0, 8))
    elif isinstance(block, b.Picture):
        caption = Paragraph(escape(block.caption), styles["Caption"])
        yield from (_drawing(figures / f"{block.name}.svg"), caption, Spacer(0, 8))


class _HeadingLine(Paragraph):  # type: ignore[misc]
    """A heading, which notes its page as `pages` of the document's canvas."""

    def __init__(self, block: b.Heading, style: Any) -> None:
        super().__init__(escape(block.text), style)
        self.title = block.text

    def draw(self) -> None:
        """Draw and note."""
        _pages(self.canv).setdefault(self.title, self.canv.getPageNumber())
        super().draw()


def _pages(canvas: Any) -> dict[str, int]:
    """Heading -> page, of those drawn already."""
    found: dict[str, int] = vars(canvas).setdefault("densesharp_pages", {})
    return found


class _WithPages(Flowable):  # type: ignore[misc]
    """A table that gives the pages of the sections it names, once those before it are drawn."""

    def __init__(self, block: b.TableBlock, styles: Any) -> None:
        super().__init__()
        self.block, self.styles = block, styles

    def _table(self) -> Table:
        column, pages = self.block.sections, _pages(self.canv)
        rows = [
            [_with_pages(cell, pages) if c == column else cell for c, cell in enumerate(row)]
            for row in self.block.rows
        ]
        return _table(replace(self.block, rows=rows), self.styles)

    def wrap(self, width: float, height: float) -> Any:
        """The size of the whole table."""
        return self._table().wrapOn(self.canv, width, height)

    def split(self, width: float, height: float) -> Any:
        """The table's own parts, also where it fits."""
        return self._table().splitOn(self.canv, width, height)

    def draw(self) -> None:
        """Draw the whole table."""
        table = self._table()
        table.wrapOn(self.canv, WIDTH, LARGEST_HEIGHT)
        table.drawOn(self.canv, 0, 0)


def _with_pages(sections: str, pages: Mapping[str, int]) -> str:
    """`Summary (p. 1), Design (p. 2)`; what is no section stays as it is."""

    def page_of(name: str) -> str:
        page = next((page for title, page in pages.items() if title.startswith(name)), None)
        return name if page is None else f"{name} (p. {page})"

    return ", ".join(map(page_of, sections.split(", ")))


def _table(block: b.TableBlock, styles: Any) -> Table:
    has_header = any(block.header)
    rows = [[Paragraph(escape(c), styles["HeadCell"]) for c in block.header]] if has_header else []
    rows += [[Paragraph(escape(cell), styles["Cell"]) for cell in row] for row in block.rows]
    widths = _widths(block, styles)
    line = colors.HexColor("#d9dfe6")
    style = [
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, line),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), PADDING - 1),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
    ]
    return Table(rows, widths, repeatRows=int(has_header), style=TableStyle(style), hAlign="LEFT")


def _widths(block: b.TableBlock, styles: Any) -> list[float]:
    """No word is broken; what is left is shared by how much more the longest text wants."""

    def width(text: str, style: str) -> float:
        found: float = pdfmetrics.stringWidth(text, styles[style].fontName, styles[style].fontSize)
        return found + PADDING

    least, wanted = [], []
    for title, *cells in zip(block.header, *block.rows, strict=True):
        words = [width(word, "HeadCell") for word in title.split()]
        words += [width(word, "Cell") for cell in cells for word in cell.split()]
        whole = [width(title, "HeadCell"), *(width(cell, "Cell") for cell in cells)]
        least.append(min(max([18, *words]), WIDTH / 3))
        wanted.append(max(least[-1], min(max(whole), WIDTH / 3)))
    more = [want - low for want, low in zip(wanted, least, strict=True)]
    left = WIDTH - sum(least)
    if left < sum(more):
        return [low + left * part / sum(more) for low, part in zip(least, more, strict=True)]
    return [want + (WIDTH - sum(wanted)) * want / sum(wanted) for want in wanted]


def _drawing(path: Path) -> Any:
    drawing: Any = svg2rlg(str(path))
    scale = min(WIDTH / drawing.width, LARGEST_HEIGHT / drawing.height, 1.0)
    drawing.width *= scale
    drawing.height *= scale
    drawing.scale(scale, scale)
    return drawing
