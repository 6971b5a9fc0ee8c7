"""Results kept one by one: a measurement that was interrupted goes on where it stopped."""

import hashlib
import pickle
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

import densesharp
from densesharp.files import atomic_path
from densesharp.resources import model_path

Result = TypeVar("Result")


@cache
def digest() -> str:
    """Of the program and the bundled model: what another one gave does not count."""
    package = Path(densesharp.__file__).parent
    found = hashlib.sha256(model_path().read_bytes())
    for file in sorted(package.rglob("*.py")):
        found.update(file.read_bytes())
    return found.hexdigest()[:16]


def each(folder: Path, names: Sequence[str], run: Callable[[str], Result]) -> list[Result]:
    """What `run` gives for each name; taken from the folder where it was run before."""
    results = []
    for name in names:
        path = folder / digest() / f"{name}.pickle"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(path) as temporary:
                temporary.write_bytes(pickle.dumps(run(name)))
        results.append(pickle.loads(path.read_bytes()))
    return results
