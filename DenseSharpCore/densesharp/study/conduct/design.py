"""The design of a reader study: fixed and hashed before the first read, never changed after.

A design holds no truth and nothing that it could be computed from. Classes from pathology lie in a
separate file that only the analysis opens; the design stores that file's keyed hash, so that nobody
can exchange it later, and nobody without the key can try guesses on it.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from densesharp.errors import StudyError
from densesharp.files import sha256
from densesharp.image.grid import ras_to_lps
from densesharp.nodule.records import CLASS_NAMES
from densesharp.words import odd_signs

SCHEMA = 2
"""Since 2 the order is drawn with a key and the truth's hash is keyed; 1 is still read."""

READABLE = (1, 2)
Kind = Literal["crossover", "sequential", "unaided"]
Reveal = Literal["with_image", "after_first_answer"]
MaskRule = Literal["none", "optional", "required"]
Hanging = Literal["free", "logged", "fixed"]
Task = Literal["invasive", "iac"]

Figure = Literal["auc", "sensitivity", "specificity", "accuracy", "quadratic_kappa", "vus", "dice"]
"""Figures of merit that a primary analysis may name; `dice` is the readers' with each other."""

DEFAULT_WASHOUT_DAYS = 28
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?|.*\.")
IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")

_LATER: Mapping[str, Mapping[str, object]] = {
    "": {"teaching": False, "hanging": "free"},
    "endpoint": {"equivalence": False},
}
"""Fields that came later: left out with these values, so that older designs keep their hash."""


@dataclass(frozen=True)
class Reader:
    """One reader; `group` is for balancing and subgroup tables, such as senior and junior."""

    id: str
    group: str


@dataclass(frozen=True)
class Case:
    """One nodule in one CT.

    Attributes:
        id: the code used in tables; readers never see it.
        image: path of the CT, relative to the study folder or absolute; readers never see it.
        seed_lps: LPS mm of the point that marks the nodule.
        image_sha256: hash of the image, or "" when the design was made without the image at hand.
        practice: read first and never analysed.
        strata: properties to balance the order by (such as size); never the class.
        patient: code of the patient, where patients have several cases; "" when not told.
        feedback: class that the reader is told afterwards, of practice and teaching; else "".
    """

    id: str
    image: str
    seed_lps: tuple[float, float, float]
    image_sha256: str = ""
    practice: bool = False
    strata: Mapping[str, str] = field(default_factory=dict)
    patient: str = ""
    feedback: str = ""


@dataclass(frozen=True)
class Endpoint:
    """The primary analysis, named before the first read.

    Attributes:
        figure: figure of merit; those of classes and outlines do not look at `task`.
        task: "invasive" (MIA or IAC against AAH-AIS) or "iac" (IAC against the rest).
        readers: whether readers are "random" (a sample of all readers) or "fixed" (just these).
        margin: in units of the figure, or None for a test of difference.
        equivalence: whether the margin is for equivalence (within it on both sides) and not for
            non-inferiority.
    """

    figure: Figure = "auc"
    task: Task = "invasive"
    readers: Literal["random", "fixed"] = "random"
    margin: float | None = None
    equivalence: bool = False


@dataclass(frozen=True)
class AidSource:
    """The model's results that aided readings show, frozen with the design.

    Attributes:
        model: the model's name.
        model_sha256: hash of the model file that made the results.
        files: case id -> sha256 of the case's aid file.
    """

    model: str
    model_sha256: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class Design:
    """Everything that is decided before the first read.

    Attributes:
        study: short name, used in tables and as the store's mark.
        title: what readers see.
        kind: "crossover" (each case unaided and aided, a washout apart), "sequential" (unaided
            answer locked, then the model shown, then a second answer) or "unaided".
        seed: seed of the schedule's random order.
        readers: the readers.
        cases: the cases, practice cases included.
        washout_days: shortest time between the sessions of one reader, in days.
        reveal: in crossover, when an aided reading shows the model: with the image, or after a
            first answer without it.
        repeats: number of cases read again, unaided, in a last session (intra-reader agreement).
        mask: whether the answer includes the reader's own outline.
        going_back: whether a submitted answer of the running session may be corrected.
        endpoint: the primary analysis.
        aid: what the aided readings show; None when nothing is aided.
        truth_sha256: keyed hash of the truth file (in format 1 its plain sha256), or "" when
            there is none yet.
        schedule_sha256: hash of schedule.csv.
        instructions: what readers are told before they start.
        teaching: whether the class is told after every case: a set to learn from, no trial.
        hanging: whether window and zoom are the reader's, that and noted, or fixed.
        key_sha256: hash of the key that the order was balanced with, "" when it looks at no truth.
        schema: format of design.json.

    Raises:
        StudyError: the parts contradict each other.
    """

    study: str
    title: str
    kind: Kind
    seed: int
    readers: tuple[Reader, ...]
    cases: tuple[Case, ...]
    washout_days: float = DEFAULT_WASHOUT_DAYS
    reveal: Reveal = "with_image"
    repeats: int = 0
    mask: MaskRule = "optional"
    going_back: bool = False
    endpoint: Endpoint = field(default_factory=Endpoint)
    aid: AidSource | None = None
    truth_sha256: str = ""
    schedule_sha256: str = ""
    instructions: str = ""
    key_sha256: str = ""
    teaching: bool = False
    hanging: Hanging = "free"
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        _check_names(self)
        _check_choices(self)
        _check_cases(self)
        _check_aid(self)

    @property
    def main_cases(self) -> tuple[Case, ...]:
        """The cases that are analysed."""
        return tuple(case for case in self.cases if not case.practice)

    @property
    def practice_cases(self) -> tuple[Case, ...]:
        """The cases to get used to the form with."""
        return tuple(case for case in self.cases if case.practice)

    @property
    def order_reveals_truth(self) -> bool:
        """Whether seed and schedule alone, as every folder and export hold them, give the truth."""
        return self.schema == 1 and bool(self.truth_sha256)

    def case(self, case_id: str) -> Case:
        """The case of that id."""
        return next(case for case in self.cases if case.id == case_id)

    def reader(self, reader_id: str) -> Reader:
        """The reader of that id.

        Raises:
            StudyError: nobody of that name takes part.
        """
        for reader in self.readers:
            if reader.id == reader_id:
                return reader
        raise StudyError(
            f"'{reader_id}' is no reader of the study '{self.study}': check the spelling, or ask "
            "whoever runs the study for your reader name."
        )

    @property
    def sha256(self) -> str:
        """Hash of the canonical JSON of everything above."""
        return sha256(canonical_json(self._content()))

    def _content(self) -> dict[str, Any]:
        data = asdict(self)
        if self.schema == 1:
            del data["key_sha256"], data["instructions"]
        for part, later in _LATER.items():
            fields = data[part] if part else data
            for name, usual in later.items():
                if fields[name] == usual:
                    del fields[name]
        for case in data["cases"]:
            if self.schema == 1:
                del case["patient"], case["feedback"]
            # Files carry RAS, as 3D Slicer shows it; -0.0 and 0.0 must hash alike.
            case["seed_ras"] = [float(x) + 0.0 for x in ras_to_lps(case.pop("seed_lps"))]
        content: dict[str, Any] = json.loads(json.dumps(data))
        return content

    def to_json(self) -> str:
        """The text of design.json, its own hash included."""
        return (
            json.dumps(
                {"schema": self.schema, **self._content(), "design_sha256": self.sha256}, indent=1
            )
            + "\n"
        )


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces, so that equal content has equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def design_from_json(text: str) -> Design:
    """Read design.json.

    Returns:
        The design, its hash checked.

    Raises:
        StudyError: it is no design, of another schema, or was changed after it was frozen.
    """
    try:
        data = json.loads(text)
        schema, stored = data["schema"], data.pop("design_sha256")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise StudyError("design.json is not the design of a DenseSharp reader study.") from error
    if schema not in READABLE:
        raise StudyError(
            f"The study's design (design.json) has format {schema}, this software reads formats "
            f"{' and '.join(map(str, READABLE))}: "
            "use the version of the software that the study was begun with."
        )
    try:
        design = _design_from_data(data)
        unchanged = design.sha256 == stored
    except (KeyError, TypeError, ValueError, AttributeError, StudyError) as error:
        reason = str(error).rstrip(".")
        raise StudyError(f"design.json is damaged ({reason}): restore it from a copy.") from error
    if not unchanged:
        raise StudyError(
            "design.json was changed after the study was frozen: restore the original file. "
            "Another design is another study, made with 'densesharp study new'."
        )
    return design


def _design_from_data(data: dict[str, Any]) -> Design:
    parts = dict(data)
    parts["readers"] = tuple(Reader(**reader) for reader in parts["readers"])
    parts["cases"] = tuple(_case_from_data(case) for case in parts["cases"])
    parts["endpoint"] = Endpoint(**parts["endpoint"])
    parts["aid"] = AidSource(**parts["aid"]) if parts["aid"] else None
    return Design(**parts)


def _case_from_data(data: dict[str, Any]) -> Case:
    x, y, z = (float(value) for value in ras_to_lps(data["seed_ras"]))
    rest = {key: value for key, value in data.items() if key != "seed_ras"}
    return Case(**rest, seed_lps=(x, y, z))


def _check_names(design: Design) -> None:
    readers = [reader.id for reader in design.readers]
    cases = [case.id for case in design.cases]
    patients = [case.patient for case in design.cases if case.patient]
    for what, names in (
        ("reader", readers), ("case", cases), ("study", [design.study]), ("patient", patients),
    ):  # fmt: skip
        for name in names:
            if not IDENTIFIER.fullmatch(name):
                signs = odd_signs(name)
                raise StudyError(
                    f"The {what} name '{name}' cannot be used"
                    f"{f' ({signs} in it)' if signs else ''}: take 1 to 40 plain letters, digits, "
                    "dots, dashes or underscores, beginning with a letter or digit."
                )
            if design.schema > 1 and _RESERVED.fullmatch(name):
                raise StudyError(
                    f"The {what} name '{name}' cannot be used: Windows keeps it for itself or ends "
                    "file names before the dot. Choose another."
                )
        if what == "patient":
            continue
        # Names become file names, and some disks do not tell capitals apart.
        folded = [name.casefold() for name in names]
        double = next((name for name in names if folded.count(name.casefold()) > 1), None)
        if double is not None:
            raise StudyError(f"The {what} '{double}' is named twice: names must differ.")


def _check_choices(design: Design) -> None:
    choices: list[tuple[str, object, tuple[object, ...]]] = [
        ("kind of study", design.kind, get_args(Kind)),
        ("moment of showing the model", design.reveal, get_args(Reveal)),
        ("mask rule", design.mask, get_args(MaskRule)),
        ("hanging", design.hanging, get_args(Hanging)),
        ("endpoint's figure of merit", design.endpoint.figure, get_args(Figure)),
        ("endpoint's task", design.endpoint.task, get_args(Task)),
        ("endpoint's treatment of readers", design.endpoint.readers, ("random", "fixed")),
    ]
    for what, value, allowed in choices:
        if value not in allowed:
            names = ", ".join(map(str, allowed))
            raise StudyError(f"The {what} cannot be '{value}': it is one of {names}.")
    if not math.isfinite(design.washout_days) or design.washout_days < 0:
        raise StudyError(f"The washout of {design.washout_days} days is not a length of time.")
    margin = design.endpoint.margin
    if margin is not None and not 0 < margin < 1:
        raise StudyError(f"The margin {margin} must lie between 0 and 1, in units of the endpoint.")
    if design.endpoint.equivalence and margin is None:
        raise StudyError("Equivalence needs a margin: how far apart still counts as equal.")


def _check_cases(design: Design) -> None:
    if design.teaching and (design.going_back or design.repeats):
        message = "A teaching set tells each class: leave corrections and repeated cases out."
        raise StudyError(message)
    if not design.readers:
        raise StudyError("The study has no readers: name at least one.")
    if len(design.main_cases) < 2:
        message = "The study has fewer than two cases besides practice: nothing can be compared."
        raise StudyError(message)
    if not 0 <= design.repeats <= len(design.main_cases):
        raise StudyError(
            f"{design.repeats} repeated cases were asked for, but the study has "
            f"{len(design.main_cases)} cases: ask for fewer."
        )
    for case in design.cases:
        may_tell = (case.practice or design.teaching) and case.feedback in CLASS_NAMES
        if case.feedback and not may_tell:
            message = f"Case '{case.id}' cannot be told afterwards: only practice cases can."
            raise StudyError(message)
        if design.teaching and not case.feedback:
            message = f"The class of case '{case.id}' is missing: a teaching set tells every one."
            raise StudyError(message)
        if len(case.seed_lps) != 3 or not all(math.isfinite(x) for x in case.seed_lps):
            message = f"The point that marks the nodule of case '{case.id}' is not three numbers."
            raise StudyError(message)


def _check_aid(design: Design) -> None:
    if design.kind == "unaided":
        if design.aid is not None:
            raise StudyError("An unaided study shows no model: leave the model's results out.")
        return
    have = set(design.aid.files) if design.aid else set()
    missing = sorted({case.id for case in design.cases} - have)
    if missing:
        raise StudyError(
            f"The model's result is missing for {len(missing)} of {len(design.cases)} cases "
            f"(first: '{missing[0]}'): an aided reading needs one for every case."
        )
