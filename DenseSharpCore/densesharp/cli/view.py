"""`densesharp view`: the browser viewer on an image, a DICOM folder or a saved scene."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from densesharp.cli.pages import page
from densesharp.errors import ImageError
from densesharp.files import check_folder, why_missing
from densesharp.io.image_files import is_volume_file
from densesharp.serve.messages import KEY_VARIABLE
from densesharp.words import counted

if TYPE_CHECKING:
    from densesharp.worklist import ListedCase

SCENES = (".mrb", ".mrml")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "image",
        nargs="?",
        type=Path,
        help="CT as NRRD, NIfTI, MHA or a DICOM folder, or a scene (.mrb) that was saved here; "
        "without it the page offers to open one",
    )
    parser.add_argument(
        "--worklist",
        metavar="LIST",
        help="cases to read one after the other: a folder, a CSV table (case, image[, series]) or "
        "the address of a DICOMweb server",
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


def check_folder_of_images(folder: Path) -> None:
    """Refuse a folder whose files, if it has any, are images of other formats than DICOM.

    Raises:
        ImageError: none of them can be DICOM.
    """
    from densesharp.io.series import no_dicom

    volumes = []
    for path in folder.rglob("*"):
        if path.is_file() and not is_volume_file(path):
            return
        volumes += [path] if path.is_file() else []
    raise no_dicom(folder.resolve().name, volumes)


def check_image(path: Path) -> None:
    """Refuse what is no CT, no DICOM folder and no scene, before the viewer starts.

    Raises:
        ImageError: it does not exist, or is another kind of file.
    """
    if not path.exists():
        raise ImageError(why_missing(path))
    if path.is_dir():
        check_folder_of_images(path)
        return
    try:
        with path.open("rb") as file:
            begin = file.read(132)
    except OSError as error:
        message = f"'{path}' cannot be read ({error.strerror}): check the file and your rights."
        raise ImageError(message) from error
    # A DICOM file has its mark behind 128 free bytes.
    if is_volume_file(path) or path.suffix.lower() in SCENES or begin[128:] == b"DICM":
        return
    raise ImageError(
        f"'{path}' is no CT: give an NRRD, NIfTI or MetaImage file, a DICOM folder or file, or a "
        "scene (.mrb) that was saved."
    )


def check_worklist(args: argparse.Namespace) -> list[ListedCase]:
    """The cases to read; none without a worklist.

    Raises:
        DenseSharpError: a CT is given as well, or the list cannot be read.
    """
    from densesharp.worklist import open_worklist

    if args.worklist is None:
        return []
    if args.image is not None or args.dicom is not None:
        raise ImageError("Give either a CT or --worklist: the list names its CTs itself.")
    cases = open_worklist(args.worklist)
    sys.stderr.write(f"{counted(len(cases), 'case')} to read.\n")
    return cases


def run(args: argparse.Namespace) -> int:
    """Serve the page until Ctrl + C."""
    from densesharp.cli.terminal import check_port

    check_port("127.0.0.1", args.port)
    cases = check_worklist(args)
    if args.image is not None:
        check_image(args.image)
    if args.out is not None or args.image is None or args.image.suffix.lower() not in SCENES:
        check_folder(args.out or ".")  # a scene's results go where it lies
    sys.stderr.write("Starting the viewer, which takes some seconds. Stop it with Ctrl + C.\n")
    status: int = page("viewer")(
        args.image,
        port=args.port,
        open_browser=not args.no_browser,
        results=args.out,
        dicom=args.dicom,
        cases=cases,
        server=(args.server, os.environ.get(KEY_VARIABLE, "")) if args.server else None,
    )
    return status
