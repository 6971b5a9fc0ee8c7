"""`densesharp import-keras`: model files from weights that the original Keras code wrote."""

import argparse
import sys
from pathlib import Path

from densesharp.cli.terminal import add_json_argument, finish
from densesharp.errors import ModelError
from densesharp.words import counted


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "weights",
        type=Path,
        nargs="+",
        metavar="WEIGHTS.h5",
        help="what Keras' save_weights or save wrote; several files make an ensemble",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="MODEL.safetensors")
    add_json_argument(parser)
    parser.add_argument("--name", help="the model's name in results; default: the file's name")
    parser.add_argument(
        "--trained-on",
        default="not stated; imported from Keras weights",
        metavar="TEXT",
        help="what the network learnt from, for the model card",
    )


def run(args: argparse.Namespace) -> int:
    """Convert, write the model file and say what was found."""
    from densesharp.model.architecture import Architecture
    from densesharp.model.keras_weights import read_keras_weights
    from densesharp.model.model_file import PAPER_CLASSES, ModelCard, Weights, save_model

    members: list[Weights] = []
    architectures: list[Architecture] = []
    for path in args.weights:
        weights, architecture = read_keras_weights(path)
        if members and architecture != architectures[0]:
            message = f"'{path}' is another network than '{args.weights[0]}': import it by itself."
            raise ModelError(message)
        members.append(weights)
        architectures.append(architecture)
    paper = architecture.classes == len(PAPER_CLASSES)
    card = ModelCard(
        name=args.name or args.weights[0].stem,
        trained_on=args.trained_on,
        architecture=architecture,
        members=len(members),
        classes=PAPER_CLASSES
        if paper
        else tuple(f"class {number + 1}" for number in range(architecture.classes)),
        credits="Keras weights of https://github.com/duducheng/DenseSharp, converted",
        licence="as the original weights",
    )
    save_model(args.out, members, card)
    text = (
        f"{args.out}: {architecture.name}, growth {architecture.growth}, "
        f"{architecture.classes} classes, {counted(len(members), 'member')}\n"
    )
    document = {"out": str(args.out), "network": architecture.name, "members": len(members)}
    finish(text, document, args.json, sys.stdout)
    return 0
