"""Library of the Slicer modules. `scene` needs MRML and numpy only; the rest needs Slicer."""

import importlib.util
import sys
from pathlib import Path


def find_core() -> None:
    """Make `import densesharp` work from a source folder that was added as module path.

    An installed extension has the package beside this one. The folder goes to the end of the path,
    so that nothing of it hides a module of Slicer or of another extension.
    """
    core = Path(__file__).resolve().parents[2] / "DenseSharpCore"
    if importlib.util.find_spec("densesharp") is None and (core / "densesharp").is_dir():
        sys.path.append(str(core))


find_core()
