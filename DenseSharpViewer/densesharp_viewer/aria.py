"""Names and roles for screen readers, which trame's own parameters do not pass on."""

from html import escape
from typing import Any


def aria(role: str = "", **names: str | tuple[str]) -> dict[str, Any]:
    """Parameters for an element of the page.

    Args:
        role: of the element; empty to keep its own.
        names: `label`, `pressed`, `checked` ... with a text, or an expression of the page in a
            tuple as everywhere in trame.

    Returns:
        What to give the element: `html.Input(**aria(label="Reader"))`.
    """
    parts = [f'role="{role}"'] if role else []
    for name, value in names.items():
        if isinstance(value, tuple):
            parts.append(f':aria-{name}="{value[0]}"')
        else:
            parts.append(f'aria-{name}="{escape(value)}"')
    return {"raw_attrs": parts}
