"""Progress and cancelling, the same for the command line, Slicer, the browser and the server.

Work that takes more than a moment takes a `Progress` and calls it with the done fraction and a
short text. The front end decides how that is shown. A front end that wants to stop the work raises
`densesharp.errors.Cancelled` from the call.
"""

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Called as `progress(fraction, text)` with a fraction in 0..1; may raise `Cancelled`."""


def silent(fraction: float, text: str) -> None:
    """Show nothing."""


def part(progress: Progress, begin: float, end: float) -> Progress:
    """Progress of a part of the work, within the whole.

    Args:
        progress: told about the whole.
        begin: fraction of the whole where the part begins, 0..1.
        end: where it ends.
    """

    def report(fraction: float, text: str) -> None:
        progress(begin + fraction * (end - begin), text)

    return report
