"""Data sets in the original code's format, checked before anything is trained.

    DATASET/info.csv            columns name, diagnosis, subset
    DATASET/nodule/NAME.npz     voxel, seg: uint8 cubes at 1 mm, nodule in the middle; where several
                                readers drew it also readers (reader, k, j, i), and seg is what
                                half of them or more marked; own and own_affine: what each drew on
                                the CT's own voxels, see `own_grid.py`

`diagnosis` is AAH, AIS, MIA, IAC, or one of the class names AAH-AIS, MIA, IAC. Empty means that
the class is not known: the nodule then teaches outlining only. Cubes are 80 mm in the original;
any edge that holds a 32 mm patch with some room is accepted. Further columns may say more:

    patient                     nodules of one patient must be in one subset
    keep_slice_axis             1: the mask was drawn slice by slice on thick slices, so that
                                augmentation leaves the slice axis alone
    texture                     a reader's rating, 1-5, that `evaluate` groups by
    no_nodule                   1: a place without a nodule, whose mask is empty
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from densesharp.csv_files import read_csv
from densesharp.errors import DenseSharpError, TableError
from densesharp.nodule.records import CLASS_NAMES
from densesharp.train.cube_files import read_cubes
from densesharp.train.own_grid import OwnMasks
from densesharp.words import counted

UNKNOWN = -1
"""Class index of a nodule whose class is not known."""

CLASS_INDEX: Mapping[str, int] = {
    "AAH": 0, "AIS": 0, "AAH-AIS": 0, "MIA": 1, "IAC": 2, "": UNKNOWN,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Sample:
    """One nodule.

    Attributes:
        name: its file name without ending.
        label: class index, or `UNKNOWN`.
        subset: number of the fold it is tested in.
        patient: nodules of one patient never stand on both sides of a split.
        voxel: (k, j, i) uint8 grey values of the window -1024..400 HU at 1 mm.
        seg: (k, j, i) bool mask.
        keep_slice_axis: whether augmentation leaves the first axis where it is.
        texture: a reader's rating, 1 ground-glass to 5 solid (LIDC-IDRI); None where not rated.
        readers: (reader, k, j, i) bool, each reader's own mask; None where one mask is all there
            is.
        slice_mm: coarsest spacing of the CT it was cut from; None where not known.
        own: what each reader drew on the CT's own voxels; None where not kept.
    """

    name: str
    label: int
    subset: int
    patient: str
    voxel: NDArray[np.uint8]
    seg: NDArray[np.bool_]
    keep_slice_axis: bool = False
    texture: int | None = None
    readers: NDArray[np.bool_] | None = None
    slice_mm: float | None = None
    own: OwnMasks | None = None

    @property
    def is_nodule(self) -> bool:
        """Whether there is one; else it is a place to outline nothing at."""
        return bool(self.seg.any())

    @property
    def share(self) -> NDArray[np.float32]:
        """(k, j, i) which share of the readers marked a voxel, 0..1."""
        if self.readers is None:
            return self.seg.astype(np.float32)
        return np.asarray(self.readers.mean(axis=0), dtype=np.float32)

    @property
    def class_name(self) -> str:
        """Class name, `unknown` where it is not known."""
        return "unknown" if self.label == UNKNOWN else CLASS_NAMES[self.label]


def consensus(masks: Sequence[NDArray[np.bool_]] | NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What half of the readers or more marked; what any marked where that is nothing."""
    share = np.mean(masks, axis=0)
    agreed = np.asarray(share >= 0.5)
    return agreed if agreed.any() else np.asarray(share > 0)


def read_dataset(folder: str | Path) -> list[Sample]:
    """Read and check a whole data set.

    Raises:
        TableError: with all faults of the data set in one list.
    """
    return read_datasets([folder])[0]


def read_datasets(folders: Sequence[str | Path]) -> list[list[Sample]]:
    """Read and check data sets that are trained on together, and against each other.

    Raises:
        TableError: with all faults of all of them in one list.
    """
    datasets, faults = [], []
    subsets: dict[str, set[str]] = {}
    for folder in folders:
        root = Path(folder)
        found: list[str] = []
        datasets.append(_read_one(root, subsets, found))
        faults += [f"{root.name}: {text}" if len(folders) > 1 else text for text in found]
    for patient in sorted(p for p, numbers in subsets.items() if len(numbers) > 1):
        listed = ", ".join(sorted(subsets[patient]))
        faults.append(f"patient {patient}: nodules in several subsets ({listed})")
    if faults:
        raise TableError(_list_of(folders, faults))
    return datasets


def split(samples: Iterable[Sample], fold: int | None) -> tuple[list[Sample], list[Sample]]:
    """Samples to train on and samples of subset `fold` to test on (None: train on all)."""
    everything = list(samples)
    train = [sample for sample in everything if sample.subset != fold]
    return train, [sample for sample in everything if sample.subset == fold]


def assign_subsets(
    patients: Sequence[str],
    strata: Sequence[str],
    count: int,
    seed: int,
    known: Mapping[str, int] | None = None,
) -> list[int]:
    """Deal nodules into `count` subsets of like composition, all nodules of a patient into one.

    Args:
        patients: of each nodule.
        strata: of each nodule, what shall be spread evenly (class, size, texture).
        count: number of subsets.
        seed: of the shuffling.
        known: subsets of patients that stay where they are; the others are dealt around them.
    """
    rng = np.random.default_rng(seed)
    first = dict(reversed(list(zip(patients, strata, strict=True))))
    subset = {patient: n for patient, n in (known or {}).items() if patient in first}
    order = [sorted(first)[n] for n in rng.permutation(len(first))]
    order.sort(key=lambda patient: first[patient])  # stable: random within a stratum
    alike = Counter((first[patient], n) for patient, n in subset.items())
    everyone = Counter(subset.values())
    for patient in order:
        if patient in subset:
            continue
        stratum = first[patient]
        # Where the fewest of its kind are, then the fewest of all: the subsets take turns.
        chosen = min(range(count), key=lambda n: (alike[stratum, n], everyone[n], n))
        alike[stratum, chosen] += 1
        everyone[chosen] += 1
        subset[patient] = chosen
    return [subset[patient] for patient in patients]


def subsets_of_patients(folder: str | Path) -> dict[str, int]:
    """The subset of every patient of a data set, as its info.csv says; empty where it has none.

    Raises:
        TableError: info.csv is damaged.
    """
    path = Path(folder) / "info.csv"
    if not path.exists():
        return {}
    try:
        return {
            row.get("patient") or row["name"]: _whole_number(row, "subset")
            for row in _read_table(path)
        }
    except ValueError as error:
        raise TableError(
            f"Which subset each patient is in cannot be read ({error}). Repair or remove "
            f"'{path}'; without it all patients are dealt anew."
        ) from error


def _read_one(root: Path, subsets: dict[str, set[str]], faults: list[str]) -> list[Sample]:
    """The samples of one data set; adds its faults, and each patient's subsets as they stand."""
    try:
        rows = _read_table(root / "info.csv")
    except ValueError as error:
        faults.append(str(error))
        return []
    names = [row["name"] for row in rows]
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        faults.append(f"{name}: the name stands {names.count(name)} times in info.csv")
    samples = []
    for number, row in enumerate(rows, 2):
        try:
            samples.append(_read_sample(root, row))
        except (ValueError, DenseSharpError) as error:
            faults.append(f"{row['name'] or f'line {number} of info.csv'}: {error}")
        if row.get("patient"):
            # 2.0, as pandas writes it, is the same subset as 2.
            subsets.setdefault(row["patient"], set()).add(row["subset"].removesuffix(".0"))
    return samples


def _read_table(path: Path) -> list[dict[str, str]]:
    """The lines of info.csv; what is missing at a line's end is empty."""
    try:
        table = read_csv(path, f"'{path}'")
    except TableError as error:
        raise ValueError(f"{error} A data set is a folder with an info.csv") from error
    rows, columns = table.records(), table.header
    missing = [name for name in ("name", "diagnosis", "subset") if name not in columns]
    if missing:
        raise ValueError(f"'{path}' has no column {', '.join(missing)}")
    if not rows:
        raise ValueError(f"'{path}' lists no nodules")
    return rows


def _read_sample(root: Path, row: Mapping[str, str]) -> Sample:
    """Read one row's nodule."""
    if not row["name"]:
        raise ValueError("it has no name")
    diagnosis = row["diagnosis"].strip()
    if diagnosis not in CLASS_INDEX:
        known = ", ".join(name for name in CLASS_INDEX if name)
        raise ValueError(f"diagnosis '{diagnosis}' is none of {known}")
    subset = _whole_number(row, "subset")
    texture = _whole_number(row, "texture") if row.get("texture") else None
    path = root / "nodule" / f"{row['name']}.npz"
    voxel, seg, readers, slice_mm, own, own_affine = read_cubes(path, row.get("no_nodule") == "1")
    return Sample(
        name=row["name"],
        label=CLASS_INDEX[diagnosis],
        subset=subset,
        patient=row.get("patient") or row["name"],
        voxel=np.rint(voxel).astype(np.uint8),
        seg=seg > 0,
        keep_slice_axis=row.get("keep_slice_axis") == "1",
        texture=texture,
        readers=None if readers is None else readers > 0,
        slice_mm=None if slice_mm is None else float(slice_mm),
        own=None if own is None or own_affine is None else OwnMasks.from_archive(own, own_affine),
    )


def _whole_number(row: Mapping[str, str], column: str) -> int:
    """A whole number, also as pandas writes one in a column with gaps (3.0)."""
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not value.is_integer():
        raise ValueError(f"{column} '{row[column]}' is no whole number")
    return int(value)


def _list_of(folders: Sequence[str | Path], faults: Sequence[str]) -> str:
    names = ", ".join(f"'{folder}'" for folder in folders)
    if len(faults) == 1:
        return f"{names}: {faults[0]}; nothing was done."
    lines = "\n".join(f"  - {fault}" for fault in faults)
    return f"{names}: {counted(len(faults), 'fault')} in the data; nothing was done:\n{lines}"
