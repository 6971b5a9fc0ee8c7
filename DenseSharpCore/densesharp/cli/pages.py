"""The pages that commands open. They belong to the front end, which the core does not import."""

import pkgutil
from collections.abc import Callable
from typing import Any

PAGES = {
    "viewer": "densesharp_viewer.app:show",
    "study": "densesharp_viewer.study_mode:serve",
    "planning": "densesharp_viewer.study_planning:serve",
}
"""What serves a page, by its name."""


def page(name: str) -> Callable[..., Any]:
    """What serves a page of `PAGES`; looked up late, as its packages take seconds to load."""
    found: Callable[..., Any] = pkgutil.resolve_name(PAGES[name])
    return found
