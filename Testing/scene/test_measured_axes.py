"""The measured axes as lines on the CT."""

import numpy as np
import pytest

from densesharp.nodule.records import ReaderAxes
from densesharp.report.labels import report_sentence
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


def drag(scan, role, by_mm):
    """Make a line longer, as a reader does; returns its new length."""
    line = scan.record_node.GetNodeReference(role)
    first, second = ends_of(line)
    length = np.linalg.norm(second - first)
    line.SetNthControlPointPositionWorld(1, *(second + (second - first) / length * by_mm))
    return pytest.approx(length + by_mm)


def codes_of(result):
    return [notice.code for notice in result.notices]


def test_dragged_lengths_are_handed_out_as_the_reader_s(ct_with_a_nodule):
    from densesharp_scene import measured_axes
    from densesharp_scene.card import result_card
    from densesharp_scene.findings import reported_of

    scan, nodule_id = ct_with_a_nodule
    measured_axes.show(scan, nodule_id)
    assert scan.handed_out(nodule_id).result.reader_axes is None
    before = scan.handed_out(nodule_id).result
    long = drag(scan, "long axis", 4.0)
    (result,) = reported_of(scan)
    assert result.reader_axes == ReaderAxes(long, None)
    short = drag(scan, "short axis", 3.0)
    (result,) = reported_of(scan)
    assert result.reader_axes == ReaderAxes(long, short)
    assert result.measurements == before.measurements, "the outline's are kept"
    mean = (result.reader_axes.long_axis_mm + result.reader_axes.short_axis_mm) / 2
    fleischner = result.guidelines["fleischner_2017"]["basis"]
    assert f"mean diameter {np.floor(mean + 0.5):.0f} mm" in fleischner
    assert fleischner.endswith("; axes measured by the reader, all else on the outline")
    assert "by the reader" not in result.guidelines["mean_hu_baseline"]["basis"]
    card = result_card(scan.handed_out(nodule_id))
    assert "(axes measured by the reader), volume" in card.sentence == report_sentence(result)
    (row,) = [row for row in card.measurements if row.key == "reader_axes"]
    own = result.reader_axes
    assert row.text == f"{own.long_axis_mm:.1f} × {own.short_axis_mm:.1f} mm"


def test_lengths_stay_with_their_outline_and_that_is_said(ct_with_a_nodule):
    from densesharp_scene import measured_axes

    scan, nodule_id = ct_with_a_nodule
    measured_axes.show(scan, nodule_id)
    long = drag(scan, "long axis", 2.0)
    scan.store(answer(scan.volume(), scan.seed_of(nodule_id), nodule_id, 3.0))
    for _ in range(2):  # before the lines are drawn anew, and after
        result = scan.handed_out(nodule_id).result
        assert result.reader_axes is None
        assert "axes_of_former_outline" in codes_of(result)
        measured_axes.show(scan, nodule_id)
    scan.undo(nodule_id)
    result = scan.handed_out(nodule_id).result
    assert result.reader_axes == ReaderAxes(long, None)
    assert "axes_of_former_outline" not in codes_of(result)


def test_axes_that_moved_with_their_ct_are_not_the_reader_s(scene, ct_with_a_nodule):
    from test_scene_geometry import linear, put_under

    from densesharp_scene import measured_axes

    scan, nodule_id = ct_with_a_nodule
    measured_axes.show(scan, nodule_id)
    for role in ("long axis", "short axis"):
        line = scan.record_node.GetNodeReference(role)
        put_under(scene, line, [linear(np.eye(3), (5.0, -3.0, 2.0))])
    assert scan.handed_out(nodule_id).result.reader_axes is None
    assert not measured_axes.lengths(scan).by_reader


def test_the_next_nodule_of_a_number_has_no_axes_of_the_one_before(ct_with_a_nodule):
    from densesharp_scene import measured_axes
    from nodule_answers import click

    scan, nodule_id = ct_with_a_nodule
    place = scan.seed_of(nodule_id).ras
    measured_axes.show(scan, nodule_id)
    drag(scan, "long axis", 2.0)
    scan.undo(nodule_id)
    assert click(scan, place, 3.0) == nodule_id
    result = scan.handed_out(nodule_id).result
    assert result.reader_axes is None
    assert "axes_of_former_outline" not in codes_of(result)


def test_lengths_are_back_with_a_saved_scene(ct_with_a_nodule, tmp_path):
    """Those of the nodule whose axes are shown, and of one whose axes were shown before."""
    from test_scene_save import _save, open_bundle

    from densesharp_scene import ScanNodules, measured_axes
    from nodule_answers import click

    scan, first = ct_with_a_nodule
    second = click(scan, np.add(scan.seed_of(first).ras, (0, 0, 10)), 3.0)
    measured = []
    for nodule_id, by_mm in ((first, 2.0), (second, 3.0)):
        measured_axes.show(scan, nodule_id)
        measured.append(ReaderAxes(drag(scan, "long axis", by_mm), None))
    assert [scan.handed_out(n).result.reader_axes for n in (first, second)] == measured
    scan.prepare_to_save()
    opened = open_bundle(_save(scan.scene, tmp_path / "case.mrb"))
    again = ScanNodules(opened.GetFirstNodeByClass("vtkMRMLScalarVolumeNode"))
    assert [again.handed_out(n).result.reader_axes for n in (first, second)] == measured
    shown = measured_axes.show(again, second)
    assert (shown.long_mm, shown.by_reader) == (measured[1].long_axis_mm, True)
    opened.Clear(True)
