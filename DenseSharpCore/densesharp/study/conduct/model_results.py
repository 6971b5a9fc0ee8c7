"""What aided readings show: the model's result of a case, frozen with the design.

Results are made once, by `densesharp predict` or `densesharp cohort`, before the first read. So
every reader sees the same result, and the log can say exactly which.

Each result is one sealed file, and the log of what was shown is sealed too: the store may lie in
the same folder, and what one reader was shown another has still to read. So nobody who looks
through the study's folder comes upon a result before the design allows. Sealing keeps honest
readers blind; it is no secret from someone who runs this program's code on the files, because
reading must work without a server.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from densesharp.errors import StudyError
from densesharp.files import atomic_path, ensure_folder, sha256
from densesharp.nodule.records import CLASS_NAMES
from densesharp.study.conduct.design import AidSource, Case, canonical_json
from densesharp.study.conduct.events import Body
from densesharp.study.conduct.study_folder import AID, Study

SEALED = ".sealed"

SEALED_STEP = 65536
"""Sealed results are filled up to a multiple of so many bytes, nearly always to one."""


@dataclass(frozen=True)
class Aid:
    """The model's result of one case.

    Attributes:
        case: case id.
        model: the model's name.
        model_sha256: hash of the model file.
        trained_on: what the model was trained on, shown with every result.
        probabilities: class -> probability 0..1, adding up to 1.
        mask_sha256: hash of the outline, "" when there is none.
        mask: NRRD bytes of the outline on the case's grid, None when there is none.
        verdict: "ok" or "caution", as in result.json; "" in studies made before it was shown.
        reasons: sentences for the verdict.
        spread: how much the model's own runs differ, in words.
        volume: of the outline, and what outlines of other readers would give, in words.
    """

    case: str
    model: str
    model_sha256: str
    trained_on: str
    probabilities: Mapping[str, float]
    mask_sha256: str = ""
    mask: bytes | None = None
    verdict: str = ""
    reasons: tuple[str, ...] = ()
    spread: str = ""
    volume: str = ""

    @property
    def p_invasive(self) -> float:
        """Probability of MIA or IAC, 0..1."""
        return self.probabilities["MIA"] + self.probabilities["IAC"]

    @property
    def p_iac(self) -> float:
        """Probability of IAC, 0..1."""
        return self.probabilities["IAC"]

    @property
    def nodule_class(self) -> str:
        """The most probable class."""
        return max(CLASS_NAMES, key=lambda name: self.probabilities[name])

    def logged(self) -> Body:
        """What the log keeps of showing this: model, outline's hash, and sealed probabilities."""
        text = canonical_json(dict(self.probabilities)).encode()
        return {
            "model": self.model,
            "model_sha256": self.model_sha256,
            "mask_sha256": self.mask_sha256,
            "sealed_probabilities": base64.b64encode(_veil(text, self.case)).decode("ascii"),
        }


def logged_probabilities(body: Body, case: str) -> dict[str, float]:
    """Class -> probability 0..1 as `Aid.logged` noted them for a case.

    Raises:
        ValueError: the note is damaged.
    """
    found = body.get("probabilities")  # as the first versions noted them
    if found is None:
        content = base64.b64decode(str(body["sealed_probabilities"]), validate=True)
        found = json.loads(_veil(content, case))
    return {name: float(found[name]) for name in CLASS_NAMES}


def shown_columns(body: Body, case: str) -> dict[str, str | float]:
    """What an event says was shown, as the columns of answers.csv.

    Raises:
        ValueError: the note is damaged.
    """
    chances = logged_probabilities(body, case)
    return {
        "aid_model_sha256": body["model_sha256"],
        "aid_mask_sha256": body["mask_sha256"],
        "aid_class": max(CLASS_NAMES, key=lambda name: chances[name]),
        "aid_p_invasive": percent(chances["MIA"] + chances["IAC"]),
        "aid_p_iac": percent(chances["IAC"]),
    }


def percent(probability: float) -> float:
    """A probability in percent; with ten digits, as ranks must not be tied by rounding."""
    return round(100 * probability, 10)


def describe_aids(aids: Sequence[Aid]) -> AidSource | None:
    """What the design keeps of the model's results; None when there are none.

    Raises:
        StudyError: the results come from different models.
    """
    if not aids:
        return None
    models = {(aid.model, aid.model_sha256) for aid in aids}
    if len(models) > 1:
        names = ", ".join(sorted(name for name, _ in models))
        message = f"The results come from different models ({names}): run one model on all cases."
        raise StudyError(message)
    files = {aid.case: sha256(_sealed(aid)) for aid in aids}
    return AidSource(aids[0].model, aids[0].model_sha256, files)


def write_aids(folder: Path, aids: Sequence[Aid]) -> None:
    """Write the model's results into a study's folder.

    Raises:
        OutputError: the folder cannot be written to.
    """
    target = ensure_folder(folder / AID)
    for aid in aids:
        with atomic_path(target / f"{aid.case}{SEALED}") as path:
            path.write_bytes(_sealed(aid))


def _sealed(aid: Aid) -> bytes:
    """The file of a result: the same result always gives the same bytes."""
    mask = "" if aid.mask is None else base64.b64encode(aid.mask).decode("ascii")
    text = canonical_json({**asdict(aid), "probabilities": dict(aid.probabilities), "mask": mask})
    content = zlib.compress(text.encode())
    # A file's size would tell how large the outline is, and whether there are reasons for caution.
    return _veil(content + bytes(-len(content) % SEALED_STEP), aid.case)


def _unsealed(content: bytes, case: str) -> Aid:
    data = json.loads(zlib.decompressobj().decompress(_veil(content, case)))
    mask = data.pop("mask")
    data["reasons"] = tuple(data.get("reasons", ()))
    return Aid(**data, mask=base64.b64decode(mask) if mask else None)


def _veil(content: bytes, case: str) -> bytes:
    """Cover bytes with a stream that depends on the case; the same again uncovers them."""
    stream = hashlib.shake_256(f"densesharp aid {case}".encode()).digest(len(content))
    return (np.frombuffer(content, np.uint8) ^ np.frombuffer(stream, np.uint8)).tobytes()


def load_aid(study: Study, case: Case) -> Aid:
    """The model's result of a case, checked against the design.

    Only `session.Reading` calls this while a study is read, after the design allows it.

    Raises:
        StudyError: the file is missing or was changed.
    """
    source = study.design.aid
    if source is None:
        raise StudyError("This study shows no model.")
    path = study.folder / AID / f"{case.id}{SEALED}"
    plain = path.with_name(f"{case.id}.json")
    if path.exists() or not plain.exists():
        return _unsealed(_read_same(path, source.files[case.id]), case.id)
    # The first versions kept results open: values and outline in a file each.
    data = json.loads(_read_same(plain, source.files[case.id]))
    outline = path.with_name(f"{case.id}.nrrd")
    digest = data["mask_sha256"]
    return Aid(**data, mask=_read_same(outline, digest) if digest else None)


_CHANGED = (
    "The model's result for this case was changed after the study was frozen: restore the study "
    "folder's 'aid' from a copy."
)


def _read_same(path: Path, digest: str) -> bytes:
    """The bytes of a file that must be as they were frozen."""
    try:
        content = path.read_bytes()
    except OSError as error:
        message = "The model's result for this case is missing: restore the folder 'aid'."
        raise StudyError(message) from error
    if sha256(content) != digest:
        raise StudyError(_CHANGED)
    return content
