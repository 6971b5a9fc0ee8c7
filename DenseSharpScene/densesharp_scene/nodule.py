"""What the scene knows about one nodule beside its result, to and from JSON."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densesharp.image.masks import NoduleMask
from densesharp.image.volume import Notice
from densesharp.nodule.records import DECISIONS, Decision, NoduleResult, Review
from densesharp.nodule.reliability import verdict_of
from densesharp.report.labels import percent_words

from .axis_lines import OwnLine
from .segments import digest

__all__ = ["DECISIONS", "Decision", "Nodule", "Review"]

DECIDED_EARLY, OVERLAP = "decided_early", "overlap"

TOO_SMALL = "mask_too_small"
"""Code of the notice that refuses an outline of a few voxels."""

REFUSED_CLICK = "Refused click"
"""Name of what stands where a click found no nodule; a nodule has its number as name."""


@dataclass(frozen=True, eq=False)
class Nodule:
    """One nodule of one CT.

    Attributes:
        result: the model's answer; its mask is the segment's at the time of the answer.
        name: shown to the reader, free to change.
        number: 1, 2, ... in the order of the clicks; never used twice in a scan.
        segment_id: of its segment; empty while there is no mask.
        seed_id: of its point.
        review: accepted or rejected, by whom.
        world: (4, 4) IJK to world RAS of the CT when the result was computed.
        edited: the mask was corrected by hand.
        mask_digest: fingerprint of the mask the result belongs to.
        model: SHA-256 of the model that answered; empty when it is not known.
        tracking_uid: of the nodule at all its dates, in DICOM SEG and SR.
        lines: where its reader left the lines of its axes; the lines themselves are saved.
    """

    result: NoduleResult
    name: str
    number: int
    segment_id: str
    seed_id: str
    world: NDArray[np.float64]
    review: Review = field(default_factory=Review)
    edited: bool = False
    mask_digest: str = ""
    model: str = ""
    tracking_uid: str = ""
    lines: tuple[OwnLine, ...] = (None, None)

    @classmethod
    def first(cls, result: NoduleResult, seed_id: str) -> Nodule:
        """A nodule for the answer to a point, by the number in its id; no segment is made yet."""
        number = int(result.id.rsplit("_", 1)[1])
        first = cls(
            result, f"Nodule {number}", number, "", seed_id, np.eye(4), tracking_uid=new_uid()
        )
        return replace(first, name=REFUSED_CLICK) if first.refused_click else first

    @property
    def id(self) -> str:
        """The result's id, such as `nodule_001`."""
        return self.result.id

    @property
    def refused_click(self) -> bool:
        """Whether it is no nodule: next to nothing was outlined there, and no reader did it."""
        codes = {notice.code for notice in self.result.notices}
        nothing = self.result.mask is None or TOO_SMALL in codes
        return self.result.verdict == "refused" and nothing and not self.edited

    def has_voxels(self, mask: NoduleMask | None) -> bool:
        """Whether a mask holds the voxels that this nodule has."""
        return digest(mask) == digest(self.result.mask)

    @property
    def unanswered(self) -> bool:
        """Whether its voxels are a correction that has no answer yet."""
        return digest(self.result.mask) != self.mask_digest

    def with_result(self, result: NoduleResult, world: NDArray[np.float64]) -> Nodule:
        """The same nodule with another answer; a decision does not outlive its answer."""
        return replace(
            self, result=result, world=world, review=Review(), mask_digest=digest(result.mask)
        )

    def handed_out(self, overlap: str | None) -> Nodule:
        """The nodule with what only the scene knows of it: name, decision, a neighbor's outline."""
        notices = self.result.notices
        if overlap is not None:
            notices = (*notices, Notice(OVERLAP, overlap))
        result = replace(
            self.result, notices=notices, verdict=verdict_of(notices), name=self.name,
            review=self.review, tracking_uid=self.tracking_uid,
        )  # fmt: skip
        return replace(self, result=result)

    def refined(self, better: NoduleResult, untouched: bool) -> Nodule:
        """The same nodule with a better founded answer of the same run.

        What a reader has touched stays as it was seen: it gets only the spread and the stability,
        and these only when they are about the outline that was seen. A decided one also gets a
        notice of what the better answer says.
        """
        if untouched:
            return self.with_result(better, self.world)
        result = self.result
        if digest(better.mask) == self.mask_digest:
            result = replace(result, uncertainty=better.uncertainty, stability=better.stability)
        if self.review.decision != "open":
            notices = (*result.notices, _decided_early(result, better))
            result = replace(result, notices=notices, verdict=verdict_of(notices))
        return replace(self, result=result)

    @property
    def decided_early(self) -> bool:
        """Whether the decision is about a first answer, which a better one followed."""
        return any(notice.code == DECIDED_EARLY for notice in self.result.notices)

    def with_mask(self, mask: NoduleMask | None) -> Nodule:
        """The same nodule with the mask that was read back from its segment."""
        return replace(self, result=replace(self.result, mask=mask))

    def to_json(self) -> dict[str, Any]:
        """Plain values for the scene's text node."""
        mask = self.result.mask
        return {
            "name": self.name,
            "number": self.number,
            "segment": self.segment_id,
            "seed": self.seed_id,
            "decision": self.review.decision,
            "decided_by": self.review.reader,
            "decided_at": self.review.time,
            "edited": self.edited,
            "model": self.model,
            "tracking_uid": self.tracking_uid,
            "mask": {
                "start": list(mask.start) if mask else [],
                "voxels": int(mask.array.sum()) if mask else 0,
                "digest": self.mask_digest,
            },
            "ijk_to_ras": self.world.tolist(),
            "result": self.result.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Nodule:
        """The record that `to_json` wrote, without mask."""
        result = NoduleResult.from_json(data["result"])
        model = data.get("model", "")
        return cls(
            # Scenes of before results kept it say which model it was beside the result.
            result=replace(result, model_sha256=result.model_sha256 or model),
            name=data["name"],
            number=data["number"],
            segment_id=data["segment"],
            seed_id=data["seed"],
            world=np.array(data["ijk_to_ras"], dtype=np.float64),
            review=Review(data["decision"], data["decided_by"], data["decided_at"]),
            edited=data["edited"],
            mask_digest=data["mask"]["digest"],
            model=model,
            tracking_uid=data.get("tracking_uid", ""),
        )


def new_uid() -> str:
    """A DICOM UID that no other program makes (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid4().int}"


def _decided_early(seen: NoduleResult, complete: NoduleResult) -> Notice:
    """What the complete answer says; a caution where it differs from what was decided on."""
    shown = complete.shown()
    says = "the complete answer is refused"
    if shown.class_probabilities is not None and shown.measurements is not None:
        probability = percent_words(max(shown.class_probabilities.values()))
        says = f"the complete answer is {shown.predicted_class}, {probability}, "
        says += f"{shown.measurements.volume_mm3:.0f} mm³"
    new = [notice for notice in complete.notices if notice not in seen.notices]
    reasons = [notice.message for notice in new if notice.severity != "info"]
    differs = bool(reasons) or complete.predicted_class != seen.predicted_class
    text = f"Decided on before all was computed: {says}. Open it again to see that answer."
    return Notice(DECIDED_EARLY, " ".join([text, *reasons]), "caution" if differs else "info")
