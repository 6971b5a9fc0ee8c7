"""`densesharp train`: train DenseSharp on nodules with masks and classes."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from densesharp.cli.terminal import add_json_argument, finish, number_if, progress_bar
from densesharp.errors import TableError
from densesharp.files import check_folder
from densesharp.progress import Progress
from densesharp.words import counted

if TYPE_CHECKING:
    from densesharp.train.fit import Settings

REPEATED = (
    "fold", "seed", "steps", "learning_rate", "batch", "edge", "averaging", "schedule", "mixup",
    "ordinal", "beta", "soft", "mask_only", "cross_entropy", "volume",
    "validation", "validate_every", "patience", "monitor",
)  # fmt: skip
"""Options that the model card's training command repeats where they are given."""

LEAST = {
    "devices": 1, "nodes": 1, "steps": 1, "checkpoint_every": 1, "validate_every": 1, "patience": 0,
    "learning_rate": 0.0, "averaging": 0.0, "mixup": 0.0, "ordinal": 0.0, "beta": 0.0, "seed": 0,
    "cross_entropy": 0.0, "volume": 0.0,
}  # fmt: skip
"""The smallest number that an option may have."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("dataset", nargs="+", help="folder with info.csv and nodule/*.npz")
    parser.add_argument("--out", required=True, help="folder of the run; a stopped run goes on")
    parser.add_argument("--fold", type=int, help="leave out subset FOLD of each data set")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    parser.add_argument(
        "--devices",
        type=int,
        default=1,
        help="GPUs (or processes, without a GPU) to train on in parallel (default 1)",
    )
    parser.add_argument(
        "--nodes",
        type=int,
        default=1,
        help="machines that run this command in parallel, as SLURM or torchrun start it",
    )
    preset = parser.add_mutually_exclusive_group()
    preset.add_argument(
        "--like-paper",
        action="store_true",
        help="the paper's settings (60 epochs of batches of 24)",
    )
    preset.add_argument("--best", action="store_true", help="our settings for few steps (default)")
    parser.add_argument("--steps", type=int, help="number of steps, instead of the preset's")
    parser.add_argument(
        "--learning-rate",
        type=number_if(lambda rate: 0 < rate <= 1, "number above 0 and up to 1"),
        help="instead of the preset's",
    )
    parser.add_argument(
        "--batch", help="nodules of each data set in a batch, as 6,4 (default: shared evenly)"
    )
    parser.add_argument(
        "--edge",
        type=int,
        help="voxels along a training patch's side, instead of 32 (multiple of 4, from 12 on)",
    )
    parser.add_argument("--averaging", type=float, help="decay of the running average of weights")
    parser.add_argument(
        "--checkpoint-every", type=int, metavar="STEPS", help="steps in between (default 50)"
    )
    parser.add_argument(
        "--precision",
        choices=("auto", "fp32"),
        default="auto",
        help="auto (default): bf16 where the hardware has it, half the time of a step, else fp32; "
        "--like-paper is always fp32",
    )
    _configure_extras(parser)
    add_json_argument(parser)
    parser.add_argument("--start", help="model file to go on from")
    parser.add_argument("--name", default="DenseSharp", help="name in the model card")
    parser.add_argument("--trained-on", help="sentence about the data in the model card")


def _configure_extras(parser: argparse.ArgumentParser) -> None:
    """Declare what no preset uses."""
    parser.add_argument(
        "--schedule",
        choices=("fixed", "cosine", "plateau"),
        help="of the learning rate, instead of the preset's; plateau needs --validation",
    )
    parser.add_argument(
        "--mixup", type=float, help="mix nodules in pairs, with this Beta parameter (0.9)"
    )
    parser.add_argument(
        "--ordinal", type=float, help="weight of a loss that knows the order of the classes"
    )
    parser.add_argument(
        "--beta", type=float, help="of the Dice loss: above 1 favours recall (default 1)"
    )
    parser.add_argument(
        "--cross-entropy",
        type=float,
        metavar="WEIGHT",
        help="of voxel-wise cross-entropy beside the Dice loss (default 1, 0 like the paper)",
    )
    parser.add_argument(
        "--volume",
        type=float,
        metavar="WEIGHT",
        help="of the squared log ratio of the volumes beside the Dice loss (default 0)",
    )
    parser.add_argument(
        "--soft",
        action="store_true",
        default=None,
        help="learn which share of a nodule's readers marked each voxel (soft Dice loss), instead "
        "of the mask that half of them agree on",
    )
    parser.add_argument(
        "--mask-only",
        action="store_true",
        default=None,
        help="fit the mask branch of --start alone; the classes stay as they are",
    )
    watching = parser.add_argument_group(
        "validation", "watch a part of the patients that is not trained on; never subset FOLD"
    )
    watching.add_argument(
        "--validation", type=float, metavar="SHARE", help="share of the patients, as 0.2"
    )
    watching.add_argument(
        "--validate-every", type=int, metavar="STEPS", help="steps in between (default 50)"
    )
    watching.add_argument(
        "--patience",
        type=int,
        metavar="N",
        help="stop after N validations without an improvement (default: never)",
    )
    watching.add_argument(
        "--monitor",
        choices=("loss", "class_accuracy", "mask_f1"),
        help="what has to improve (default loss); the best network by it is the result",
    )


def run(args: argparse.Namespace) -> int:
    """Check the data sets, then train."""
    for name, least in LEAST.items():
        value = getattr(args, name)
        if value is not None and value < least:
            option = f"--{name.replace('_', '-')}"
            raise TableError(f"{option} {value:g}: a number from {least:g} on is needed.")
    with progress_bar() as progress:
        progress(0.0, "Loading PyTorch")
        text, document = _train(args, progress)
    finish(text, document, args.json)
    return 0


def _train(args: argparse.Namespace, progress: Progress) -> tuple[str, dict[str, Any]]:
    """Train, and say what was made to a reader and to a program."""
    from densesharp.model.model_file import ModelCard
    from densesharp.train.dataset import read_datasets, split
    from densesharp.train.fit import fit

    datasets, left_out = zip(
        *(split(samples, args.fold) for samples in read_datasets(args.dataset)), strict=True
    )
    if args.fold is not None and not any(left_out):
        folders = ", ".join(f"'{folder}'" for folder in args.dataset)
        message = f"{folders}: no nodules in subset {args.fold}, so nothing would be left out."
        raise TableError(message)
    nodules = sum(len(samples) for samples in datasets)
    names = ", ".join(Path(folder).name for folder in args.dataset)
    card = ModelCard(
        name=args.name,
        trained_on=args.trained_on or f"{counted(nodules, 'nodule')} of: {names}.",
        training_command=_command(args),
    )
    settings = _settings(args, nodules)
    check_folder(args.out)
    made = fit(datasets, settings, args.out, card, args.start, args.devices, args.nodes, progress)
    steps = settings.optimisation.steps
    text = f"Trained on {counted(nodules, 'nodule')}, {counted(steps, 'step')}: {made}\n"
    return text, {"model": str(made), "nodules": nodules, "steps": steps}


def _settings(args: argparse.Namespace, nodules: int) -> Settings:
    from densesharp.train.fit import best, like_paper

    settings = like_paper(nodules) if args.like_paper else best(precision=args.precision)
    given = {name: value for name, value in vars(args).items() if value is not None}

    def changed(part: Any, **names: str) -> Any:
        """`part` with what the command line gives; field=argument."""
        return replace(part, **{f: given[name] for f, name in names.items() if name in given})

    result: Settings = replace(
        changed(settings, checkpoint_every="checkpoint_every"),
        per_batch=_per_batch(args.batch, sum(settings.per_batch), len(args.dataset)),
        seed=args.seed,
        augmentation=changed(settings.augmentation, edge="edge", mixup="mixup"),
        objective=changed(
            settings.objective,
            ordinal="ordinal",
            beta="beta",
            soft="soft",
            cross_entropy="cross_entropy",
            volume="volume",
        ),
        optimisation=changed(
            settings.optimisation,
            steps="steps",
            learning_rate="learning_rate",
            averaging="averaging",
            schedule="schedule",
            mask_only="mask_only",
        ),
        validation=changed(
            settings.validation,
            share="validation",
            every="validate_every",
            patience="patience",
            monitor="monitor",
        ),
    )
    return result


def _per_batch(text: str | None, total: int, datasets: int) -> tuple[int, ...]:
    if text is None:
        return tuple(total * (n + 1) // datasets - total * n // datasets for n in range(datasets))
    try:
        counts = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise TableError(f"--batch {text}: give one whole number per data set, as 6,4.") from error
    if len(counts) != datasets or min(counts) < 1:
        message = f"--batch {text}: give {counted(datasets, 'number')} above 0, one per data set."
        raise TableError(message)
    return counts


def _command(args: argparse.Namespace) -> str:
    """The command as it can be typed again, with folders by name only."""
    parts = ["densesharp train", *(Path(folder).name for folder in args.dataset)]
    for name in REPEATED:
        value = getattr(args, name)
        if value is not None:
            option = f"--{name.replace('_', '-')}"
            parts.append(option if value is True else f"{option} {value}")
    if args.precision != "auto":
        parts.append(f"--precision {args.precision}")
    parts.append("--like-paper" if args.like_paper else "--best")
    if args.start:
        parts.append(f"--start {Path(args.start).name}")
    return " ".join(parts)
