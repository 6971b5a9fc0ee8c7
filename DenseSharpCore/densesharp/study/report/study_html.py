"""The report as one HTML file that needs nothing else."""

import base64
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from densesharp.study.report.blocks import Block, Fold, Heading, Picture


def render_html(title: str, software: str, blocks: Sequence[Block], figures: Path) -> str:
    """The report's HTML; figures are embedded as SVG.

    Args:
        title: of the study.
        software: name and version.
        blocks: what to say.
        figures: folder with NAME.svg of every picture.
    """
    template = files("densesharp.resources").joinpath("study/report.html.j2")
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    page = environment.from_string(template.read_text(encoding="utf-8"))
    items = [_item(number, block, figures) for number, block in enumerate(blocks)]
    return page.render(title=title, software=software, blocks=items) + "\n"


def _item(number: int, block: Block, figures: Path) -> dict[str, Any]:
    item = {"kind": type(block).__name__, **vars(block)}
    if isinstance(block, Fold):
        item["parts"] = [_item(number, part, figures) for part in block.blocks]
    if isinstance(block, Heading):
        item["number"] = number
    if isinstance(block, Picture):
        svg = (figures / f"{block.name}.svg").read_bytes()
        item["source"] = "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")
        item["width"] = _width_px(svg)
    return item


def _width_px(svg: bytes) -> int:
    """Width on the screen: the drawing's own width, a little enlarged."""
    found = re.search(rb'width="([0-9.]+)pt"', svg)
    return round(float(found.group(1)) * 96 / 72 * 1.1) if found else 800
