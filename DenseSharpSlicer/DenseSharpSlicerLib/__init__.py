"""Library of the Slicer modules: what needs Qt. What the browser shares is `densesharp_scene`."""

import importlib.util
import sys
from pathlib import Path


def find_packages() -> None:
    """Make the core and the scene importable from a source folder that was added as module path.

    An installed extension has both packages beside this one. The folders go to the end of the path,
    so that nothing of them hides a module of Slicer or of another extension.
    """
    root = Path(__file__).resolve().parents[2]
    for folder, package in (
        ("DenseSharpCore", "densesharp"),
        ("DenseSharpScene", "densesharp_scene"),
    ):
        if importlib.util.find_spec(package) is None and (root / folder / package).is_dir():
            sys.path.append(str(root / folder))


find_packages()
