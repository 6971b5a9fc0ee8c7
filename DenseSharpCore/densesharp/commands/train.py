"""`densesharp train`: train DenseSharp on nodules with masks and classes."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from densesharp.errors import TableError

if TYPE_CHECKING:
    from densesharp.train.fit import Settings

HELP = "train a model on your own nodules (data set of the original code, or simulated)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("dataset", nargs="+", help="folder with info.csv and nodule/*.npz")
    parser.add_argument("--out", required=True, help="folder of the run; a stopped run goes on")
    parser.add_argument("--fold", type=int, help="leave out subset FOLD of each data set")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    parser.add_argument("--devices", type=int, default=1, help="GPUs to train on (default 1)")
    preset = parser.add_mutually_exclusive_group()
    preset.add_argument(
        "--like-paper",
        action="store_true",
        help="the paper's settings (60 epochs of batches of 24)",
    )
    preset.add_argument("--best", action="store_true", help="our settings for few steps (default)")
    parser.add_argument("--steps", type=int, help="number of steps, instead of the preset's")
    parser.add_argument("--learning-rate", type=float, help="instead of the preset's")
    parser.add_argument(
        "--batch", help="nodules of each data set in a batch, as 6,4 (default: shared evenly)"
    )
    parser.add_argument(
        "--edge",
        type=int,
        help="voxels along a training patch's side, instead of 32 (multiple of 4)",
    )
    parser.add_argument("--averaging", type=float, help="decay of the running average of weights")
    parser.add_argument("--start", help="model file to go on from")
    parser.add_argument("--name", default="DenseSharp", help="name in the model card")
    parser.add_argument("--trained-on", help="sentence about the data in the model card")


def run(args: argparse.Namespace) -> int:
    """Check the data sets, then train."""
    from densesharp.network.model_file import ModelCard
    from densesharp.train.dataset import read_dataset, split
    from densesharp.train.fit import fit

    datasets = [split(read_dataset(folder), args.fold)[0] for folder in args.dataset]
    nodules = sum(len(samples) for samples in datasets)
    names = ", ".join(Path(folder).name for folder in args.dataset)
    card = ModelCard(
        name=args.name,
        trained_on=args.trained_on or f"{nodules} nodules of: {names}.",
        training_command=_command(args),
    )
    fit(datasets, _settings(args, nodules), args.out, card, args.start, args.devices)
    return 0


def _settings(args: argparse.Namespace, nodules: int) -> Settings:
    from densesharp.train.fit import best, like_paper

    settings = like_paper(nodules) if args.like_paper else best()
    changes = {
        name: value
        for name, value in (
            ("steps", args.steps),
            ("learning_rate", args.learning_rate),
            ("averaging", args.averaging),
        )
        if value is not None
    }
    augmentation = settings.augmentation
    if args.edge is not None:
        augmentation = replace(augmentation, edge=args.edge)
    return replace(
        settings,
        per_batch=_per_batch(args.batch, sum(settings.per_batch), len(args.dataset)),
        seed=args.seed,
        augmentation=augmentation,
        optimisation=replace(settings.optimisation, **changes),
    )


def _per_batch(text: str | None, total: int, datasets: int) -> tuple[int, ...]:
    if text is None:
        return tuple(total * (n + 1) // datasets - total * n // datasets for n in range(datasets))
    try:
        counts = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        message = f"--batch {text}: give one whole number per data set, as 6,4."
        raise TableError(message) from error
    if len(counts) != datasets or min(counts) < 1:
        message = f"--batch {text}: {datasets} number(s) above 0 are needed, one per data set."
        raise TableError(message)
    return counts


def _command(args: argparse.Namespace) -> str:
    """The command as it can be typed again, with folders by name only."""
    parts = ["densesharp train", *(Path(folder).name for folder in args.dataset)]
    for name in ("fold", "seed", "steps", "learning_rate", "batch", "edge", "averaging"):
        value = getattr(args, name)
        if value is not None:
            parts.append(f"--{name.replace('_', '-')} {value}")
    parts.append("--like-paper" if args.like_paper else "--best")
    if args.start:
        parts.append(f"--start {Path(args.start).name}")
    return " ".join(parts)
