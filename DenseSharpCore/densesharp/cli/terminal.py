"""Progress on a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from tqdm import tqdm

from densesharp.progress import Progress


@contextlib.contextmanager
def progress_bar() -> Iterator[Progress]:
    """A progress bar on stderr, after half a second; none where stderr is no terminal."""
    with tqdm(
        total=100,
        file=sys.stderr,
        disable=None,
        delay=0.5,
        leave=False,
        bar_format="{desc} |{bar}| {percentage:3.0f} %",
    ) as bar:

        def show(fraction: float, text: str) -> None:
            bar.set_description_str(text, refresh=False)
            bar.update(max(0.0, fraction * 100 - bar.n))

        yield show
