"""Is the truth that the analysis is given the one that was frozen with the design?"""

from pathlib import Path
from typing import Literal

from densesharp.errors import StudyError
from densesharp.files import sha256
from densesharp.study.conduct.truth_key import key_path, read_key
from densesharp.study.exported.export_design import ExportDesign

TruthState = Literal["frozen", "key_missing", "not_frozen"]


def check_truth(path: Path, design: ExportDesign, key: Path | None = None) -> TruthState:
    """Compare a truth file with what the design keeps of it.

    Args:
        path: the truth file.
        design: the study's.
        key: the key's file; None looks beside the truth.

    Returns:
        "frozen" when it is the same file; "key_missing" when that cannot be told without the key;
        "not_frozen" when the design keeps nothing of a truth.

    Raises:
        StudyError: it is another file, or the key is another study's or cannot be read.
    """
    kept = design.truth_sha256
    if not kept:
        return "not_frozen"
    content = path.read_bytes()
    if not design.key_sha256:
        _compare(path, sha256(content), kept)
        return "frozen"
    found = key or key_path(path, design.study)
    if key is None and not found.is_file():
        return "key_missing"
    _compare(path, read_key(found, design.key_sha256).seal(content), kept)
    return "frozen"


def _compare(path: Path, digest: str, kept: str) -> None:
    if digest != kept:
        raise StudyError(
            f"The truth '{path}' is not the file that the design was frozen with: its hash "
            "differs. Give the original file."
        )
