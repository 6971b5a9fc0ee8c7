"""`densesharp view`: the browser viewer on an image, a DICOM folder or a saved scene."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from densesharp.serve.messages import KEY_VARIABLE

HELP = "look at a CT in the browser: click, see, correct, accept"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "image",
        nargs="?",
        type=Path,
        help="CT as NRRD, NIfTI, MHA or a DICOM folder, or a scene (.mrb) that was saved here; "
        "without it the page offers to open one",
    )
    parser.add_argument("--port", type=int, default=0, help="port to use; 0 takes a free one")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for saved results (default: densesharp-view)",
    )
    parser.add_argument(
        "--dicom",
        type=Path,
        metavar="DIR",
        help="DICOM folder that a saved scene's CT came from, to write DICOM objects for it",
    )
    parser.add_argument(
        "--server",
        metavar="URL",
        help=f"compute on a DenseSharp server from the start (its key in {KEY_VARIABLE}); without "
        "it this computer computes, and the page can change over",
    )


def run(args: argparse.Namespace) -> int:
    """Serve the page until Ctrl + C."""
    from densesharp_viewer.app import show

    status: int = show(
        args.image,
        port=args.port,
        open_browser=not args.no_browser,
        results=args.out,
        dicom=args.dicom,
        server=(args.server, os.environ.get(KEY_VARIABLE, "")) if args.server else None,
    )
    return status
