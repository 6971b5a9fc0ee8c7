"""One nodule at several dates in a scene: who is who, how long between, one tracking UID."""

import pytest

from densesharp_scene import ScanNodules
from densesharp_scene.dates import day_of, days_between, tell_days, timeline
from densesharp_scene.prior_link import earlier, pair, pair_all
from nodule_answers import click, middle


@pytest.fixture
def three(make_ct):
    """Three CTs in the same frame, each with two nodules 14 mm apart; newest first."""
    scans = [ScanNodules(make_ct(name=name)) for name in ("now", "last year", "before")]
    for radius, scan in zip((5.0, 4.0, 3.0), scans, strict=True):
        click(scan, middle(scan) + (0, 0, 9), 2.0)
        click(scan, middle(scan) - (0, 0, 9), radius)
    return scans


def uids(scan):
    return [nodule.tracking_uid for nodule in scan.nodules]


def test_every_nodule_has_a_uid_of_its_own_and_keeps_it(three, scene):
    every = [uid for scan in three for uid in uids(scan)]
    assert len(set(every)) == 6
    assert all(uid.startswith("2.25.") and len(uid) <= 64 for uid in every)
    now = three[0]
    assert uids(ScanNodules(now.volume_node)) == uids(now)  # read back from the scene
    now.rename(now.nodules[0].id, "Apex")
    click_id = now.nodules[0].id
    now.undo(click_id)
    assert uids(now) == every[:2]


def test_nodules_that_are_the_same_share_one_uid_at_all_dates(three):
    now, last, before = three
    pair_all(last, before)
    pair_all(now, last, [before])
    assert uids(now) == uids(last) == uids(before)
    assert len(set(uids(now))) == 2


def test_the_order_of_pairing_does_not_matter(three):
    now, last, before = three
    pair_all(now, last, three)
    pair_all(last, before, three)  # the later ones follow
    assert uids(now) == uids(last) == uids(before)


def test_undo_does_not_tear_dates_apart(three):
    now, last, _ = three
    nodule_id = now.nodules[1].id
    now.rename(nodule_id, "Base")
    pair(now, nodule_id, last, last.nodules[1].id)
    now.undo(nodule_id)
    assert uids(now)[1] == uids(last)[1]


def test_a_nodule_that_was_paired_with_another_is_not_taken_for_a_neighbor(three):
    """The nearest one is another nodule's: without this rule it would count twice."""
    now, last, _ = three
    upper, lower = now.nodules
    pair(now, upper.id, last, last.nodules[1].id)  # crosswise
    assert earlier(now, now.nodule(upper.id), last).id == last.nodules[1].id
    found = earlier(now, now.nodule(lower.id), last)
    assert found is None or found.id == last.nodules[0].id
    pair(now, lower.id, last, last.nodules[1].id)  # mended
    assert uids(now)[1] == uids(last)[1]
    assert uids(now)[0] != uids(last)[1]


def test_days_are_kept_with_the_cts_and_add_up(three):
    now, last, before = (scan.volume_node for scan in three)
    assert days_between(now, last) is None
    tell_days(now, last, 365)
    tell_days(last, before, 200)
    assert days_between(now, before) == 565
    tell_days(now, last, 0)
    assert day_of(last) is None


def test_the_timeline_has_every_date_that_is_known(three):
    now, last, before = three
    tell_days(now.volume_node, last.volume_node, 365)
    nodule = now.nodules[1]
    points = timeline(now, nodule, three)
    assert [(point.day, point.name) for point in points] == [(0.0, "now"), (-365.0, "last year")]
    tell_days(now.volume_node, before.volume_node, 600)
    points = timeline(now, nodule, three)
    assert sorted(point.day for point in points) == [-600.0, -365.0, 0.0]
    volumes = [p.volume for p in sorted(points, key=lambda point: point.day)]
    assert volumes == sorted(volumes)
    assert volumes[-1] == nodule.result.measurements.volume_mm3
