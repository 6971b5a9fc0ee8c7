"""The files of a run: masks, probabilities, surfaces, pictures and `result.json`.

Everything is made in a hidden folder beside the results and then moved into place, `result.json`
last: a folder with a `result.json` is complete. Files that this program did not write stay.
"""

import json
import platform
import tempfile
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from densesharp.errors import OutputError
from densesharp.files import HIDDEN, ensure_folder, final_place, why_no_name
from densesharp.image.grid import Grid, ras_to_lps
from densesharp.image.sampling import to_sitk, write_image
from densesharp.image.volume import Volume
from densesharp.model.engines import Engine, open_engine
from densesharp.nodule.records import SCHEMA, NoduleResult
from densesharp.nodule.surface import nodule_surface, write_surface
from densesharp.report.labels import DISCLAIMER
from densesharp.version import __version__

RESULT = "result.json"
REPORTS = ("report.html", "report.pdf")
SOFTWARE = "densesharp"


def write_results(
    results: Sequence[NoduleResult], volume: Volume, engine: Engine | None, out: str | Path
) -> dict[str, Any]:
    """Write everything known about the nodules of one CT into a folder.

    For every nodule `ID_mask.nrrd` (uint8, on the CT's own grid), `ID_probability.nrrd` (float32,
    on the 1 mm patch grid), `ID_mesh.stl` (LPS mm) and `ID_overview.png`; what a refused nodule
    lacks is not written. Then `result.json` for all. Results of an earlier run in the same folder
    are replaced.

    Args:
        results: nodules with different ids.
        volume: the CT.
        engine: the engine that made them; None for the bundled model.
        out: folder, made if needed.

    Returns:
        The content of `result.json`.

    Raises:
        OutputError: the folder cannot be written to, or it holds other files of the same names; or
            an id cannot name files of its own.

    Examples:
        >>> document = densesharp.write_results([result], volume, engine, "result")
        >>> sorted(path.name for path in Path("result").iterdir())  # doctest: +NORMALIZE_WHITESPACE
        ['nodule_001_mask.nrrd', 'nodule_001_mesh.stl', 'nodule_001_overview.png',
         'nodule_001_probability.nrrd', 'result.json']
        >>> document["nodules"][0]["predicted_class"]
        'IAC'
    """
    if engine is None:
        engine = open_engine()
    _check_ids([result.id for result in results])
    folder = ensure_folder(out)
    document = result_document(results, volume, engine)
    earlier = files_of_earlier_run(folder)
    with tempfile.TemporaryDirectory(prefix=HIDDEN, dir=folder) as name:
        made = Path(name)
        try:
            for result, entry in zip(results, document["nodules"], strict=True):
                entry["files"] = _write_nodule(result, volume, engine, made)
            text = json.dumps(document, indent=2, allow_nan=False) + "\n"
            (made / RESULT).write_bytes(text.encode("utf-8"))
        except (OSError, RuntimeError) as error:  # SimpleITK reports a full disk as RuntimeError
            message = f"The results cannot be written to '{final_place(folder)}': is the disk full?"
            raise OutputError(message) from error
        put_in_place(made, folder, [Path(name) for name in earlier])
    return document


def _check_ids(ids: Sequence[str]) -> None:
    for n, name in enumerate(ids):
        if name.lower() in (other.lower() for other in ids[:n]):
            message = f"Two nodules are called '{name}', as their files would be: rename one."
            raise OutputError(message)
        if unfit := why_no_name(name):
            raise OutputError(f"Files cannot be named after a nodule called '{name}': {unfit}.")


def result_document(
    results: Sequence[NoduleResult], volume: Volume, engine: Engine
) -> dict[str, Any]:
    """The content of `result.json`, without file names (docs/reference/result-json.md).

    Args:
        results: the nodules.
        volume: the CT.
        engine: what made them.
    """
    card = engine.model.card
    return {
        "schema": SCHEMA,
        "software": {
            "name": SOFTWARE,
            "version": __version__,
            "python": platform.python_version(),
            "engine": engine.description,
        },
        "model": {
            "name": card.name,
            "sha256": engine.model.sha256,
            "trained_on": card.trained_on,
            "members": card.members,
        },
        "image": _image_geometry(volume.grid),
        "nodules": [result.to_json() for result in results],
        "notice": DISCLAIMER,
    }


def _image_geometry(grid: Grid) -> dict[str, Any]:
    """Size, spacing, origin and direction of a CT, in RAS mm."""
    return {
        "size": list(grid.size),
        "spacing_mm": grid.spacing.tolist(),
        "origin_ras": ras_to_lps(grid.origin).tolist(),
        "direction_ras": [ras_to_lps(column).tolist() for column in grid.direction.T],
    }


def _write_nodule(
    result: NoduleResult, volume: Volume, engine: Engine, folder: Path
) -> dict[str, str]:
    """Write one nodule's files and name them."""
    # matplotlib loads only when a picture is wanted.
    from densesharp.report.overview import write_overview

    files: dict[str, str] = {}

    def place(kind: str, ending: str) -> Path:
        files[kind] = f"{result.id}_{kind}.{ending}"
        return folder / files[kind]

    if result.mask is not None:
        image = to_sitk(result.mask.full(volume.grid), volume.grid)
        write_image(image, place("mask", "nrrd"))
    if result.prediction is not None:
        image = to_sitk(result.prediction.mask, result.prediction.patch.grid)
        write_image(image, place("probability", "nrrd"))
    surface = nodule_surface(result)
    if surface is not None:
        write_surface(surface, place("mesh", "stl"))
    card = engine.model.card
    write_overview(place("overview", "png"), result, volume, card.name, card.trained_on)
    return files


def files_of_earlier_run(folder: Path) -> set[str]:
    """Names of the files that an earlier run of this program left in a folder."""
    try:
        document = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        if document["software"]["name"] != SOFTWARE:
            return set()
        named = [name for entry in document["nodules"] for name in entry["files"].values()]
        found = {RESULT, *(name for name in named if Path(name).name == name)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()
    return found | {name for name in REPORTS if _is_report(folder / name)}


def _is_report(path: Path) -> bool:
    """Whether a file is a report that this program wrote: it tells of the results beside it."""
    try:
        return b"DenseSharp" in path.read_bytes()
    except OSError:
        return False


def put_in_place(made: Path, folder: Path, earlier: Collection[Path]) -> None:
    """Move new files into a folder in place of those of an earlier run: all of them or none.

    Args:
        made: a folder on the same disk with the new files, and folders of them; emptied.
        folder: where they belong.
        earlier: what an earlier run left there, relative to it. Other files stay.

    Raises:
        OutputError: it failed, and all is as it was; or a file that this program did not write has
            a name that is needed.
    """
    new = sorted((path.relative_to(made) for path in made.rglob("*") if path.is_file()), key=_last)
    old = sorted((path for path in earlier if (folder / path).exists()), key=_last, reverse=True)
    for path in new:
        if (folder / path).exists() and path not in old:
            raise OutputError(
                f"'{folder / path}' exists and was not written by this program: choose another "
                "folder or move the file away."
            )
    try:
        with tempfile.TemporaryDirectory(prefix=HIDDEN, dir=folder) as aside, ExitStack() as undo:
            moves = [(folder / path, Path(aside) / path) for path in old]
            for source, target in [*moves, *((made / path, folder / path) for path in new)]:
                if not target.parent.exists():
                    target.parent.mkdir(parents=True)
                    undo.callback(target.parent.rmdir)
                source.replace(target)
                undo.callback(target.replace, source)
            undo.pop_all()  # all is in place: nothing is to be undone
    except OSError as error:
        message = f"The results cannot be moved into '{folder}' ({error.strerror})."
        raise OutputError(message) from error


def _last(path: Path) -> tuple[bool, Path]:
    """Sorts `result.json` last: until it is there, nobody takes a folder for complete."""
    return path.name == RESULT, path
