"""The result card as rich text of Qt; what it says comes from `densesharp_scene.card`."""

from __future__ import annotations

from html import escape

from densesharp.report.labels import Tone
from densesharp_scene.card import Advice, ResultCard, Words

from .translated import translated

TONE_COLOURS: dict[Tone, str] = {"good": "#2e9e4f", "caution": "#d98a00", "bad": "#d03a3a"}
"""Colours that stand out in Slicer's light and dark theme; the words beside them say the same."""


def bold(text: str) -> str:
    """A translated text in bold."""
    return f"<b>{escape(translated(text))}</b>"


def verdict(card: ResultCard) -> str:
    """The verdict with its reasons, one to a line."""
    reasons = (escape(translated(reason.text)) for reason in card.reasons)
    return "<br/>".join((bold(card.verdict.text), *reasons))


def light(words: Words) -> str:
    """A sentence with its coloured light."""
    colour = TONE_COLOURS.get(words.tone)
    dot = f'<font color="{colour}">●</font> ' if colour else ""
    return dot + escape(translated(words.text))


def advice(rows: tuple[Advice, ...]) -> str:
    """Every guideline and baseline: the answer, what it rests on, its limits."""
    return "".join(
        f"<p><b>{escape(translated(row.title))}:</b> {escape(translated(row.answer))}<br/>"
        f"<small>{escape(translated(row.details))}</small></p>"
        for row in rows
    )
