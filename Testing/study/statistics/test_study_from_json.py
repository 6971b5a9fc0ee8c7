"""Records of results go to JSON and come back as they were."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import pytest

from densesharp.stats.estimates import Estimate, optional, to_json
from densesharp.stats.from_json import from_json
from densesharp.stats.tables import FloatArray
from densesharp.study.analysis.study_results import StudyResults


class Spot(NamedTuple):
    name: str
    at: tuple[float, float]


@dataclass(frozen=True)
class Record:
    JSON_NAMES: ClassVar[Mapping[str, str]] = {"size": "n", "hidden": ""}

    size: int
    one: Estimate
    spots: Sequence[Spot]
    array: FloatArray
    by_name: Mapping[str, Estimate | None]
    extra: float | None = optional()
    reason: str | None = optional(written_with="extra")
    hidden: str | None = None


RECORD = Record(
    3, Estimate(0.5, ci=(0.1, 0.9)), (Spot("a", (1.0, 2.0)),), np.array([1.0, np.nan]),
    {"b": None},
)  # fmt: skip
PLAIN = {
    "n": 3, "one": {"value": 0.5, "ci": [0.1, 0.9]}, "spots": [["a", [1.0, 2.0]]],
    "array": [1.0, None], "by_name": {"b": None},
}  # fmt: skip


def test_names_and_optional_parts_are_those_of_the_record():
    assert to_json(RECORD) == PLAIN
    assert to_json(Record(**vars(RECORD) | {"extra": 2.0})) == PLAIN | {
        "extra": 2.0,
        "reason": None,
    }
    back = from_json(Record, PLAIN)
    assert back.spots == RECORD.spots
    assert back.spots[0].at == (1.0, 2.0)
    assert back.one == RECORD.one
    np.testing.assert_array_equal(back.array, RECORD.array)


def test_data_that_are_no_such_record_are_refused():
    for wrong in ([], {"n": 3}, PLAIN | {"spots": [["a"]]}):
        with pytest.raises(ValueError, match=r"no Record|zip"):
            from_json(Record, wrong)


def test_a_study_s_results_come_back_byte_for_byte(folder):
    text = (folder / "out" / "results.json").read_text()
    again = to_json(from_json(StudyResults, json.loads(text)))
    assert json.dumps(again, indent=1, allow_nan=False) + "\n" == text
