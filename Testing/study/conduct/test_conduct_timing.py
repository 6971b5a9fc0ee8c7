"""Active and wall time: focus, pauses, idle time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from study_simulation import TurnableClock

from densesharp.study.conduct.timing import CaseTimer, Spent, spent_from_data


def spent(steps: list[tuple[str, float]]) -> Spent:
    """Run a timer through (action, seconds after it)."""
    clock = TurnableClock()
    timer = CaseTimer(clock)
    actions = {
        "open": lambda: None,
        "touch": timer.touch,
        "blur": lambda: timer.set_focus(False),
        "focus": lambda: timer.set_focus(True),
        "pause": timer.pause,
        "resume": timer.resume,
    }
    for action, seconds in steps:
        actions[action]()
        clock.pass_time(seconds=seconds)
    return timer.count()


@pytest.mark.parametrize(
    ("steps", "active", "wall", "paused", "pauses"),
    [
        ([("open", 50)], 50, 50, 0, 0),
        ([("open", 300)], 60, 300, 0, 0),
        ([("open", 59), ("touch", 59), ("touch", 59)], 177, 177, 0, 0),
        ([("open", 100), ("touch", 10)], 70, 110, 0, 0),
        ([("open", 10), ("blur", 30), ("focus", 5)], 15, 45, 0, 0),
        ([("open", 10), ("pause", 500), ("resume", 100)], 70, 610, 500, 1),
        ([("open", 10), ("pause", 5), ("pause", 5), ("resume", 1), ("resume", 1)], 12, 22, 10, 1),
        ([("open", 10), ("blur", 100), ("focus", 30)], 10, 140, 0, 0),
    ],
)
def test_time_by_hand(steps, active, wall, paused, pauses):
    found = spent(steps)
    assert (found.active_s, found.wall_s) == pytest.approx((active, wall))
    assert (found.paused_s, found.pauses) == (pytest.approx(paused), pauses)


ACTIONS = st.sampled_from(["touch", "blur", "focus", "pause", "resume"])


@given(st.lists(st.tuples(ACTIONS, st.floats(0, 1000)), max_size=30))
def test_active_and_paused_time_never_exceed_the_wall(steps):
    found = spent(steps)
    assert found.wall_s == pytest.approx(sum(seconds for _, seconds in steps), abs=1e-6)
    assert 0 <= found.active_s <= found.wall_s - found.paused_s + 1e-6


def test_times_are_added_and_taken_apart():
    first = Spent(50, 70.5, 10, 1, "2026-01-05T08:00:05.000+00:00")
    second = Spent(5, 6, 0.5, 2, "2026-01-05T08:02:00.000+00:00")
    both = first.plus(second)
    assert both == Spent(55, 76.5, 10.5, 3, first.first_action)
    assert Spent().plus(second) == second
    assert both.since(first) == Spent(5, 6, 0.5, 2)


def test_the_first_action_is_noted_and_time_goes_through_json():
    found = spent([("open", 5), ("touch", 5), ("touch", 5)])
    assert found.first_action == "2026-01-05T08:00:05.000+00:00"
    assert spent_from_data(found.to_data()) == found
