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
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Write the folder and say how to go on."""
    from densesharp.study.conduct.store import open_store
    from densesharp.study.conduct.study_folder import OLD_ORDER, open_study
    from densesharp.study.exported.write_export import export, still_to_read

    study = open_study(args.study)
    address = args.store or study.default_store
    store = open_store(address, study.design.study, study.design.sha256, reading=True)
    try:
        folder = export(study, store, args.out)
        unread = still_to_read(study, store)
    finally:
        store.close()
    text = (
        f"Exported to {folder}. Analyse with:\n"
        f"  densesharp study analyze {folder} --truth TRUTH.csv --out RESULTS\n"
    )
    finish(text, {"out": str(folder), "unread": unread}, args.json, sys.stdout)
    if study.design.order_reveals_truth:
        sys.stderr.write(f"Note: {OLD_ORDER}\n")
    if unread:
        sys.stderr.write(
            f"Note: {counted(unread, 'reading')} still to be made. The export shows the "
            "model's results and all answers: keep it from the readers until then.\n"
        )
    return 0
