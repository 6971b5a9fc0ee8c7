"""What a report is made of, independent of HTML and PDF."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is a section."""

    text: str
    level: int = 1


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; `strong` ones stand out."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: Sequence[str]


@dataclass(frozen=True)
class TableBlock:
    """A table, also written as NAME.csv.

    Attributes:
        sections: column that names sections of the report, whose pages the PDF adds.
    """

    name: str
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    sections: int | None = None


@dataclass(frozen=True)
class Picture:
    """A figure, by the name of its SVG file."""

    name: str
    caption: str
    alt: str


@dataclass(frozen=True)
class Fold:
    """What few readers need: folded on the page, left out of the PDF.

    Attributes:
        title: what it holds.
        blocks: no headings and no folds.
    """

    title: str
    blocks: "Sequence[Block]"


Block: TypeAlias = "Heading | Paragraph | Bullets | TableBlock | Picture | Fold"


def unfolded(blocks: Iterable[Block]) -> Iterator[Block]:
    """All blocks, those of folds in their place."""
    for block in blocks:
        if isinstance(block, Fold):
            yield from block.blocks
        else:
            yield block
