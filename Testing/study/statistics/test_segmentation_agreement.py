"""Surface distances, overlap, STAPLE and the model within inter-reader spread."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_shapes import SHAPES, THICK, ball

from densesharp.stats.consensus import staple
from densesharp.stats.segmentation import (
    compare,
    consensus_masks,
    pairwise_dice,
    within_spread,
)
from densesharp.stats.surface_distance import (
    assd,
    hausdorff,
    normalized_surface_dice,
    surface_distances,
)

FULL = {"rel": 1e-6, "abs": 1e-12}


@pytest.mark.parametrize("name", SHAPES)
def test_the_average_distance_lies_between_the_two_directions(name):
    found = surface_distances(*SHAPES[name])
    both = [
        np.average(found.first, weights=found.first_area),
        np.average(found.second, weights=found.second_area),
    ]
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


def line(*marked):
    """A mask of 1 by 1 by 8 voxels."""
    return np.isin(np.arange(8), marked)[None, None, :]


def test_spread_and_pairs_by_hand():
    cases = [
        # Dice with the readers 1/2 and 1, of the readers 1/2.
        (line(0, 1), [line(1, 2), line(0, 1)]),
        # 0 and 0; 1, of three readers 1, 0 and 0.
        (line(5), [line(0), line(0), line(1)]),
        (line(2), [line(2)]),
    ]
    found = within_spread(cases, 0.3, replicates=50)
    assert found.model_reader.value == pytest.approx((0.75 + 0) / 2)
    assert found.reader_reader.value == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert found.difference.value == pytest.approx((1 / 4 - 1 / 3) / 2)
    # One of the two cases alone: the limits are its differences.
    assert found.difference.ci == pytest.approx((-1 / 3, 1 / 4))
    assert found.not_worse is False
    assert within_spread(cases, 0.34, replicates=50).not_worse is True
    assert within_spread(cases, replicates=50).not_worse is None
    assert within_spread(cases[1:], 0.3).difference.reason
    by_case = [{"a": line(0, 1), "b": line(1, 2)}, {"b": line(3), "a": line(3)}, {"b": line(0)}]
    matrix = pairwise_dice(by_case, ["a", "b"])
    assert matrix == pytest.approx(np.array([[1, 0.75], [0.75, 1]]))


def test_one_reader_is_the_consensus_and_of_two_only_what_both_marked_is_the_majority():
    alone = consensus_masks([line(2, 3)])
    assert (alone["staple"] == line(2, 3)).all()
    assert (alone["majority"] == line(2, 3)).all()
    assert (consensus_masks([line(2, 3), line(3, 4)])["majority"] == line(3)).all()


def test_distances_of_two_plates_are_their_gap():
    """Plates of 6 by 6 by 1 voxels, 3 voxels of 2 mm apart: every element has one opposite."""
    first, second = np.zeros((2, 10, 12, 12), bool)
    first[3, 3:9, 3:9] = second[6, 3:9, 3:9] = True
    found = surface_distances(first, second, (2.0, 1.0, 1.0))
    # Upper side 6 mm, lower side 4 mm from the other plate's lower side.
    assert sorted({*found.first, *found.second}) == pytest.approx([4, 6])
    assert found.first_area.sum() == pytest.approx(found.second_area.sum())
    near = found.first_area[found.first < 5].sum() / found.first_area.sum()
    assert near == pytest.approx(0.5)
    assert assd(found).value == pytest.approx(5)
    for percent, wanted in ((49, 4), (51, 6), (100, 6)):
        assert hausdorff(found, percent).value == pytest.approx(wanted)
    for tolerance, wanted in ((3.9, 0), (4.0, 0.5), (6.0, 1)):
        assert normalized_surface_dice(found, tolerance).value == pytest.approx(wanted)
    assert hausdorff(None).reason == assd(None).reason == normalized_surface_dice(None, 1).reason


def test_pairwise_dice_leaves_pairs_without_common_cases_open():
    nodule = ball((10, 20, 20), 6)
    found = pairwise_dice([{"a": nodule, "b": nodule}, {"a": nodule}], ["a", "b", "c"])
    assert found[0, 1] == 1
    assert np.isnan(found[0, 2])
    assert found[2, 2] == 1
