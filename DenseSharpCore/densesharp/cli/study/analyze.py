"""`densesharp study analyze`: statistics, figures and report of a finished study."""

import argparse
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from densesharp.cli.study.read import add_store_argument
from densesharp.cli.terminal import add_json_argument, finish, progress_bar
from densesharp.words import counted


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = parser.add_argument
    add(
        "study",
        type=Path,
        metavar="STUDY",
        help="study folder or its export; or an answers CSV (reader,case,condition,class,...); or "
        "readings (reader,treatment,case,truth,rating; .imrmc; .lrc); or marks (.xlsx of JAFROC)",
    )
    add_store_argument(parser)
    add("--truth", type=Path, metavar="CSV", help="case,class: the reference standard")
    add("--key", type=Path, metavar="FILE", help="the study's key, if not beside the truth")
    add("--model", type=Path, metavar="CSV", help="the model's results, if not in the folder")
    add_json_argument(parser)
    add("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    add(
        "--dice-margin",
        type=float,
        metavar="D",
        help="equivalence margin in Dice, set before the study, for the model's outlines",
    )
    add(
        "--plan",
        type=Path,
        metavar="JSON",
        help="the power calculation that 'study power PILOT --json' wrote before the study, for "
        "the report",
    )


def run(args: argparse.Namespace) -> int:
    """Read, analyse, write."""
    # Thousands of small matrices: other threads would only wait, and take the second core.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from densesharp.files import check_folder
    from densesharp.report.labels import DISCLAIMER
    from densesharp.study.analysis.analyse_study import analyse_study
    from densesharp.study.analysis.sample_size import read_plan
    from densesharp.study.conduct.study_folder import DESIGN, OLD_ORDER
    from densesharp.study.exported.export_integrity import ANSWERS, FILES
    from densesharp.study.exported.export_note import read_note
    from densesharp.study.exported.load_study import load_study
    from densesharp.study.report.write_report import write_results

    check_folder(args.out)
    with ExitStack() as stack:
        source = args.study
        if (source / DESIGN).is_file() and not (source / ANSWERS).is_file():
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="densesharp-"))
            source = _exported(source, args.store, Path(scratch) / "export")
        data = load_study(source, args.truth, args.model, args.key)
        held = len(read_note(source).held_back)
        inside = [source / name for name in FILES]
        inputs = [path for path in inside if path.is_file()] if source.is_dir() else [source]
        inputs += [path for path in (args.truth, args.model, args.plan) if path]
        progress = stack.enter_context(progress_bar())
        results = analyse_study(
            data,
            inputs=inputs,
            dice_margin=args.dice_margin,
            plan=read_plan(args.plan) if args.plan else None,
            progress=lambda fraction, text: progress(0.7 * fraction, text),
        )
        write_results(results, args.out, lambda f, text: progress(0.7 + 0.3 * f, text))
    if held:
        sys.stderr.write(
            f"Note: the model's results of {counted(held, 'case')} are not in this export, as "
            "readers had still to read with them. When nobody reads any more: 'densesharp study "
            "export --closed'.\n"
        )
    if data.order_reveals_truth:
        sys.stderr.write(f"Note: {OLD_ORDER}\n")
    if data.unknown_patients:
        sys.stderr.write(
            f"Note: {len(data.unknown_patients)} cases share an image, but no patients are named "
            "(column 'patient'): they are taken as independent, and intervals are too narrow.\n"
        )
    if data.truth_state == "key_missing":
        sys.stderr.write(
            "Note: the key of the study was not given (--key), so nothing shows that this is the "
            "truth that was frozen with the design. The report says so.\n"
        )
    report = args.out / "report.html"
    text = f"Results: {args.out}\nReport: {report}\n{DISCLAIMER}\n"
    finish(text, {"out": str(args.out), "report": str(report)}, args.json)
    return 0


def _exported(folder: Path, address: str | None, target: Path) -> Path:
    """The export of a study folder, which the analysis then reads like any other."""
    from densesharp.study.conduct.store import open_store
    from densesharp.study.conduct.study_folder import open_study
    from densesharp.study.exported.write_export import export

    study = open_study(folder)
    design = study.design
    store = open_store(address or study.default_store, design.study, design.sha256, reading=True)
    try:
        return export(study, store, target)
    finally:
        store.close()
