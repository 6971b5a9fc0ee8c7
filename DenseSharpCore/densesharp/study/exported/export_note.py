"""What an export says of itself: `export.json`, how far the study had come and what was held back.

The model's result of a case stays out of an export as long as a reader has still to read that case
with it: an export is sent around, and whoever reads it would be blind no more.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from densesharp.errors import StudyError
from densesharp.study.conduct.events import Event
from densesharp.study.conduct.protocol import ReaderState
from densesharp.study.conduct.study_folder import Study

NOTE = "export.json"

_WHY = (
    "The model's results of these cases are left out of model.csv, masks and the columns aid_... "
    "of answers.csv, with the outlines that were drawn beside them, because a reader has still to "
    "read them with the model. Export again when all have read, or with --closed."
)


@dataclass(frozen=True)
class ExportNote:
    """What stands in export.json.

    Attributes:
        study: short name.
        closed: whether the study was said to be closed, so that nothing was held back.
        unread: readings that were still to be made.
        held_back: cases whose result of the model was left out.
        why: a sentence on that; "" where nothing was.
        heads: reader -> hash of the last event.
    """

    study: str = ""
    closed: bool = False
    unread: int = 0
    held_back: tuple[str, ...] = ()
    why: str = ""
    heads: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """The text of export.json."""
        return json.dumps(asdict(self), indent=1) + "\n"


def note_of(study: Study, record: Mapping[str, Sequence[Event]], *, closed: bool) -> ExportNote:
    """What an export of this record holds back.

    Args:
        study: the study.
        record: reader -> events, oldest first.
        closed: whether nobody will read any more.
    """
    unread, held = 0, set()
    for reader in study.design.readers:
        state = ReaderState(study, reader.id)
        for event in record.get(reader.id, ()):
            state.apply(event)
        for item in study.by_reader[reader.id]:
            if not state.complete(item):
                unread += 1
                if any(step.aid for step in state.steps(item)):
                    held.add(item.case)
    held_back = () if closed else tuple(sorted(held))
    heads = {reader: events[-1].hash for reader, events in record.items()}
    why = _WHY if held_back else ""
    return ExportNote(study.design.study, closed, unread, held_back, why, heads)


def read_note(folder: Path) -> ExportNote:
    """What export.json says; nothing held back in exports from before there was one.

    Raises:
        StudyError: it cannot be read.
    """
    path = folder / NOTE
    if not path.is_file():
        return ExportNote()
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        held = tuple(str(case) for case in data["held_back"])
        heads = {str(reader): str(head) for reader, head in data["heads"].items()}
        return ExportNote(**{**data, "held_back": held, "heads": heads})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        message = f"'{path}' cannot be read: restore it from a copy, or export the study again."
        raise StudyError(message) from error
