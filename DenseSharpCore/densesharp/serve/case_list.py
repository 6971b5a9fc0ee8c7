"""The list of a cohort, and the record of each finished case."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from densesharp.csv_files import plain_number, read_rows
from densesharp.errors import TableError
from densesharp.files import sha256, why_no_name, write_text
from densesharp.image.grid import Grid
from densesharp.model.engines import Precision
from densesharp.nodule.records import Seed
from densesharp.nodule.settings import AnalysisSettings

SCHEMA = 1
FOLDER = "cases"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NEEDED = ("case", "image", "x", "y", "z")


@dataclass(frozen=True)
class SeedPoint:
    """A seed as the list gives it."""

    nodule: str
    position: tuple[float, float, float]
    space: Literal["ras", "lps", "ijk"]

    def seed(self, grid: Grid) -> Seed:
        """The seed on an image."""
        if self.space == "ijk":
            return Seed.from_ijk(self.position, grid)
        return Seed.from_ras(self.position) if self.space == "ras" else Seed(self.position)  # type: ignore[arg-type]


@dataclass(frozen=True)
class CohortCase:
    """One CT and the points in it.

    Attributes:
        id: names the result; letters, digits, dot, dash and underscore.
        image: path of the CT.
        points: one per nodule.
        series: which DICOM series, where a folder holds several.
    """

    id: str
    image: str
    points: tuple[SeedPoint, ...]
    series: str | None = None


@dataclass(frozen=True)
class CohortRun:
    """What is the same for all cases of a run.

    Attributes:
        model: path of the model file.
        model_sha256: of that file.
        device: as `open_engine` takes it.
        precision: as `open_engine` takes it.
        analysis: what the user chose.
    """

    model: str
    model_sha256: str
    device: str = "auto"
    precision: Precision = "auto"
    analysis: AnalysisSettings = field(default_factory=AnalysisSettings)


def read_cases(path: str | Path) -> list[CohortCase]:
    """Read a case list: CSV with columns case, image, x, y, z[, space][, nodule][, series].

    The case list of a reader study is one, too: other columns are left alone, and a point without
    `space` is RAS mm. Rows with the same case are nodules of one CT. Image paths are relative to
    the list. They become absolute: workers run in other folders, and a list is the same however it
    is named.

    Raises:
        TableError: with line and column of what is wrong.
    """
    source = Path(path)
    what = f"The case list '{source.name}'"
    rows = read_rows(source, what, _NEEDED, ("space", "nodule", "series"))
    folder = source.parent.resolve()
    cases: dict[str, CohortCase] = {}
    lines: dict[str, int] = {}
    for line, row in rows:
        case = _case(row, line, folder)
        known = cases.get(case.id.lower())
        (point,) = case.points
        points = case.points
        if known is not None:
            if (known.id, known.image, known.series) != (case.id, case.image, case.series):
                raise _wrong(line, "case", f"'{case.id}' was used above for another image")
            if not row.get("nodule"):
                count = len(known.points) + 1
                point = SeedPoint(f"nodule_{count:03d}", point.position, point.space)
            if point.nodule in [before.nodule for before in known.points]:
                raise _wrong(line, "nodule", f"'{point.nodule}' is in this case already")
            points = (*known.points, point)
        # Case a, nodule b_c and case a_b, nodule c; and on Windows and macOS case n and N.
        name = mask_name(case.id, point.nodule).lower()
        if name in lines:
            what = f"with the case it names the same file, '{name}', as line {lines[name]}"
            raise _wrong(line, "nodule", f"{what}: rename one of them")
        lines[name] = line
        cases[case.id.lower()] = CohortCase(case.id, case.image, points, case.series)
    if not cases:
        raise TableError(f"{what} has no cases.")
    return list(cases.values())


def _case(row: dict[str, str], line: int, folder: Path) -> CohortCase:
    """A row as a case with one point."""
    for column, default in (("case", None), ("nodule", "nodule_001")):
        name = row.get(column) or default or ""
        if not _NAME.fullmatch(name):
            rule = "give letters, digits, dot, dash or underscore (it becomes a file name)"
            raise _wrong(line, column, f"'{name[:40]}' cannot be used: {rule}")
        unfit = why_no_name(name)
        if unfit:
            raise _wrong(line, column, f"'{name[:40]}' cannot be used, as {unfit}")
    if not row["image"]:
        raise _wrong(line, "image", "it is empty")
    space = (row.get("space") or "ras").lower()
    if space not in ("ras", "lps", "ijk"):
        raise _wrong(line, "space", f"'{space[:20]}' is none of ras, lps, ijk")
    x, y, z = (_number(row[axis], line, axis) for axis in "xyz")
    point = SeedPoint(row.get("nodule") or "nodule_001", (x, y, z), space)  # type: ignore[arg-type]
    return CohortCase(row["case"], str(folder / row["image"]), (point,), row.get("series") or None)


def _number(text: str, line: int, column: str) -> float:
    value = plain_number(text)
    if value is None:
        raise _wrong(line, column, f"'{text[:20]}' is no number")
    return value


def _wrong(line: int, column: str, what: str) -> TableError:
    return TableError(f"Case list, line {line}, column '{column}': {what}.")


def take_shard(cases: Sequence[CohortCase], shard: str) -> list[CohortCase]:
    """Every n-th case, beginning with the i-th, for `i/n`.

    Raises:
        TableError: it is not written so, or i is not 1..n.
    """
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", shard)
    number, count = (int(part) for part in match.groups()) if match else (0, 0)
    if not 1 <= number <= count:
        raise TableError(f"'{shard}' is no shard: write I/N, for example 3/40.")
    return list(cases[number - 1 :: count])


def fingerprint(case: CohortCase, settings: CohortRun) -> str:
    """What a record must carry to count as this case's result with these settings."""
    # The device is left out: it changes the speed and the last digits only.
    chosen = {
        "model": None,
        "device": None,
        "model_sha256": settings.model_sha256,
        "precision": settings.precision,
        **settings.analysis.to_json(),
    }
    text = json.dumps([SCHEMA, asdict(case), chosen], sort_keys=True)
    return sha256(text)


def mask_name(case: str, nodule: str) -> str:
    """The file of a nodule's outline, beside the record of its case."""
    return f"{case}_{nodule}_mask.nrrd"


def record_path(case: CohortCase, out: Path) -> Path:
    """Where the record of a case lies."""
    return out / FOLDER / f"{case.id}.json"


def write_record(case: CohortCase, settings: CohortRun, out: Path, content: dict[str, Any]) -> None:
    """Write the record of a case, atomically.

    Args:
        case: the case.
        settings: of the run.
        out: the run's folder.
        content: status and result, or the reason.

    Raises:
        OutputError: the folder is not writable or full.
    """
    head = {"schema": SCHEMA, "case": case.id, "image": case.image, "series": case.series,
            "fingerprint": fingerprint(case, settings)}  # fmt: skip
    text = json.dumps({**head, **content}, indent=1, allow_nan=False) + "\n"
    write_text(record_path(case, out), text)


def read_record(case: CohortCase, settings: CohortRun, out: Path) -> dict[str, Any] | None:
    """The record of a case made with these settings; None where there is none.

    Args:
        case: the case.
        settings: of the run.
        out: the run's folder.
    """
    try:
        record = json.loads(record_path(case, out).read_text(encoding="utf-8"))
        fits = record["fingerprint"] == fingerprint(case, settings)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dict(record) if fits else None


def is_finished(case: CohortCase, settings: CohortRun, out: Path) -> bool:
    """Whether a case needs no more work; one that failed is tried again.

    Args:
        case: the case.
        settings: of the run.
        out: the run's folder.
    """
    record = read_record(case, settings, out)
    return record is not None and record["status"] == "done"
