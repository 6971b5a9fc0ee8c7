"""The measured axes as lines on the CT."""

from __future__ import annotations

import numpy as np
import pytest

from nodule_answers import answer


def ends_of(line):
    points = []
    for index in range(2):
        point = [0.0, 0.0, 0.0]
        line.GetNthControlPointPositionWorld(index, point)
        points.append(point)
    return np.array(points)


def test_the_lines_lie_where_was_measured_and_have_that_length(ct_with_a_nodule):
    from densesharp_scene import measured_axes

    scan, nodule_id = ct_with_a_nodule
    found = measured_axes.show(scan, nodule_id)
    measured = scan.nodule(nodule_id).result.measurements
    assert found.long_mm == pytest.approx(measured.long_axis_mm, abs=1e-6)
    assert found.short_mm == pytest.approx(measured.short_axis_mm, abs=1e-6)
    assert not found.by_reader
    line = scan.record_node.GetNodeReference("long axis")
    expected = np.array([measured.long_axis.start, measured.long_axis.end]) * (-1, -1, 1)
    np.testing.assert_allclose(ends_of(line), expected, atol=1e-6)
    assert line.GetDisplayNode().GetVisibility()
    assert line.GetName() == "Nodule 1 long axis"
    measured_axes.hide(scan)
    assert not line.GetDisplayNode().GetVisibility()


def test_a_line_that_was_dragged_is_the_reader_s_until_the_outline_changes(ct_with_a_nodule):
    from densesharp_scene import measured_axes

    scan, nodule_id = ct_with_a_nodule
    before = measured_axes.show(scan, nodule_id)
    line = scan.record_node.GetNodeReference("long axis")
    first, second = ends_of(line)
    further = second + (second - first) / np.linalg.norm(second - first) * 2.0
    line.SetNthControlPointPositionWorld(1, *further)
    dragged = measured_axes.show(scan, nodule_id)
    assert dragged.long_mm == pytest.approx(before.long_mm + 2.0)
    assert dragged.by_reader
    assert line.GetName() == "Nodule 1 long axis (reader)"
    scan.store(answer(scan.volume(), scan.seed_of(nodule_id), nodule_id, 3.0))
    again = measured_axes.show(scan, nodule_id)
    assert not again.by_reader
    assert again.long_mm == pytest.approx(scan.nodule(nodule_id).result.measurements.long_axis_mm)


def test_the_lines_go_along_with_a_ct_that_is_moved(scene, ct_with_a_nodule):
    from test_scene_geometry import linear, put_under

    from densesharp_scene import measured_axes

    scan, nodule_id = ct_with_a_nodule
    measured_axes.show(scan, nodule_id)
    line = scan.record_node.GetNodeReference("long axis")
    before = ends_of(line)
    put_under(scene, scan.volume_node, [linear(np.eye(3), (5.0, -3.0, 2.0))])
    scan.follow_ct()
    measured_axes.show(scan, nodule_id)
    np.testing.assert_allclose(ends_of(line) - before, [[5.0, -3.0, 2.0]] * 2, atol=1e-6)


def test_nothing_is_drawn_for_a_refused_answer(ct_with_a_nodule):
    from dataclasses import replace

    from densesharp_scene import measured_axes

    scan, nodule_id = ct_with_a_nodule
    measured_axes.show(scan, nodule_id)
    fresh = answer(scan.volume(), scan.seed_of(nodule_id), nodule_id)
    scan.store(replace(fresh, verdict="refused"))
    assert measured_axes.show(scan, nodule_id) is None
    assert not scan.record_node.GetNodeReference("long axis").GetDisplayNode().GetVisibility()
