"""A model beside several readers: agreements worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_model_evaluation import outcomes

from densesharp.train import evaluation
from densesharp.train.dataset import Sample
from densesharp.train.evaluation import evaluate, outlined_places
from densesharp.train.evaluation_readers import among_readers, readers_table
from densesharp.train.evaluation_report import markdown
from densesharp.train.evaluation_summary import groups_of
from phantoms import ThresholdEngine


def rods(*lengths: int) -> np.ndarray:
    """Masks that are the first voxels of a row of ten."""
    return np.stack([np.arange(10).reshape(1, 1, 10) < length for length in lengths])


def test_each_reader_in_turn_is_left_out() -> None:
    among = among_readers(rods(4)[0], rods(2, 4, 8))
    assert among is not None
    assert among.count == 3
    assert among.one == pytest.approx(4 / 6)
    assert among.mean == pytest.approx((4 / 6 + 1 + 8 / 12) / 3)
    # Of two others, what one of them marked counts: the longer rod, 8, 8 and 4.
    assert among.others == pytest.approx((8 / 12 + 8 / 12 + 1) / 3)
    assert among.reader == pytest.approx((4 / 10 + 8 / 12 + 8 / 12) / 3)
    assert among.pairs == pytest.approx((4 / 6 + 4 / 10 + 8 / 12) / 3)


def test_one_mask_alone_says_nothing_of_readers() -> None:
    assert among_readers(rods(4)[0], None) is None
    assert among_readers(rods(4)[0], rods(4)) is None


def test_the_table_shows_model_and_reader_by_group_and_slice() -> None:
    three, four = (
        among_readers(rods(4)[0], rods(2, 4, 8)),
        among_readers(rods(4)[0], rods(*[4] * 4)),
    )
    made = [
        replace(one, among=four if n < 6 else three if n < 20 else None, slice_mm=(1.0, 2.5)[n % 2])
        for n, one in enumerate(outcomes(30))
    ]
    rows = readers_table(made, groups_of(made))
    assert rows["all"]["n"] == 20
    assert rows["fits, four readers or more"]["n"] == 6
    assert rows["fits, four readers or more"]["others"] == 1
    assert rows["fits, slices 0-1.3 mm"]["n"] == rows["fits, slices > 2.1 mm"]["n"] == 10
    assert "fits, slices 1.3-2.1 mm" not in rows
    assert three is not None
    gap = (three.others - three.reader) * 14 / 20
    assert rows["all"]["model_minus_reader"].value == pytest.approx(gap)
    assert readers_table(outcomes(3), groups_of(outcomes(3))) == {}


def test_places_are_counted_and_are_no_nodules(
    balls_of_three_sizes: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    ball = replace(balls_of_three_sizes[2], readers=np.stack([balls_of_three_sizes[2].seg] * 2))
    empty = np.zeros_like(ball.seg)
    vessel = replace(ball, name="vessel", seg=empty, readers=None)
    lung = replace(vessel, name="lung", voxel=np.full_like(ball.voxel, 30))
    monkeypatch.setattr(evaluation, "_engines", lambda samples, *_: [(ThresholdEngine(), samples)])
    model: object = None
    (outcome,) = evaluate([ball, vessel, lung], model, shifts=False)  # type: ignore[arg-type]
    assert outcome.name == ball.name
    assert outcome.among is not None
    assert outcome.among.one == outcome.dice
    assert outcome.among.reader == 1
    assert outlined_places([ball, vessel, lung], model) == (1, 2)  # type: ignore[arg-type]


def test_the_report_names_readers_and_places() -> None:
    from densesharp.train import evaluation_summary as summary

    made = [replace(o, among=among_readers(rods(4)[0], rods(2, 4, 8))) for o in outcomes(6)]
    text = markdown(
        {
            "model": {"name": "m", "members": 1}, "nodules": 6, "masks": summary.masks(made),
            "readers": readers_table(made, groups_of(made)), "places": {"outlined": 3, "n": 7},
            "robustness": summary.robustness(made), "density_spearman": None,
            "inner_density_spearman": None, "classes": {}, "class_by_rating": [],
        }
    )  # fmt: skip
    assert "| all | 6 | 0.667 | 0.778 | 0.800 | 0.778 | 0.578 | 0.578 |" in text
    assert "Outlined at 3 of 7 places without a nodule." in text
