"""A page is written down once, when all of it is there."""

import contextlib
from collections.abc import Iterator

from trame_client.widgets.core import HTML_CTX, AbstractElement


@contextlib.contextmanager
def rendered_once() -> Iterator[None]:
    """Build a page quicker.

    At the end of each `with` trame writes down all that is in it, so a part is written once for
    every part around it, six times on the whole. The last time, of the whole page, is all it needs.
    """
    plain = AbstractElement.__exit__

    def leave(element: AbstractElement, *_: object) -> None:
        HTML_CTX.exit(element)

    AbstractElement.__exit__ = leave
    try:
        yield
    finally:
        AbstractElement.__exit__ = plain
