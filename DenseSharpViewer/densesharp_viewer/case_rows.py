"""What the page shows of a worklist: a row for each case, and how far it is."""

from collections.abc import Sequence
from typing import Any

from densesharp.words import counted
from densesharp.worklist import ListedCase

NO_LIST: dict[str, Any] = {"rows": [], "at": -1, "name": "", "coming": "", "left": 0, "server": ""}
"""What the page shows without a worklist."""


def row_of(case: ListedCase, state: str, sent: str) -> dict[str, str]:
    """The line of a case.

    Args:
        case: it.
        state: `new`, `open`, `read`, or `not opened` or `not saved` where that failed.
        sent: when its results were sent back; empty where they were not.
    """
    return {
        "id": case.id, "name": case.name, "when": case.when, "state": state, "sent": sent[:16],
    }  # fmt: skip


def list_of(
    rows: list[dict[str, str]], cases: Sequence[ListedCase], at: int | None, coming: int | None
) -> dict[str, Any]:
    """The whole list.

    Args:
        rows: a line for each case.
        cases: the cases.
        at: which one is open.
        coming: which one is being read.
    """
    archive = None if at is None else cases[at].archive()
    return {
        "rows": rows,
        "at": -1 if at is None else at,
        "name": "" if at is None else cases[at].name,
        "coming": "" if coming is None else cases[coming].name,
        "left": sum(row["state"] != "read" for row in rows),
        "server": "" if archive is None else archive.host,
    }


def words_at_the_end(count: int, lost: int, kept: int) -> str:
    """What is said after the last case.

    Args:
        count: of all cases.
        lost: how many could not be opened.
        kept: how many could not be saved yet.
    """
    if kept:
        return f"{kept} of {counted(count, 'case')} not saved yet: free space, then press Next."
    if lost:
        return f"{lost} of {counted(count, 'case')} could not be opened: Next tries them again."
    return "The only case was read." if count == 1 else f"All {count} cases were read."
