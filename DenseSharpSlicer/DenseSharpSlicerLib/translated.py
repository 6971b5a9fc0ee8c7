"""The one place where words of the core and the scene are translated for Slicer."""

from __future__ import annotations

from slicer.i18n import tr as _

from densesharp.report.labels import Phrase


def translated(text: str) -> str:
    """A text in Slicer's language; of a phrase what stands around its values."""
    if isinstance(text, Phrase):
        return Phrase(_(text.template), **text.values)
    return _(text) if text else ""
