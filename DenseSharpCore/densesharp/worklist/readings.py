"""How far a worklist is: which cases were opened and which were read; kept beside the results."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from densesharp.errors import TableError
from densesharp.files import ensure_folder, write_text

CaseState = Literal["new", "open", "read"]

FILE = "worklist.json"
SCHEMA = 1


@dataclass(frozen=True)
class StateEntry:
    """What was done with a case last.

    Attributes:
        state: `open` was looked at, `read` was finished.
        reader: by whom; empty where no name was given.
        time: when, with the zone, as ISO 8601.
        sent: when its results were sent to the server it came from, in the same way; empty if not.
    """

    state: CaseState
    reader: str
    time: str
    sent: str = ""


class CaseStates:
    """States of the cases of a worklist, written at every change.

    Args:
        folder: where results go; made with the first change.

    Raises:
        TableError: the file with the states is damaged, of a newer version, or cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._known = self._read()

    def state(self, case: str) -> CaseState:
        """How far a case is."""
        known = self._known.get(case)
        return known.state if known is not None else "new"

    def set(self, case: str, state: CaseState, reader: str) -> None:
        """A reader opened or finished a case; one that was read stays read when it is opened.

        Args:
            case: the case's id.
            state: what it is now.
            reader: who did it.

        Raises:
            OutputError: the folder cannot be written to.
        """
        if state == "open" and self.state(case) == "read":
            return
        self._known[case] = StateEntry(state, reader, _now(), self.sent(case))
        self._write()

    def sent(self, case: str) -> str:
        """When a case's results were sent last; empty if never."""
        known = self._known.get(case)
        return known.sent if known is not None else ""

    def mark_sent(self, case: str) -> None:
        """The results of a case that was opened are on the server.

        Raises:
            OutputError: the folder cannot be written to.
        """
        self._known[case] = replace(self._known[case], sent=_now())
        self._write()

    def _write(self) -> None:
        entries = {name: asdict(reading) for name, reading in self._known.items()}
        ensure_folder(self._path.parent)
        write_text(self._path, json.dumps({"schema": SCHEMA, "cases": entries}, indent=1) + "\n")

    def _read(self) -> dict[str, StateEntry]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            if document["schema"] != SCHEMA:
                message = f"'{self._path}' is of a newer DenseSharp: open the list with that."
                raise TableError(message)
            known = {name: StateEntry(**entry) for name, entry in document["cases"].items()}
            if not {reading.state for reading in known.values()} <= {"open", "read"}:
                raise ValueError
            return known
        except FileNotFoundError:
            return {}
        except OSError as error:
            message = f"'{self._path}' cannot be read ({error.strerror}): check your rights."
            raise TableError(message) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            message = f"'{self._path}' is damaged: move it away to begin the list anew."
            raise TableError(message) from error


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
