"""Recentring, orientations, probabilities and evidence, with an engine whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest

from densesharp.image.volume import Volume
from densesharp.nodule.inference import (
    USUAL_SHARPNESS,
    at_edge,
    class_probabilities,
    evidence_map,
    locate,
    orient,
    orient_back,
    orientations,
    predict,
    share_of_evidence,
)
from phantoms import ThresholdEngine, grid_around, smooth_ball

CENTER = np.array([12.0, -30.0, 45.0])


@pytest.fixture
def a_ball_in_lung():
    grid = grid_around(CENTER, (90, 90, 70), (0.8, 0.8, 1.0), np.eye(3))
    return smooth_ball(grid, CENTER, 6.0)


@pytest.mark.parametrize("offset", [(0, 0, 0), (5, 0, 0), (0, -8, 3), (-6, 6, 6)])
def test_an_off_centre_click_is_brought_to_the_middle(a_ball_in_lung, offset):
    engine = ThresholdEngine()
    found = locate(a_ball_in_lung, CENTER + offset, engine)
    np.testing.assert_allclose(found.patch.grid.center, CENTER, atol=1.0)
    assert found.shift_mm == pytest.approx(np.linalg.norm(offset), abs=1.0)
    assert found.passes == engine.patches <= 4
    assert found.passes == (1 if offset == (0, 0, 0) else found.passes)


def test_a_click_far_from_any_nodule_finds_nothing_in_one_pass(a_ball_in_lung):
    found = locate(a_ball_in_lung, CENTER + [0, 0, 20], ThresholdEngine())
    assert found.component is None
    assert found.passes == 1


class Drifting(ThresholdEngine):
    """Outlines a ball that is always a little to the left of the patch's middle."""

    def run(self, patches):
        output = super().run(patches)
        k, j, i = np.indices(patches.shape[1:])
        ball = (k - 15.5) ** 2 + (j - 15.5) ** 2 + (i - 19.5) ** 2 <= 9
        return output._replace(mask=np.where(ball, 0.9, 0.0)[None, None].astype(np.float32))


def test_what_recentring_finds_far_from_the_click_is_not_its_nodule(a_ball_in_lung):
    """Each pass is within reach of the one before; the last is 12 mm from the click."""
    found = locate(a_ball_in_lung, CENTER, Drifting())
    assert found.passes == 4
    assert found.component is None


class Stepping(ThresholdEngine):
    """Outlines a ball that lies by the next of these steps to the left of the patch's middle."""

    def __init__(self, steps):
        super().__init__()
        self.steps = iter(steps)

    def run(self, patches):
        k, j, i = np.indices(patches.shape[1:]) - 15.5
        ball = k**2 + j**2 + (i - next(self.steps)) ** 2 <= 36
        mask = np.where(ball, 0.9, 0.0)[None, None].astype(np.float32)
        return super().run(patches)._replace(mask=mask)


@pytest.mark.parametrize(
    ("steps", "passes", "moved"),
    [([0.5], 1, 0), ([1, 0.5], 2, 1), ([3, 1, 0.5], 3, 4), ([2, 1, 1, 1], 4, 4)],
)
def test_recentring_ends_with_a_step_under_1_mm_or_the_fourth_pass(
    a_ball_in_lung, steps, passes, moved
):
    found = locate(a_ball_in_lung, CENTER, Stepping(steps))
    assert found.passes == passes
    np.testing.assert_allclose(found.patch.grid.center, CENTER + [moved, 0, 0], atol=1e-6)
    assert found.shift_mm == pytest.approx(moved)
    assert found.component is not None


def test_the_48_orientations_are_different_and_undone_exactly():
    array = np.arange(2 * 27).reshape(2, 3, 3, 3)
    turned = [orient(array, each) for each in orientations()]
    assert len({each.tobytes() for each in turned}) == 48
    np.testing.assert_array_equal(turned[0], array)
    for each, orientation in zip(turned, orientations(), strict=True):
        np.testing.assert_array_equal(orient_back(each, orientation), array)


def test_the_first_eight_orientations_are_the_flips():
    assert {order for order, _ in orientations()[:8]} == {(0, 1, 2)}


def test_the_first_four_orientations_flip_every_axis_in_two_of_them():
    array = np.arange(27).reshape(3, 3, 3)
    turned = [orient(array, each) for each in orientations()[:4]]
    np.testing.assert_array_equal(turned[0], array)
    for axis, step in enumerate((9, 3, 1)):
        rises = [int(np.sign(np.diff(each, axis=axis).mean())) for each in turned]
        assert sorted(rises) == [-1, -1, 1, 1], axis
        assert {abs(int(d)) for each in turned for d in np.unique(np.diff(each, axis=axis))} == {
            step
        }


def test_averaging_orientations_changes_nothing_for_an_engine_without_preference(a_ball_in_lung):
    engine = ThresholdEngine()
    located = locate(a_ball_in_lung, CENTER + [2, 1, 0], engine)
    once, _ = predict(located, engine)
    many, masks = predict(located, engine, augmentations=48)
    assert masks.shape == (48, 32, 32, 32)
    np.testing.assert_allclose(many.mask, once.mask, atol=1e-6)
    np.testing.assert_allclose(many.class_probabilities, once.class_probabilities, atol=1e-5)
    np.testing.assert_allclose(many.evidence, once.evidence, atol=1e-4)
    assert many.samples.shape == (48, 3)
    assert np.ptp(many.volume_samples_mm3) == 0
    # One pass to locate is used again: 47 new ones, none twice.
    assert engine.patches == located.passes + 47


def test_the_predicted_volume_is_the_balls(a_ball_in_lung):
    engine = ThresholdEngine(threshold_hu=-425)
    prediction, _ = predict(locate(a_ball_in_lung, CENTER, engine), engine, augmentations=2)
    expected = 4 / 3 * np.pi * 6**3
    assert prediction.volume_samples_mm3 == pytest.approx([expected] * 2, rel=0.03)
    assert (prediction.mask >= 0.5).sum() == pytest.approx(expected, rel=0.03)


def test_probabilities_are_the_softmax_of_the_cooled_logits():
    logits = np.array([[1.0, 2.0, 4.0], [500.0, -500.0, 0.0]])
    expected = np.exp(logits[0] / 2) / np.exp(logits[0] / 2).sum()
    result = class_probabilities(logits, temperature=2.0)
    np.testing.assert_allclose(result[0], expected)
    np.testing.assert_allclose(result[1], [1, 0, 0], atol=1e-60)
    assert result.sum(axis=1) == pytest.approx([1, 1])


def test_evidence_lies_where_the_activation_does_and_against_is_cut():
    activation = np.zeros((3, 8, 8, 8))
    activation[2, 6, 1, 4] = 3.0
    activation[2, 0, 0, 0] = -5.0
    evidence = evidence_map(activation, 2, (32, 32, 32))
    assert evidence.shape == (32, 32, 32)
    assert evidence.max() == 1
    peak = np.array(np.unravel_index(evidence.argmax(), evidence.shape))
    # Cell (6, 1, 4) covers voxels 24-27, 4-7, 16-19.
    assert (np.abs(peak - [25.5, 5.5, 17.5]) < 1).all()
    assert evidence[:8, :3, :8].max() == 0
    assert evidence_map(np.zeros((3, 8, 8, 8)), 0, (32, 32, 32)).max() == 0


@pytest.mark.parametrize("chosen", [0, 1, 2])
def test_evidence_is_what_speaks_for_the_class_more_than_for_all_stretched_as_torch_does(chosen):
    torch = pytest.importorskip("torch")
    activation = np.random.default_rng(4).normal(2, 3, (3, 8, 8, 8))
    more = np.maximum(activation[chosen] - (activation[0] + activation[1] + activation[2]) / 3, 0)
    stretched = torch.nn.functional.interpolate(
        torch.from_numpy(more)[None, None], (32, 24, 16), mode="trilinear", align_corners=False
    )[0, 0].numpy()
    found = evidence_map(activation, chosen, (32, 24, 16))
    np.testing.assert_allclose(found, stretched / stretched.max(), atol=1e-6)


def test_a_second_nodule_in_the_cube_is_in_no_mask(a_ball_in_lung):
    grid = a_ball_in_lung.grid
    other = smooth_ball(grid, CENTER + [13, 0, 0], 3.0)
    both = Volume(np.maximum(a_ball_in_lung.array, other.array), grid)
    engine = ThresholdEngine()
    alone, _ = predict(locate(a_ball_in_lung, CENTER, engine), engine, augmentations=3)
    found, masks = predict(locate(both, CENTER, engine), engine, augmentations=3)
    np.testing.assert_array_equal(found.mask >= 0.5, alone.mask >= 0.5)
    np.testing.assert_array_equal(found.volume_samples_mm3, alone.volume_samples_mm3)
    for each in masks:
        np.testing.assert_array_equal(each >= 0.5, alone.mask >= 0.5)


def test_where_nothing_is_found_there_is_no_mask_and_no_evidence_at_it(a_ball_in_lung):
    engine = ThresholdEngine()
    located = locate(a_ball_in_lung, CENTER + [0, 0, 20], engine)
    assert located.component is None
    prediction, masks = predict(located, engine)
    assert prediction.mask.max() == masks.max() == 0
    assert prediction.evidence_inside == 0


def test_the_share_of_evidence_inside_is_counted_around_the_mask():
    evidence = np.ones((32, 32, 32), np.float32)
    mask = np.zeros((32, 32, 32), bool)
    mask[10, 10, 10] = True
    assert share_of_evidence(evidence, mask) == pytest.approx(343 / 32**3)
    assert share_of_evidence(evidence * 0, mask) == 0
    assert share_of_evidence(evidence, np.zeros_like(mask)) == 0


def test_the_edge_moves_with_the_sharpness_along_the_slices(a_ball_in_lung):
    plain, moved = ThresholdEngine(), ThresholdEngine()
    moved.model = replace(moved.model, card=replace(moved.model.card, slice_shift=0.5))
    one, other = (locate(a_ball_in_lung, CENTER, engine) for engine in (plain, moved))
    assert other.patch.sharpness > USUAL_SHARPNESS  # a ball without noise is as sharp both ways
    log_odds = [np.log(each.output.mask / (1 - each.output.mask)) for each in (one, other)]
    inner = np.abs(log_odds[0]) < 5
    expected = 0.5 * np.log(other.patch.sharpness / USUAL_SHARPNESS)
    np.testing.assert_allclose((log_odds[1] - log_odds[0])[inner], expected, atol=1e-3)
    np.testing.assert_array_equal(one.output.logits, other.output.logits)
    # Every orientation is moved alike: an engine without a preferred direction agrees with itself.
    prediction, _ = predict(other, moved, augmentations=4)
    assert prediction.agreement == pytest.approx(1)
    assert prediction.mask.sum() > predict(one, plain, augmentations=4)[0].mask.sum()


def test_a_patch_of_unknown_sharpness_and_a_model_without_a_shift_are_left_alone(a_ball_in_lung):
    engine = ThresholdEngine()
    located = locate(a_ball_in_lung, CENTER, engine)
    assert at_edge(located.output, located.patch, engine) is located.output
    engine.model = replace(engine.model, card=replace(engine.model.card, slice_shift=0.5))
    unknown = replace(located.patch, sharpness=None)
    assert at_edge(located.output, unknown, engine) is located.output
