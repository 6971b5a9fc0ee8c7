"""The files of a run: complete, readable by other programs, in their place, never half."""

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from vtkmodules.vtkIOGeometry import vtkSTLReader

import densesharp.report.result_files as files_module
from densesharp.errors import OutputError
from densesharp.image.grid import ras_to_lps
from densesharp.image.volume import Notice, Volume
from densesharp.nodule.pipeline import analyse
from densesharp.nodule.records import (
    NoduleResult,
    Place,
    ReaderAxes,
    Review,
    Seed,
    Segment,
    Uncertainty,
)
from densesharp.nodule.settings import AnalysisSettings
from densesharp.report.document import read_report, write_html
from densesharp.report.labels import minus_signs, percent_words, report_sentence
from densesharp.report.nodule_table import COLUMNS, write_table
from densesharp.report.pdf import write_pdf
from densesharp.report.planes import LUNG_WINDOW, context_view, view_at, views_of, width_for
from densesharp.report.result_files import write_results
from nodule_results import nodule
from phantoms import ThresholdEngine, grid_around, rotation, smooth_ball

pytestmark = pytest.mark.usefixtures("tiny_pictures")

CENTER = np.array([30.0, -20.0, 55.0])


@pytest.fixture(scope="module")
def an_oblique_ct():
    grid = grid_around(CENTER + [3, -2, 1], (70, 72, 50), (0.8, 0.8, 1.25), rotation(0.2, 0.1, 0.3))
    return smooth_ball(grid, CENTER, 6.0)


@pytest.fixture(scope="module")
def a_result(an_oblique_ct) -> NoduleResult:
    settings = AnalysisSettings(augmentations=2, stability=True)
    return analyse(an_oblique_ct, Seed(CENTER), ThresholdEngine(-425), settings=settings)


@pytest.fixture
def refused(a_result) -> NoduleResult:
    """Refused before the model ran: nothing but the reason."""
    return dataclasses.replace(
        a_result, id="nodule_002", class_probabilities=None, uncertainty=None, stability=None,
        measurements=None, guidelines={}, verdict="refused", prediction=None, mask=None,
        notices=(Notice("slice_thickness", "The slices are 8 mm thick.", "refused"),),
        evidence_inside=None,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["report.html", "report.pdf"])
def test_a_report_on_earlier_results_does_not_stay_beside_new_ones(
    tmp_path, an_oblique_ct, a_result, name
):
    write_results([a_result], an_oblique_ct, ThresholdEngine(), tmp_path)
    report = read_report(tmp_path)
    write_html(tmp_path / "report.html", report)
    write_pdf(tmp_path / "report.pdf", report)
    write_results([a_result], an_oblique_ct, ThresholdEngine(), tmp_path)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["report.html", "report.pdf"])
def test_a_report_of_another_program_stays(tmp_path, an_oblique_ct, a_result, name):
    write_results([a_result], an_oblique_ct, ThresholdEngine(), tmp_path)
    (tmp_path / name).write_text("the hospital's own")
    write_results([a_result], an_oblique_ct, ThresholdEngine(), tmp_path)
    assert (tmp_path / name).exists()


def test_a_run_writes_everything_of_the_contract(tmp_path, an_oblique_ct, a_result):
    out = tmp_path / "new" / "folder"
    document = write_results([a_result], an_oblique_ct, ThresholdEngine(), out)
    assert sorted(path.name for path in out.iterdir()) == [
        "nodule_001_mask.nrrd", "nodule_001_mesh.stl", "nodule_001_overview.png",
        "nodule_001_probability.nrrd", "result.json",
    ]  # fmt: skip
    assert json.loads((out / "result.json").read_text()) == json.loads(json.dumps(document))
    assert set(document) >= {"schema", "software", "model", "image", "nodules"}
    assert set(document["model"]) == {"name", "sha256", "trained_on", "members"}
    entry = document["nodules"][0]
    assert set(entry) >= {
        "id", "seed_ras", "center_ras", "class_probabilities", "predicted_class",
        "probability_invasive", "probability_iac", "uncertainty", "stability", "measurements",
        "guidelines", "verdict", "warnings", "timings_ms",
    }  # fmt: skip
    assert set(entry["measurements"]) >= {
        "volume_mm3", "long_axis_mm", "short_axis_mm", "mean_diameter_mm", "max_3d_diameter_mm",
        "mean_hu", "sd_hu", "mass_mg", "solid_volume_mm3", "solid_long_axis_mm", "ctr",
        "nodule_type",
    }  # fmt: skip
    again = NoduleResult.from_json(entry)
    assert again.measurements.to_json() == entry["measurements"]


def test_the_mask_lies_on_the_cts_own_grid(tmp_path, an_oblique_ct, a_result):
    write_results([a_result], an_oblique_ct, ThresholdEngine(), tmp_path)
    grid = an_oblique_ct.grid
    mask = sitk.ReadImage(str(tmp_path / "nodule_001_mask.nrrd"))
    assert mask.GetPixelID() == sitk.sitkUInt8
    assert mask.GetSize() == grid.size
    np.testing.assert_allclose(mask.GetOrigin(), grid.origin, atol=1e-6)
    np.testing.assert_allclose(mask.GetSpacing(), grid.spacing, atol=1e-9)
    np.testing.assert_allclose(np.reshape(mask.GetDirection(), (3, 3)), grid.direction, atol=1e-9)
    array = sitk.GetArrayFromImage(mask)
    assert array.sum() * grid.voxel_volume == pytest.approx(a_result.measurements.volume_mm3)
    middle = grid.to_world(np.argwhere(array)[:, ::-1].mean(axis=0))
    np.testing.assert_allclose(middle, CENTER, atol=0.3)
    probability = sitk.ReadImage(str(tmp_path / "nodule_001_probability.nrrd"))
    assert probability.GetPixelID() == sitk.sitkFloat32
    assert probability.GetSize() == (32, 32, 32)
    assert probability.GetSpacing() == (1, 1, 1)


def test_the_document_says_where_the_ct_lies_in_ras(tmp_path, an_oblique_ct, refused):
    image = write_results([refused], an_oblique_ct, ThresholdEngine(), tmp_path)["image"]
    grid, index = an_oblique_ct.grid, np.array([5, 17, 31])
    assert tuple(image["size"]) == grid.size
    steps = index * image["spacing_mm"] @ np.array(image["direction_ras"])
    place = grid.to_world(index) * (-1, -1, 1)
    np.testing.assert_allclose(image["origin_ras"] + steps, place)


def test_the_mesh_lies_where_the_mask_lies(tmp_path, an_oblique_ct, a_result):
    write_results([a_result], an_oblique_ct, ThresholdEngine(), tmp_path)
    reader = vtkSTLReader()
    reader.SetFileName(str(tmp_path / "nodule_001_mesh.stl"))
    reader.Update()
    low_high = np.reshape(reader.GetOutput().GetBounds(), (3, 2))
    np.testing.assert_allclose(low_high.mean(axis=1), CENTER, atol=0.3)
    np.testing.assert_allclose(np.ptp(low_high, axis=1), 12, atol=0.7)


def test_a_refused_nodule_has_a_picture_and_an_entry_only(tmp_path, an_oblique_ct, refused):
    document = write_results([refused], an_oblique_ct, ThresholdEngine(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "nodule_002_overview.png", "result.json",
    ]  # fmt: skip
    entry = document["nodules"][0]
    assert (entry["verdict"], entry["measurements"], entry["predicted_class"]) == (
        "refused", None, None,
    )  # fmt: skip


def test_a_second_run_replaces_the_first_and_leaves_other_files(
    tmp_path, an_oblique_ct, a_result, refused
):
    (tmp_path / "notes.txt").write_text("mine")
    write_results([a_result, refused], an_oblique_ct, ThresholdEngine(), tmp_path)
    write_results([refused], an_oblique_ct, ThresholdEngine(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "nodule_002_overview.png", "notes.txt", "result.json",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["result.json", "nodule_001_mask.nrrd"])
def test_a_foreign_file_of_the_same_name_is_not_overwritten(
    tmp_path, an_oblique_ct, a_result, name
):
    (tmp_path / name).write_text("mine")
    with pytest.raises(OutputError, match="not written by this program"):
        write_results([a_result], an_oblique_ct, ThresholdEngine(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_failure_leaves_nothing_half(tmp_path, an_oblique_ct, a_result, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files_module, "write_surface", fail)
    with pytest.raises(OutputError, match="disk full"):
        write_results([a_result], an_oblique_ct, ThresholdEngine(), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("names", "words"),
    [(("n1", "n1"), "Two nodules"), (("n1", "N1"), "Two nodules"), (("a/b",), "cannot be named"),
     (("con",), "cannot be named")],
)  # fmt: skip
def test_ids_that_cannot_name_files_are_refused(tmp_path, an_oblique_ct, refused, names, words):
    results = [dataclasses.replace(refused, id=name) for name in names]
    with pytest.raises(OutputError, match=words):
        write_results(results, an_oblique_ct, ThresholdEngine(), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_earlier_results_come_back_where_new_ones_cannot_be_moved(
    tmp_path, an_oblique_ct, refused, monkeypatch
):
    write_results([refused], an_oblique_ct, ThresholdEngine(), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    replace, faults = Path.replace, [OSError(28, "No space left on device")]

    def fail(path, target):
        if Path(target) == tmp_path / "result.json" and faults:
            raise faults.pop()
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError, match="cannot be moved"):
        write_results([dataclasses.replace(refused, id="n2")], an_oblique_ct, ThresholdEngine(),
                      tmp_path)  # fmt: skip
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_result_json_that_names_paths_outside_removes_nothing_there(
    tmp_path, an_oblique_ct, refused
):
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "precious.txt").write_text("mine")
    hostile = {
        "software": {"name": "densesharp"},
        "nodules": [{"files": {"mask": "../precious.txt"}}],
    }
    (out / "result.json").write_text(json.dumps(hostile))
    write_results([refused], an_oblique_ct, ThresholdEngine(), out)
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_a_folder_that_is_a_file_is_refused(tmp_path, an_oblique_ct, a_result):
    target = tmp_path / "file"
    target.write_text("x")
    with pytest.raises(OutputError):
        write_results([a_result], an_oblique_ct, ThresholdEngine(), target)


def test_the_picture_shows_what_lies_there(an_oblique_ct, a_result):
    """The middle of each view is nodule, a corner is lung, and the outline is 12 mm wide."""
    for view in views_of(a_result, an_oblique_ct):
        middle = len(view.hu) // 2
        assert view.hu[middle, middle] > -100
        step = view.width_mm / len(view.mask)
        inside = view.mask >= 0.5
        assert inside[middle].sum() * step == pytest.approx(12, abs=0.6)
        assert inside.sum() * step**2 == pytest.approx(np.pi * 36, rel=0.05)
        row, column = np.argwhere(inside).mean(axis=0) - (len(inside) - 1) / 2
        expected = view.on_screen(CENTER)
        assert (column * step, row * step) == pytest.approx(expected, abs=0.25)
    assert context_view(a_result, an_oblique_ct).width_mm > 55


def test_the_context_shows_the_whole_slice_at_the_nodules_height(a_result):
    ct = smooth_ball(grid_around(CENTER + [3, -2, 1], (70, 72, 50), (0.8, 0.75, 1.25), np.eye(3)),
                     CENTER, 6.0)  # fmt: skip
    view = context_view(a_result, ct)
    assert view.width_mm == pytest.approx(70 * 0.8)  # 72 rows of 0.75 mm are less
    x, y, _ = CENTER + [3, -2, 1]
    assert view.center == pytest.approx((x, y, a_result.center_lps[2]))


def test_every_pixel_shows_the_ct_at_its_place(a_result):
    """The CT's HU rise linearly along one axis, so that each pixel says where it lies."""
    grid = grid_around(CENTER, (30, 30, 30), (3, 3, 3), np.eye(3))
    at = grid.to_world(np.argwhere(np.ones(grid.size)))
    for plane, axis in (("axial", 0), ("coronal", 0), ("sagittal", 1)):
        ramp = at[:, axis].reshape(grid.size).transpose().astype(np.float32)
        view = view_at(a_result, Volume(ramp, grid), plane, CENTER, 40.0, 80)
        expected = CENTER[axis] + (np.arange(80) - 39.5) * 0.5
        np.testing.assert_allclose(view.hu, np.tile(expected, (80, 1)), atol=1e-3)


def test_the_view_of_the_measured_plane_goes_through_its_axes(a_result):
    x, y, z = a_result.center_lps
    line = Segment((x - 5, y + 1, z + 2), (x + 6, y + 3, z + 2))
    measured = dataclasses.replace(a_result.measurements, plane="axial", long_axis=line)
    result = dataclasses.replace(a_result, measurements=measured)
    ct = smooth_ball(grid_around(CENTER, (20, 20, 20), (3, 3, 3), np.eye(3)), CENTER, 6.0)
    axial, coronal, sagittal = views_of(result, ct)
    assert axial.center == pytest.approx((x, y, z + 2))
    assert coronal.center == pytest.approx((x, y, z))
    assert sagittal.center == pytest.approx((x, y, z))
    np.testing.assert_allclose(axial.line(line), [[-5, 1], [6, 3]])


def test_views_are_40_mm_wide_or_half_as_wide_again_as_the_nodule(a_result):
    for diameter, width in ((12, 40), (26, 40), (30, 45)):
        measured = dataclasses.replace(a_result.measurements, max_3d_diameter_mm=diameter)
        assert width_for(dataclasses.replace(a_result, measurements=measured)) == width
    assert width_for(dataclasses.replace(a_result, measurements=None)) == 40
    low, high = LUNG_WINDOW
    assert ((low + high) / 2, high - low) == (-600, 1500)  # the usual level and width for lung


def test_views_follow_the_radiologists_convention(an_oblique_ct, a_result):
    axial, coronal, sagittal = views_of(a_result, an_oblique_ct)
    assert axial.letters == ("R", "L", "A", "P")
    assert coronal.letters == ("R", "L", "S", "I")
    assert sagittal.letters == ("A", "P", "S", "I")
    # 5 mm to the left, posterior and up, seen in each plane (right, down).
    for view, expected in ((axial, (5, 5)), (coronal, (5, -5)), (sagittal, (5, -5))):
        np.testing.assert_allclose(view.on_screen(view.center + [5, 5, 5]), expected)


def test_the_sentence_has_size_class_and_limits(a_result):
    text = report_sentence(a_result)
    assert "solid nodule, 12 × 12 mm" in text
    assert f"volume {a_result.measurements.volume_mm3:.0f} mm³" in text
    assert f"Predicted {a_result.predicted_class} " in text
    assert f"(MIA or IAC) {percent_words(a_result.probability_invasive)}." in text
    assert f"The model was trained on {a_result.trained_on.rstrip('.')}." in text
    unknown = report_sentence(dataclasses.replace(a_result, trained_on=""))
    assert "What the model was trained on is not known." in unknown
    assert text.endswith("Research use only, not for diagnosis.")
    x, y, z = (f"{value:.0f}" for value in ras_to_lps(a_result.center_lps))
    assert minus_signs(f"RAS ({x}, {y}, {z}) mm") in text


def test_the_whole_sentence_of_a_part_solid_nodule(an_oblique_ct):
    result = nodule(an_oblique_ct, (35, 36, 25))
    x, y, z = (f"{value:.0f}" for value in ras_to_lps(result.center_lps))
    assert report_sentence(result) == minus_signs(
        f"Nodule 1 at RAS ({x}, {y}, {z}) mm: part-solid nodule, 12 × 9 mm (axial), "
        "volume 1235 mm³, solid part 7 mm above -300 HU (CTR 0.51), mean density -412 HU, "
        "mass 726 mg. Predicted IAC 70% ± 3% over 8 runs (AAH-AIS 10%, MIA 20%); "
        "invasive (MIA or IAC) 90%. The model was trained on phantoms (no patient). "
        "Caution: Thick. Hm. Research use only, not for diagnosis."
    )
    single = Uncertainty.of_one_run(0.5)
    assert "±" not in report_sentence(dataclasses.replace(result, uncertainty=single))


@pytest.mark.parametrize(
    ("long", "short", "words"),
    [(3.4, 2.6, "mean diameter 3 mm"), (3.3, 2.6, "under 3 mm"), (11.0, 9.0, "diameter 10 mm"),
     (11.5, 9.5, "12 × 10 mm"), (12.5, 10.49, "13 × 10 mm")],
)  # fmt: skip
def test_sizes_are_worded_and_rounded_as_the_fleischner_society_asks(a_result, long, short, words):
    """Both axes above 10 mm, the mean up to there, nothing under 3 mm; halves up."""
    measured = dataclasses.replace(
        a_result.measurements, long_axis_mm=long, short_axis_mm=short,
        mean_diameter_mm=(long + short) / 2,
    )  # fmt: skip
    assert words in report_sentence(dataclasses.replace(a_result, measurements=measured))


def test_a_refused_result_tells_its_reason_and_no_numbers(refused, a_result):
    assert "The slices are 8 mm thick." in report_sentence(refused)
    with_numbers = dataclasses.replace(
        a_result, verdict="refused", notices=(Notice("x", "Too large.", "refused"),)
    )
    text = report_sentence(with_numbers)
    assert "Too large." in text
    assert "Predicted" not in text
    assert "volume" not in text


@pytest.mark.parametrize(
    ("probability", "words"),
    [(0.0, "<1%"), (0.0049, "<1%"), (0.0051, "1%"), (0.666, "67%"), (0.9949, "99%"),
     (0.9951, ">99%"), (1.0, ">99%")],
)  # fmt: skip
def test_no_probability_is_called_impossible_or_certain(probability, words):
    assert percent_words(probability) == words


def test_minus_signs_spare_hyphens():
    assert minus_signs("part-solid at -300 HU (-5, 6-12)") == "part-solid at −300 HU (−5, 6-12)"


def test_the_table_has_a_row_for_every_nodule(tmp_path, a_result, refused):
    path = tmp_path / "table.csv"
    write_table(path, [a_result, refused])
    with path.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert tuple(rows[0]) == COLUMNS
    for name, value in a_result.measurements.to_json().items():
        if name in COLUMNS:
            expected = value if isinstance(value, str) else pytest.approx(value, abs=1e-6)
            assert type(value)(rows[0][name]) == expected
    place = [float(rows[0][f"{axis}_ras"]) for axis in "xyz"]
    assert place == pytest.approx(CENTER * (-1, -1, 1), abs=0.3)
    spread, row = a_result.uncertainty, rows[0]
    assert float(row["p_invasive"]) == pytest.approx(a_result.probability_invasive, abs=1e-6)
    assert float(row["sd_invasive"]) == pytest.approx(spread.sd_invasive, abs=1e-6)
    assert float(row["sd_iac"]) == pytest.approx(spread.sd_iac, abs=1e-6)
    assert float(row["entropy"]) == pytest.approx(spread.entropy, abs=1e-6)
    assert row["stability"] == a_result.stability.light
    assert float(row["p_IAC"]) == pytest.approx(a_result.probability_iac, abs=1e-6)
    assert row["trained_on"] == a_result.trained_on != ""
    one_run = dataclasses.replace(a_result, uncertainty=Uncertainty.of_one_run(0.5))
    write_table(path, [one_run])
    with path.open(newline="", encoding="utf-8") as handle:
        (alone,) = csv.DictReader(handle)
    assert (alone["sd_invasive"], alone["sd_iac"]) == ("", ""), "no spread is known from one run"
    assert (rows[1]["verdict"], rows[1]["volume_mm3"]) == ("refused", "")
    assert rows[1]["warnings"] == "slice_thickness"
    assert (rows[0]["name"], rows[0]["decision"]) == ("Nodule 1", "")


def test_the_reader_s_work_and_the_place_are_columns_and_json(tmp_path, a_result):
    time = "2026-05-04T11:20:00+00:00"
    seen = dataclasses.replace(
        a_result, name="LLL spiculated", review=Review("accepted", "Dr Müller", time),
        place=Place("left", "lower", 73, 115),
    )  # fmt: skip
    write_table(tmp_path / "table.csv", [seen])
    with (tmp_path / "table.csv").open(newline="", encoding="utf-8") as handle:
        (row,) = csv.DictReader(handle)
    wanted = {
        "name": "LLL spiculated", "side": "left", "level": "lower", "slice": "73",
        "decision": "accepted", "reader": "Dr Müller", "decided_at": time,
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted
    again = NoduleResult.from_json(json.loads(json.dumps(seen.to_json())))
    assert (again.name, again.review, again.place) == (seen.name, seen.review, seen.place)
    words = "left lung, lower third of the imaged lung, slice 73 of 115 from the feet: "
    assert words in report_sentence(again)
    assert report_sentence(again).startswith("LLL spiculated at RAS (")
    plain = dataclasses.replace(a_result, place=None).to_json()
    assert not {"name", "review", "place"} & set(plain)


@pytest.mark.parametrize(
    ("own", "size"),
    [
        (ReaderAxes(20.4, 11.6), "20 × 12 mm (axes measured by the reader)"),
        (ReaderAxes(8.4, 5.0), "mean diameter 7 mm (axes measured by the reader)"),
        (ReaderAxes(30.0, None), "30 × {short} mm (long axis measured by the reader)"),
    ],
)
def test_a_reader_s_axes_are_reported_and_the_outline_s_are_kept(tmp_path, a_result, own, size):
    seen = dataclasses.replace(a_result, reader_axes=own)
    document = json.loads(json.dumps(seen.to_json()))
    assert document["reader_axes"] == {
        "long_axis_mm": own.long_axis_mm, "short_axis_mm": own.short_axis_mm,
    }  # fmt: skip
    assert document["measurements"] == json.loads(json.dumps(a_result.to_json()["measurements"]))
    again = NoduleResult.from_json(document)
    assert again.reader_axes == own
    short = int(a_result.measurements.short_axis_mm + 0.5)
    assert size.format(short=short) in report_sentence(again)
    write_table(tmp_path / "table.csv", [seen, a_result])
    with (tmp_path / "table.csv").open(newline="", encoding="utf-8") as handle:
        row, without = csv.DictReader(handle)
    assert float(row["reader_long_axis_mm"]) == own.long_axis_mm
    assert row["reader_short_axis_mm"] == str(own.short_axis_mm or "")
    assert row["long_axis_mm"] == without["long_axis_mm"]
    assert (without["reader_long_axis_mm"], without["reader_short_axis_mm"]) == ("", "")
    assert "reader_axes" not in a_result.to_json()


def test_a_refused_result_reports_no_axes(a_result):
    refused = dataclasses.replace(a_result, verdict="refused", reader_axes=ReaderAxes(20.0, 9.0))
    assert refused.shown().reader_axes is None
    assert "by the reader" not in report_sentence(refused)


def test_an_interval_by_other_limits_is_told_apart_from_today_s(a_result):
    data = json.loads(json.dumps(a_result.to_json()))
    low, high = data["measurements"]["volume_interval_mm3"]
    assert NoduleResult.from_json(data).notices == a_result.notices, "the same limits"
    data["measurements"]["volume_interval_mm3"] = [low * 0.9, high * 1.2]
    again = NoduleResult.from_json(data)
    (notice,) = again.notices[len(a_result.notices) :]
    assert (notice.code, notice.severity) == ("volume_of_readers_by_other_limits", "info")
    assert f"was {low * 0.9:.0f} to {high * 1.2:.0f} mm³ by the limits of the" in notice.message
    assert f"of this one it is {low:.0f} to {high:.0f}." in notice.message
    stored = json.loads(json.dumps(again.to_json()))
    assert NoduleResult.from_json(stored).notices == again.notices, "said once, and kept"
    del data["measurements"]["volume_interval_mm3"]
    assert NoduleResult.from_json(data).notices == a_result.notices, "nothing to compare with"
