"""`densesharp demo`: the bundled, simulated chest CT, from one click to a result."""

import argparse
import sys
from pathlib import Path

import numpy as np

from densesharp.nodule.records import Seed

CLICK_OFFSET_MM = np.array([1.5, -1.0, 1.0])
"""Nobody hits the very middle: the demo's click lies 2 mm beside it, as a person's would."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    from densesharp.cli.predict import add_model_arguments

    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for the results (default: densesharp-demo)"
    )
    parser.add_argument("--no-viewer", action="store_true", help="only write the files")
    parser.add_argument(
        "--port", type=int, default=0, help="port of the viewer; 0 takes a free one"
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    add_model_arguments(parser)


def demo_seed() -> Seed:
    """The click of the demo: near the middle of the sample's first nodule."""
    from densesharp.resources import sample_truth

    return Seed(np.asarray(sample_truth()["nodules"][0]["center_lps"]) + CLICK_OFFSET_MM)


def run(args: argparse.Namespace) -> int:
    """Run the chain on the sample, write its files, then show it in the viewer."""
    from densesharp.cli.extras import how_to_get, missing, unavailable
    from densesharp.cli.pages import page
    from densesharp.cli.predict import engine_of, report, settings_of
    from densesharp.cli.terminal import check_port, progress_bar
    from densesharp.files import check_folder
    from densesharp.io import read_volume
    from densesharp.nodule.pipeline import analyse
    from densesharp.report.result_files import write_results
    from densesharp.resources import sample_path

    out = args.out or Path("densesharp-demo")
    check_folder(out)
    check_port("127.0.0.1", args.port)
    with progress_bar() as progress:
        progress(0.0, "Reading the sample CT")
        volume = read_volume(sample_path())
        progress(0.1, "Loading the model")
        engine = engine_of(args)
        result = analyse(volume, demo_seed(), engine, settings=settings_of(args), progress=progress)
        write_results([result], volume, engine, out)
    sys.stderr.write("A simulated chest CT: no patient, and its nodules are known.\n")
    report([result], out, engine.description)
    if args.no_viewer or missing("viewer"):
        sys.stderr.write(f"Look at {out / 'nodule_001_overview.png'}\n")
        if not args.no_viewer and not unavailable(["viewer"]):
            sys.stderr.write(
                f"For the browser viewer type:\n  {how_to_get(['viewer'], ['demo'])}\n"
            )
        return 0
    sys.stderr.write("Starting the viewer, which takes some seconds. Stop it with Ctrl + C.\n")
    code: int = page("viewer")(
        sample_path(), port=args.port, open_browser=not args.no_browser, seed=demo_seed()
    )
    return code
