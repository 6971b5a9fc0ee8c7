"""`densesharp combine`: several trained networks into one calibrated model file."""

import argparse
from pathlib import Path

from densesharp.cli.terminal import add_json_argument, finish, progress_bar
from densesharp.files import check_folder
from densesharp.words import counted


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", nargs="+", help="model files, one per member")
    parser.add_argument("--out", required=True, help="model file to write")
    parser.add_argument(
        "--calibrate", required=True, help="data set with known classes that no member has seen"
    )
    parser.add_argument(
        "--average",
        action="store_true",
        help="average the weights into one network (runs that started from the same weights)",
    )
    add_json_argument(parser)
    parser.add_argument("--name", default="DenseSharp", help="name in the model card")
    parser.add_argument("--trained-on", required=True, help="sentence for the model card")
    parser.add_argument("--evaluation", default="", help="what was measured, for the model card")
    parser.add_argument("--credits", default="", help="whose data it was, for the model card")


def run(args: argparse.Namespace) -> int:
    """Combine and calibrate."""
    from densesharp.model.model_file import ModelCard, load_model
    from densesharp.train.combine import combine
    from densesharp.train.dataset import read_dataset

    command = "; ".join(load_model(path).card.training_command for path in args.model)
    card = ModelCard(
        name=args.name,
        trained_on=args.trained_on,
        training_command=command,
        evaluation=args.evaluation,
        credits=args.credits,
    )
    check_folder(Path(args.out).parent)
    samples = read_dataset(args.calibrate)
    with progress_bar() as progress:
        made = combine(args.model, args.out, card, samples, average=args.average, progress=progress)
    members = counted(made.members, "member")
    text = f"Model of {members}, temperature {made.temperature:.3g}: {args.out}\n"
    document = {"out": args.out, "members": made.members, "temperature": made.temperature}
    finish(text, document, args.json)
    return 0
