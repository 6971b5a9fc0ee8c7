"""A study as plain files for `analyze` and foreign programs: `densesharp study export`.

    design.json, schedule.csv   as frozen
    answers.csv                 one row per valid answer
    model.csv                   the model's result per case, when the study shows one
    masks/                      readers' and model's outlines, NRRD, all of a case on one grid
    events.jsonl                the whole record, each line one event of the hash chains
    export.json                 how far the study had come, and what of the model was held back
    SHA256SUMS                  hashes of all files, as `sha256sum -c` takes them

The truth is not part of it: it is added only by the analysis.
"""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from densesharp.errors import OutputError, StudyError
from densesharp.files import ensure_folder, sha256
from densesharp.study.conduct.events import Body, Event, valid_answers
from densesharp.study.conduct.model_results import load_aid, percent, shown_columns
from densesharp.study.conduct.protocol import ReaderState
from densesharp.study.conduct.schedule import Item
from densesharp.study.conduct.study_folder import DESIGN, SCHEDULE, Study
from densesharp.study.conduct.timing import Spent
from densesharp.study.conduct.verify import verify
from densesharp.study.exported.export_note import NOTE, ExportNote, note_of

if TYPE_CHECKING:
    # An analysis needs no database.
    from densesharp.study.conduct.store import Store

ANSWER_COLUMNS = (
    "study", "design_sha256", "reader", "group", "session", "block", "position", "item", "role",
    "case", "condition", "step", "final", "revision", "class", "p_invasive", "p_iac", "confidence",
    "comment", "mask", "mask_sha256", "mask_edits", "t_open", "t_first_action", "t_submit",
    "active_s", "wall_s", "paused_s", "pauses", "visits", "aid_shown", "aid_model_sha256",
    "aid_mask_sha256", "aid_class", "aid_p_invasive", "aid_p_iac", "changed", "software",
    "event_sha256",
)  # fmt: skip
AID_COLUMNS = tuple(name for name in ANSWER_COLUMNS if name.startswith("aid_"))[1:]
"""What of the model an answer was given with."""

LOOK_COLUMNS = ("window_hu", "level_hu", "axial_mm")
"""What designs that note the hanging have besides: window, and the width of the axial view."""

Row: TypeAlias = Mapping[str, str | float]
"""A row of a table: column -> cell."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
MODEL_COLUMNS = (
    "case", "class", "p_aah_ais", "p_mia", "p_iac", "p_invasive", "model_sha256", "trained_on",
    "mask",
)  # fmt: skip


def export(study: Study, store: Store, target: str | Path, *, closed: bool = False) -> Path:
    """Write a study's export folder; it appears complete or not at all.

    Args:
        study: the opened study.
        store: its store.
        target: the new folder.
        closed: whether nobody will read any more; else the model's results of cases that a reader
            has still to read with them are left out.

    Returns:
        The folder.

    Raises:
        StudyError: the record is not whole.
        OutputError: the folder exists with something in it, or cannot be written.
    """
    found = verify(study, store)
    if not found.clean:
        message = f"The study's record is not whole and was not exported: {found.problems[0]}"
        raise StudyError(message)
    path = Path(target)
    if path.exists() and any(path.iterdir()):
        raise OutputError(f"'{path}' is not empty: choose a new folder for the export.")
    ensure_folder(path.parent)
    try:
        with tempfile.TemporaryDirectory(prefix=".export-", dir=path.parent) as scratch:
            folder = Path(scratch) / "export"
            _write_all(study, store, folder, closed=closed)
            if path.exists():
                path.rmdir()
            folder.rename(path)
    except OSError as error:
        message = f"The export cannot be written to '{path}' ({error.strerror or error})."
        raise OutputError(message) from error
    return path


def _write_all(study: Study, store: Store, folder: Path, *, closed: bool) -> None:
    masks = folder / "masks"
    masks.mkdir(parents=True)
    for name in (DESIGN, SCHEDULE):
        shutil.copyfile(study.folder / name, folder / name)
    events = {reader: store.events(reader) for reader in store.readers()}
    note = note_of(study, events, closed=closed)
    held = note.held_back
    rows = [row for reader in events for row in answer_rows(study, reader, events[reader], held)]
    for row in rows:
        if row["mask"]:
            (folder / str(row["mask"])).write_bytes(store.mask(str(row["mask_sha256"])) or b"")
    look = LOOK_COLUMNS if study.design.hanging == "logged" else ()
    _write_csv(folder / "answers.csv", (*ANSWER_COLUMNS, *look), rows)
    lines = [json.dumps(vars(event)) for chain in events.values() for event in chain]
    (folder / "events.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    if study.design.aid is not None:
        _write_model(study, folder, note)
    (folder / NOTE).write_text(note.to_json(), encoding="utf-8")
    _write_hashes(folder)


def answer_rows(
    study: Study, reader: str, events: Sequence[Event], held: Collection[str] = ()
) -> list[Row]:
    """The rows of answers.csv: a reader's valid answers in order, superseded ones left out.

    Args:
        study: the study.
        reader: whose answers.
        events: all events of this reader, oldest first.
        held: cases of which nothing of the model is told.
    """
    state = ReaderState(study, reader)
    aids: dict[tuple[str, int], Body] = {}
    for event in events:
        state.apply(event)
        if event.kind == "aid":
            aids[event.body["item"], event.body["step"]] = event.body
    rows = []
    for (name, step), (event, time) in valid_answers(events).items():
        item, aid = study.by_item[name], aids.get((name, step))
        row = _row(study, state, item, event, time, aid)
        if aid is not None and item.case in held:
            # Neither its outline: it may be the model's.
            row = {**row, **dict.fromkeys((*AID_COLUMNS, "mask", "mask_edits"), "")}
        rows.append(row)
    return rows


def _row(
    study: Study, state: ReaderState, item: Item, event: Event, time: Spent, aid: Body | None
) -> Row:
    body, number = event.body, int(event.body["step"])
    step = state.steps(item)[number]
    spent = time.to_data()
    answer = body["form"]
    mask = f"masks/{item.item}_{number + 1}.nrrd" if body["mask_sha256"] else ""
    return {
        "study": study.design.study,
        "design_sha256": study.design.sha256,
        "group": state.reader.group,
        **vars(item),
        "condition": step.condition,
        "step": number + 1,
        "final": int(step.final),
        "revision": state.items[item.item].revisions.get(number, 0),
        "class": answer["nodule_class"],
        "p_invasive": answer["p_invasive"],
        "p_iac": answer["p_iac"],
        "confidence": answer["confidence"],
        "comment": _plain_text(answer["comment"]),
        "mask": mask,
        "mask_sha256": body["mask_sha256"],
        "mask_edits": body["mask_edits"] if mask else "",
        "t_open": body["opened"],
        "t_first_action": spent["first_action"],
        "t_submit": event.time,
        "active_s": spent["active_s"],
        "wall_s": spent["wall_s"],
        "paused_s": spent["paused_s"],
        "pauses": spent["pauses"],
        "visits": body["visits"],
        "aid_shown": int(aid is not None),
        **(shown_columns(aid, item.case) if aid else {}),
        "changed": "" if body["changed"] is None else int(body["changed"]),
        "software": body["software"],
        "event_sha256": event.hash,
        **{name: body["hanging"].get(name, "") for name in LOOK_COLUMNS if "hanging" in body},
    }


def _write_model(study: Study, folder: Path, note: ExportNote) -> None:
    rows: list[Row] = []
    for case in study.design.cases:
        if case.id in note.held_back:
            continue
        aid = load_aid(study, case)
        mask = ""
        if aid.mask is not None:
            mask = f"masks/model_{case.id}.nrrd"
            (folder / mask).write_bytes(aid.mask)
        rows.append({
            "case": case.id,
            "class": aid.nodule_class,
            "p_aah_ais": percent(aid.probabilities["AAH-AIS"]),
            "p_mia": percent(aid.probabilities["MIA"]),
            "p_iac": percent(aid.p_iac),
            "p_invasive": percent(aid.p_invasive),
            "model_sha256": aid.model_sha256,
            "trained_on": aid.trained_on,
            "mask": mask,
        })  # fmt: skip
    if rows:
        _write_csv(folder / "model.csv", MODEL_COLUMNS, rows)


def _plain_text(text: str) -> str:
    """A reader's text that every table can hold and no spreadsheet takes for a formula.

    Half characters (lone surrogates) and control characters become their escapes; what begins like
    a formula gets an apostrophe in front. The record `events.jsonl` holds the text as it was typed.
    """
    whole = text.encode("utf-8", "backslashreplace").decode("utf-8")
    whole = _CONTROL.sub(lambda found: repr(found[0])[1:-1], whole)
    return f"'{whole}" if whole.lstrip()[:1] in ("=", "+", "-", "@") else whole


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    text = io.StringIO(newline="")
    # All texts in quotes: else a carriage return within one would end its row.
    writer = csv.DictWriter(
        text, columns, restval="", lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC
    )
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode("utf-8"))


def _write_hashes(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
