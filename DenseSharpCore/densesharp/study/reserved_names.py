"""Names that results have rows of, and that so no reader and no condition can have."""

from collections.abc import Iterable

from densesharp.errors import StudyError

RESERVED = {
    "reader": ("all", "mean reader", "model", "pathology"),
    "condition": ("difference", "model"),
}


def refuse_reserved(what: str, names: Iterable[str], where: object) -> None:
    """Check the names of readers or conditions.

    Args:
        what: "reader" or "condition".
        names: theirs.
        where: the table that has them, for the message.

    Raises:
        StudyError: one of them is the name of a row of the results.
    """
    taken = [name for name in names if name in RESERVED[what]]
    if taken:
        raise StudyError(
            f"A {what} in '{where}' is called '{taken[0]}', as are rows of the results: give the "
            f"{what} another name."
        )
