"""`densesharp study export`: answers, masks and the record as plain files."""

import argparse
import sys
from pathlib import Path

from densesharp.cli.study.read import add_store_argument
from densesharp.cli.terminal import add_json_argument, finish
from densesharp.words import counted


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("study", type=Path, metavar="STUDY", help="the study's folder")
    add_store_argument(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder")
    parser.add_argument(
        "--closed",
        action="store_true",
        help="nobody reads any more: with the model's results of cases that some did not read",
    )
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Write the folder and say how to go on."""
    from densesharp.study.conduct.store import open_store
    from densesharp.study.conduct.study_folder import OLD_ORDER, open_study
    from densesharp.study.exported.export_note import read_note
    from densesharp.study.exported.write_export import export

    study = open_study(args.study)
    address = args.store or study.default_store
    store = open_store(address, study.design.study, study.design.sha256, reading=True)
    try:
        folder = export(study, store, args.out, closed=args.closed)
    finally:
        store.close()
    note = read_note(folder)
    text = (
        f"Exported to {folder}. Analyse with:\n"
        f"  densesharp study analyze {folder} --truth TRUTH.csv --out RESULTS\n"
    )
    document = {"out": str(folder), "unread": note.unread, "held_back": list(note.held_back)}
    finish(text, document, args.json, sys.stdout)
    if study.design.order_reveals_truth:
        sys.stderr.write(f"Note: {OLD_ORDER}\n")
    if note.unread:
        held = len(note.held_back)
        results = (
            f"The model's results of {counted(held, 'case')} are held back until all have read "
            "(--closed, when nobody reads any more)."
            if held
            else "The model's results are in it."
            if study.design.aid
            else "It holds all answers."
        )
        sys.stderr.write(
            f"Note: {counted(note.unread, 'reading')} still to be made. {results} Keep the export "
            "from the readers until then.\n"
        )
    return 0
