"""Surface distances, overlap, STAPLE and the model within inter-reader spread."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_shapes import SHAPES, THICK, ball

from densesharp.study.consensus import staple
from densesharp.study.segmentation import (
    compare,
    consensus_masks,
    pairwise_dice,
    within_spread,
)
from densesharp.study.surface_distance import (
    assd,
    average_distances,
    surface_distances,
)

FULL = {"rel": 1e-6, "abs": 1e-12}


@pytest.mark.parametrize("name", SHAPES)
def test_the_average_distance_lies_between_the_two_directions(name):
    found = surface_distances(*SHAPES[name])
    both = [one.value for one in average_distances(found)]
    assert min(both) - 1e-9 <= assd(found).value <= max(both) + 1e-9
    assert "weighted by area" in assd(found).method


def test_the_area_of_a_ball_is_that_of_a_sphere():
    sphere = ball((20, 20, 20), 12, (41, 41, 41), (1.0, 1, 1))
    found = surface_distances(sphere, sphere, (1.0, 1, 1))
    # Marching cubes through voxel midpoints overestimates smooth surfaces by about 8 %.
    assert found.first_area.sum() == pytest.approx(4 * math.pi * 144, rel=0.12)


def test_empty_masks():
    empty, full = np.zeros((5, 5, 5), bool), np.ones((5, 5, 5), bool)
    both = compare(empty, empty, (1.0, 1, 1))
    assert both["dice"].value == 1
    assert both["hd95_mm"].value == 0
    assert both["volume_ratio"].value is None
    one = compare(full, empty, (1.0, 1, 1))
    assert one["dice"].value == 0
    assert one["hd95_mm"].value is None
    assert "empty" in one["hd95_mm"].reason


masks = st.lists(st.booleans(), min_size=64, max_size=64).map(
    lambda values: np.array(values).reshape(4, 4, 4)
)


@settings(max_examples=30, deadline=None)
@given(masks, masks, st.integers(0, 3))
def test_measures_are_symmetric_and_do_not_depend_on_position(first, second, shift):
    a = compare(first, second, THICK)
    b = compare(second, first, THICK)
    moved = [np.pad(mask, ((shift, 2), (1, shift), (0, 3))) for mask in (first, second)]
    c = compare(*moved, THICK)
    for name in ("dice", "jaccard", "hd95_mm", "assd_mm", "nsd_1mm"):
        for other in (b, c):
            assert (a[name].value is None) == (other[name].value is None)
            assert (a[name].value or 0) == pytest.approx(other[name].value or 0)


def test_the_probabilities_of_staple_are_those_of_simpleitk(rows_of):
    rows = rows_of("staple4")
    raters = [np.array([row[f"r{i}"] == "1" for row in rows]).reshape(-1, 24) for i in range(1, 5)]
    found = staple(raters)
    probability = [float(row["staple_prob_simpleitk"]) for row in rows]
    assert found.probability.ravel() == pytest.approx(probability, abs=2e-6)


def test_consensus_of_agreeing_and_of_no_readers():
    nodule = ball((10, 20, 20), 6)
    found = consensus_masks([nodule, nodule, nodule])
    assert (found["staple"] == nodule).all()
    assert (found["majority"] == nodule).all()
    nothing = consensus_masks([np.zeros((4, 4, 4), bool)] * 3)
    assert not nothing["staple"].any()
    with pytest.raises(ValueError, match="two masks"):
        staple([nodule])


def readers_and_model(model_radius, cases=12):
    rng = np.random.default_rng(4)
    for _ in range(cases):
        radii = 7 + rng.normal(0, 0.4, 3)
        yield (
            ball((10, 20, 20), model_radius + rng.normal(0, 0.2)),
            [ball((10, 20, 20), radius) for radius in radii],
        )


def test_a_model_like_a_reader_is_within_the_spread_and_a_poor_one_is_not():
    good = within_spread(list(readers_and_model(7)), 0.05, replicates=300)
    assert good.not_worse is True
    assert good.difference.value == pytest.approx(
        good.model_reader.value - good.reader_reader.value
    )
    poor = within_spread(list(readers_and_model(4)), 0.05, replicates=300)
    assert poor.not_worse is False
    assert poor.difference.ci[1] < 0
    none = within_spread([], 0.05)
    assert none.not_worse is None
    assert none.difference.reason


def test_pairwise_dice_leaves_pairs_without_common_cases_open():
    nodule = ball((10, 20, 20), 6)
    found = pairwise_dice([{"a": nodule, "b": nodule}, {"a": nodule}], ["a", "b", "c"])
    assert found[0, 1] == 1
    assert np.isnan(found[0, 2])
    assert found[2, 2] == 1
