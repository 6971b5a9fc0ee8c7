"""`densesharp evaluate`: how well a model outlines and classifies a data set's nodules."""

import argparse

from densesharp.cli.terminal import add_json_argument, finish, progress_bar
from densesharp.errors import TableError
from densesharp.words import counted


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("dataset", help="folder with info.csv and nodule/*.npz")
    parser.add_argument("--model", help="model file (default: the bundled one)")
    parser.add_argument("--out", required=True, help="folder for tables and figures")
    parser.add_argument(
        "--by-fold",
        action="store_true",
        help="run member K alone on subset K (cross-validation of an ensemble of folds)",
    )
    add_json_argument(parser)
    parser.add_argument("--fold", type=int, help="only the nodules of subset FOLD")
    parser.add_argument("--no-shifts", action="store_true", help="do not run displaced seeds")
    parser.add_argument(
        "--answers",
        action="store_true",
        help="give each nodule the complete answer of predict, and count verdicts, types and "
        "intervals beside the readers (takes about a second more for each)",
    )
    parser.add_argument(
        "--tta", type=int, default=1, help="orientations averaged, 1-48 (default 1)"
    )


def run(args: argparse.Namespace) -> int:
    """Evaluate and write the report."""
    from densesharp.files import check_folder, ensure_folder
    from densesharp.model.model_file import load_model
    from densesharp.resources import model_path
    from densesharp.stats.estimates import to_json
    from densesharp.train.dataset import read_dataset
    from densesharp.train.evaluation import evaluate, outlined_places
    from densesharp.train.evaluation_report import read_ideal, write_report

    if not 1 <= args.tta <= 48:
        raise TableError(f"--tta {args.tta}: a number from 1 to 48 is needed.")
    check_folder(args.out)
    model = load_model(args.model or model_path())
    samples = read_dataset(args.dataset)
    if args.fold is not None:
        samples = [sample for sample in samples if sample.subset == args.fold]
    if not any(sample.is_nodule for sample in samples):
        where = "" if args.fold is None else f" in subset {args.fold}"
        raise TableError(f"'{args.dataset}' has no nodules{where}.")
    folder = ensure_folder(args.out)
    with progress_bar() as progress:
        outcomes = evaluate(
            samples, model, args.by_fold, not args.no_shifts, args.tta, args.answers, progress
        )
    places = outlined_places(samples, model, args.by_fold, args.tta)
    results = write_report(folder, outcomes, model, read_ideal(args.dataset), places)
    nodules = counted(results.nodules, "nodule")
    mean = next(iter(results.masks.values())).mean_dice.value
    text = f"{nodules}, mean Dice {mean:.3f}: {folder / 'evaluation.md'}\n"
    finish(text, to_json(results), args.json)
    return 0
