"""`densesharp study verify`: is the record whole, and could it have come about by reading?"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from densesharp.cli.study.read import add_store_argument
from densesharp.cli.terminal import add_json_argument, finish
from densesharp.errors import StudyError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "study", type=Path, metavar="STUDY", help="the study's folder, or an export of it"
    )
    add_store_argument(parser)
    parser.add_argument(
        "--heads",
        type=Path,
        metavar="FILE",
        help="heads written earlier with --write-heads; shows whether a record's end was cut off",
    )
    add_json_argument(parser)
    parser.add_argument("--write-heads", type=Path, metavar="FILE", help="note today's heads")


def run(args: argparse.Namespace) -> int:
    """Check and report; the exit status is 2 when the record is not whole."""
    from densesharp.files import write_text
    from densesharp.study.conduct.store import open_store
    from densesharp.study.conduct.study_folder import open_study
    from densesharp.study.conduct.verify import verify
    from densesharp.study.exported.open_export import is_export, verify_export

    heads = _read_heads(args.heads) if args.heads else None
    if is_export(args.study):
        found = verify_export(args.study, heads)
    else:
        study = open_study(args.study)
        address = args.store or study.default_store
        store = open_store(address, study.design.study, study.design.sha256, reading=True)
        try:
            found = verify(study, store, heads)
        finally:
            store.close()
    lines = [f"problem: {problem}" for problem in found.problems]
    lines += [f"notice: {notice}" for notice in found.notices]
    lines += [f"head of {reader}: {head}" for reader, head in found.heads.items()]
    state = "The record is whole" if found.clean else "The record is NOT whole"
    lines.append(f"{state}: {found.found}.")
    if found.clean and found.answers < found.planned and not args.heads:
        lines.append(
            "Whether the end of a record was cut off shows only with heads noted earlier (--heads)."
        )
    finish("".join(f"{line}\n" for line in lines), asdict(found), args.json, sys.stdout)
    if args.write_heads and found.clean:
        write_text(args.write_heads, json.dumps(found.heads, indent=1) + "\n")
    return 0 if found.clean else 2


def _read_heads(path: Path) -> dict[str, str]:
    try:
        heads = json.loads(path.read_text(encoding="utf-8"))
        return {str(reader): str(head) for reader, head in heads.items()}
    except (OSError, ValueError, AttributeError) as error:
        message = f"'{path}' is no file of heads, as 'study verify --write-heads' makes it."
        raise StudyError(message) from error
