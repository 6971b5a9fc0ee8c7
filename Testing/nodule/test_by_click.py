"""Plus and minus clicks, on phantoms whose probability is known at every point."""

import numpy as np
import pytest

from densesharp.errors import SeedError
from densesharp.image.masks import NoduleMask
from densesharp.image.volume import Volume
from densesharp.nodule.by_click import FARTHEST_MM, SLACK_MM, Move, correct_by_clicks
from densesharp.nodule.pipeline import analyse
from densesharp.nodule.records import Seed
from densesharp.nodule.settings import AnalysisSettings
from phantoms import ThresholdEngine, grid_around, smooth_ball

CENTER = np.array([12.0, -20.0, 31.0])
RADIUS = 6.0
TURNED = np.array([[0.8, 0.6, 0], [-0.6, 0.8, 0], [0, 0, -1]])
QUICK = AnalysisSettings(augmentations=1, stability=False)


@pytest.fixture(params=[(np.eye(3), (0.8, 0.8, 1.0)), (TURNED, (0.7, 0.7, 2.0))])
def ball(request) -> Volume:
    """A ball of 6 mm in lung with a veil on one side, a tail on the other.

    The veil, 6..10 mm to the left, has a probability of about 0.27: too little for the outline.
    The tail, a rod of 2 mm to the right that reaches 13 mm far, belongs to the outline.
    """
    direction, spacing = request.param
    grid = grid_around(CENTER, (90, 90, 70), spacing, direction)
    volume = smooth_ball(grid, CENTER, RADIUS)
    away = grid.points - CENTER
    distance, aside = np.linalg.norm(away, axis=-1), np.linalg.norm(away[..., 1:], axis=-1)
    veil = (distance > RADIUS) & (distance < 10) & (away[..., 0] > 4)
    tail = (away[..., 0] < 0) & (away[..., 0] > -13) & (aside < 2)
    array = volume.array.copy()
    array[veil] = np.maximum(array[veil], -460)
    array[tail] = 0
    return Volume(array, grid)


@pytest.fixture
def engine() -> ThresholdEngine:
    return ThresholdEngine()


@pytest.fixture
def found(ball, engine):
    return analyse(ball, Seed(CENTER), engine, settings=QUICK)


def full(mask: NoduleMask, volume: Volume) -> np.ndarray:
    return mask.full(volume.grid) > 0


def holds(mask: NoduleMask, volume: Volume, point) -> bool:
    i, j, k = np.round(volume.grid.to_index(np.asarray(point))).astype(int)
    return bool(full(mask, volume)[k, j, i])


def moved(ball, found, engine, *moves):
    """The outline before and after clicks, and the answer."""
    clicks = [Move(np.asarray(CENTER + place), add) for place, add in moves]
    answer, told = correct_by_clicks(ball, found, found.mask, clicks, engine, QUICK)
    return full(found.mask, ball), full(answer.mask, ball), answer, told


def test_a_plus_click_takes_in_the_veil_on_its_side_only(ball, found, engine):
    point = np.array([8.5, 0, 0])
    before, after, answer, told = moved(ball, found, engine, (point, True))
    assert not holds(found.mask, ball, CENTER + point)
    assert holds(answer.mask, ball, CENTER + point)
    assert not (before & ~after).any()
    added = after & ~before
    assert (ball.array[added] > -640).all()  # nothing of the lung, which is at -850
    away = ball.grid.points[added] - CENTER
    assert np.linalg.norm(away - point, axis=-1).max() <= 8.5 - RADIUS + SLACK_MM + 1.5
    assert away[:, 0].min() > 2
    assert added.sum() > 20
    assert (answer.notices[0].code, told) == ("edited_by_hand", "")
    volume = after.sum() * ball.grid.voxel_volume
    assert answer.measurements.volume_mm3 == pytest.approx(volume)


def test_a_minus_click_cuts_the_tail_off_and_leaves_the_ball(ball, found, engine):
    point = np.array([-8.5, 0, 0])
    assert holds(found.mask, ball, CENTER + [-11.5, 0, 0])
    before, after, answer, _ = moved(ball, found, engine, (point, False))
    assert not holds(answer.mask, ball, CENTER + point)
    assert not holds(answer.mask, ball, CENTER + [-11.5, 0, 0])  # it hung on what was taken
    assert not (after & ~before).any()
    inner = ball.grid.distance_to(CENTER) < RADIUS - 1
    assert after[inner].all()


def test_plus_then_minus_at_one_place_gives_the_outline_back_there(ball, found, engine):
    point = np.array([7.5, 0, 0])
    _, after, _, _ = moved(ball, found, engine, (point, True), (point, False))
    i, j, k = np.round(ball.grid.to_index(CENTER + point)).astype(int)
    assert not after[k, j, i]
    assert after.sum() * ball.grid.voxel_volume == pytest.approx(
        found.measurements.volume_mm3, rel=0.1
    )


def test_clicks_that_change_nothing_say_why(ball, found, engine):
    for place, add, why in [
        ((0, 0, 0), True, "in the outline already"),
        ((8.5, 0, 0), False, "not in the outline"),
        ((0, 0, RADIUS + FARTHEST_MM + 2), True, "too far to belong"),
        ((900, 0, 0), True, "outside the CT"),
    ]:
        with pytest.raises(SeedError, match=why):
            moved(ball, found, engine, (np.array(place), add))


def test_where_the_model_sees_nothing_a_plus_click_asks_it_there_first(ball, found):
    class Blind(ThresholdEngine):
        """Sees nothing outside its sharp outline."""

        def run(self, patches):
            output = super().run(patches)
            return output._replace(mask=np.where(output.mask < 0.4, 0, output.mask))

    engine = Blind()
    with pytest.raises(SeedError, match="sees nothing of a nodule at this point"):
        moved(ball, found, engine, (np.array([0, 9.0, 0]), True))
    assert engine.patches == 2  # from the nodule, then from the point


def test_one_refused_click_among_others_is_told_and_the_rest_is_done(ball, found, engine):
    _, _, answer, told = moved(
        ball, found, engine, (np.array([8.5, 0, 0]), True), (np.array([0, 0, 0]), True)
    )
    assert "in the outline already" in told
    assert holds(answer.mask, ball, CENTER + [8.5, 0, 0])


def test_an_outline_is_begun_by_a_plus_click_and_never_taken_whole(ball, found, engine):
    begun, _ = correct_by_clicks(ball, found, None, [Move(CENTER, True)], engine, QUICK)
    assert begun.measurements.volume_mm3 == pytest.approx(found.measurements.volume_mm3, rel=0.15)
    dot = np.zeros(ball.grid.shape, dtype=np.uint8)
    i, j, k = np.round(ball.grid.to_index(CENTER)).astype(int)
    dot[k, j, i] = 1
    small = NoduleMask.from_array(dot, ball.grid)
    with pytest.raises(SeedError, match="delete or reject"):
        correct_by_clicks(ball, found, small, [Move(CENTER, False)], engine, QUICK)
