"""`densesharp study simulate`: readings or marks of readers who do not exist, by a known model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from densesharp.words import counted

if TYPE_CHECKING:
    from densesharp.stats.marks import Marks
    from densesharp.stats.tables import Readings

OF = {"roe-metz": ("auc", "structure", "variances", "b", "levels"),
      "rsm": ("mu", "false_marks", "found", "limit", "lesions", "reader_sd")}  # fmt: skip
"""Model -> the options that it alone takes."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = parser.add_argument
    add("model", choices=tuple(OF), help="roe-metz: ratings; rsm: marks of a FROC study")
    add("--out", type=Path, required=True, metavar="FILE",
        help=".csv, .imrmc, .lrc or .xlsx; marks: .xlsx")  # fmt: skip
    add("--readers", type=int, default=5, metavar="J", help="number of readers (default 5)")
    add("--cases", type=int, nargs=2, default=[50, 50], metavar=("N0", "N1"),
        help="cases without and with disease (default 50 50)")  # fmt: skip
    add("--seed", type=int, default=0, help="of everything random (default 0)")
    add("--json", metavar="FILE", help="write what the model leads one to expect; - for stdout")
    add("--auc", type=float, nargs="+", metavar="A",
        help="roe-metz: expected area of each treatment (default 0.8 0.8)")  # fmt: skip
    add("--structure", choices=("HH", "HL", "LH", "LL"),
        help="roe-metz: readings of a case alike (H) or less so (L), then readers who differ much "
        "or little (default LH)")  # fmt: skip
    add("--variances", type=float, nargs=6, metavar=("R", "TR", "C", "TC", "RC", "E"),
        help="roe-metz: instead of a structure, the six variances")  # fmt: skip
    add("--b", type=float, help="roe-metz: SD without disease over that with it (default 1)")
    add("--levels", type=int, help="roe-metz: cut the ratings to so many steps")
    add("--mu", type=float, nargs="+", metavar="M",
        help="rsm: how much higher lesions rate, for each treatment (default 2 2)")  # fmt: skip
    add("--false-marks", type=float, metavar="L",
        help="rsm: mean number a case under the first treatment (default 1)")  # fmt: skip
    add("--found", type=float, metavar="P",
        help="rsm: share of lesions found under the first treatment (default 0.8)")  # fmt: skip
    add("--limit", type=float, metavar="Z", help="rsm: ratings below make no mark (default -1)")
    add("--lesions", type=float, nargs="+", metavar="P",
        help="rsm: shares of cases with 1, 2, ... lesions (default 0.7 0.2 0.1)")  # fmt: skip
    add("--reader-sd", type=float, metavar="S",
        help="rsm: SD over readers of log mu (default 0: all alike)")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Draw, write, and say what is to be expected."""
    from densesharp.cli.terminal import show
    from densesharp.errors import StudyError
    from densesharp.stats.readings_files import save_readings

    for model, options in OF.items():
        given = [name for name in options if getattr(args, name) is not None]
        if model != args.model and given:
            message = f"--{given[0].replace('_', '-')} belongs to the model {model}: leave it out."
            raise StudyError(message)
    if args.seed < 0:
        raise StudyError("The seed is 0 or above.")
    drawn, expected = _ratings(args) if args.model == "roe-metz" else _marks(args)
    save_readings(drawn, args.out)
    show(_text(args, expected), expected, args.json)
    return 0


def _ratings(args: argparse.Namespace) -> tuple[Readings, dict[str, Any]]:
    import numpy as np

    from densesharp.errors import StudyError
    from densesharp.stats.roe_metz import RoeMetz, in_levels, roe_metz, simulate_readings

    if args.structure and args.variances:
        raise StudyError("--structure and --variances say the same thing twice: give one of them.")
    areas, b = args.auc or [0.8, 0.8], 1.0 if args.b is None else args.b
    model = roe_metz(args.structure or "LH", areas, b)
    if args.variances:
        r, tr, c, tc, rc, e = args.variances
        spread = RoeMetz((0.0,), r, tr, c, tc, rc, e, b).spread
        delta = tuple(d * (spread / model.spread) ** 0.5 for d in model.delta)
        model = RoeMetz(delta, r, tr, c, tc, rc, e, b)
    others, diseased = args.cases
    drawn = simulate_readings(
        model, args.readers, others, diseased, np.random.default_rng(args.seed)
    )
    expected: dict[str, Any] = {"model": model, "auc": model.areas, "seed": args.seed}
    if len(areas) > 1 and not args.levels:
        expected["components"] = model.components(others, diseased)
    return (in_levels(drawn, args.levels) if args.levels is not None else drawn), expected


def _marks(args: argparse.Namespace) -> tuple[Marks, dict[str, Any]]:
    import numpy as np

    from densesharp.errors import StudyError
    from densesharp.stats.search_model import SearchModel, simulate_marks

    mu, shares = args.mu or [2.0, 2.0], args.lesions or [0.7, 0.2, 0.1]
    if min(shares) < 0 or sum(shares) <= 0 or args.cases[1] < 1:
        raise StudyError("Shares of cases by their lesions are 0 or above, and not all 0.")
    if args.out.suffix.lower() != ".xlsx":
        raise StudyError(f"'{args.out}': marks are written as an Excel workbook (.xlsx).")
    values = (
        1.0 if args.false_marks is None else args.false_marks,
        0.8 if args.found is None else args.found,
        -1.0 if args.limit is None else args.limit,
    )
    first = SearchModel(mu[0], *values)
    models = [first, *(first.with_mu(m) for m in mu[1:])]
    rng = np.random.default_rng(args.seed)
    chance = np.array(shares) / sum(shares)
    lesions = 1 + rng.choice(len(shares), size=args.cases[1], p=chance)
    drawn = simulate_marks(
        models, args.readers, args.cases[0], lesions.tolist(), rng, args.reader_sd or 0.0
    )
    areas = [model.areas(shares) for model in models]
    return drawn, {"models": models, "areas": areas, "seed": args.seed}


def _text(args: argparse.Namespace, expected: dict[str, Any]) -> str:
    from densesharp.stats.formatting import number, text_table

    without, diseased = args.cases
    size = f"{counted(args.readers, 'reader')}, {counted(without, 'case')} without and "
    size += f"{diseased} with disease"
    if args.model == "rsm":
        rows = [
            [str(i), number(model.mu), number(model.false_marks), number(model.found)]
            + [number(area[name], 4) for name in ("hr-auc", "wafroc")]
            for i, (model, area) in enumerate(
                zip(expected["models"], expected["areas"], strict=True), start=1
            )
        ]
        header = ["treatment", "mu", "false marks", "found", "hr-auc", "wafroc"]
        return f"{args.out}: {size}\n\nExpected\n{text_table(header, rows)}\n"
    rows = [[str(i), number(area, 4)] for i, area in enumerate(expected["auc"], start=1)]
    text = f"{args.out}: {size}\n\nExpected areas\n{text_table(['treatment', 'AUC'], rows)}\n"
    if "components" in expected:
        found = vars(expected["components"])
        rows = [[name, f"{value:.6f}"] for name, value in found.items()]
        text += f"\nExpected components\n{text_table(['', ''], rows)}\n"
    return text
