"""Follow-up: the same place found again, changes against known ones, growth beyond error only."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from densesharp import cli
from densesharp.errors import GeometryError, OutputError
from densesharp.image.grid import Grid, cube_grid
from densesharp.image.sampling import resample, to_sitk
from densesharp.image.volume import Volume
from densesharp.io import read_volume
from densesharp.io.quiet import quiet_pydicom
from densesharp.nodule.followup import (
    compare,
    days_between,
    doubling_days,
    find_again,
    follow_up,
    followup_sentence,
)
from densesharp.nodule.followup.change import Change, trend_of, volume_limit
from densesharp.nodule.pipeline import analyse
from densesharp.nodule.records import Seed, Uncertainty
from densesharp.nodule.settings import AnalysisSettings
from dicom_phantom import axial, phantom, write_series
from phantoms import ThresholdEngine

pytestmark = pytest.mark.usefixtures("tiny_pictures")

NODULE = np.array([10.0, -15.0, 20.0])
QUICK = AnalysisSettings(augmentations=1, stability=False)
CLICK = "--seed={},{},{}".format(*NODULE * (-1, -1, 1))


@pytest.fixture(scope="module")
def lung_texture():
    """Vessel-like blobs (HU above lung) in a 130 mm cube, none within 16 mm of the nodule."""
    rng = np.random.default_rng(11)
    grid = cube_grid((0, 0, 0), 65, 2.0)
    noise = to_sitk(rng.normal(size=grid.shape).astype(np.float32), grid)
    smooth = sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(noise, 4.0))
    field = np.where(smooth > 1.5 * smooth.std(), 700.0, 0.0)
    distance = grid.distance_to(NODULE)
    return np.where(distance < 16, 0, field).astype(np.float32), grid


def scanned(texture, radius, motion=None, grid=None, seed=0, hu=-50.0) -> Volume:
    """A CT of the lung with a ball at `NODULE`, the patient moved by a rigid motion."""
    field, source = texture
    grid = grid or Grid((90, 90, 64), np.array([-62.0, -62.0, -55.0]), (1.4, 1.4, 1.8), np.eye(3))
    motion = motion or sitk.Euler3DTransform()
    reference = to_sitk(np.zeros(grid.shape, np.float32), grid)
    moved = sitk.Resample(to_sitk(field, source), reference, motion.GetInverse(), sitk.sitkLinear)
    depth = radius - np.linalg.norm(grid.points - np.array(motion.TransformPoint(NODULE)), axis=-1)
    ball = np.clip(depth / 1.5 + 0.5, 0, 1) * (hu + 850)
    noise = np.random.default_rng(seed).normal(0, 15, grid.shape)
    values = -850 + np.maximum(sitk.GetArrayFromImage(moved), ball) + noise
    return Volume(values.astype(np.int16), grid)


@pytest.fixture(scope="module")
def a_moved_patient():
    motion = sitk.Euler3DTransform()
    motion.SetCenter((0, 0, 0))
    motion.SetRotation(0.07, -0.05, 0.06)
    motion.SetTranslation((9.0, -7.0, 12.0))
    return motion


def test_the_nodule_is_found_again_after_the_patient_moved(lung_texture, a_moved_patient):
    first = scanned(lung_texture, 5.0)
    other = Grid((80, 84, 100), np.array([-50.0, -66.0, -45.0]), (1.5, 1.5, 1.2), np.eye(3))
    second = scanned(lung_texture, 7.0, a_moved_patient, other, seed=1)
    before = analyse(first, Seed(NODULE), ThresholdEngine(-450), settings=QUICK)
    match = find_again(first, before, second)
    expected = np.array(a_moved_patient.TransformPoint(NODULE))
    assert np.linalg.norm(match.point - expected) < 1.5
    assert match.similarity > 0.8
    turn = np.array(a_moved_patient.GetMatrix()).reshape(3, 3)
    angle = math.degrees(math.acos((np.trace(turn) - 1) / 2))
    assert match.rotation_deg == pytest.approx(angle, abs=1)


def test_the_nodule_is_found_again_where_the_second_ct_has_another_origin(
    lung_texture, a_moved_patient
):
    """Another table, another landmark: the two CTs need not overlap in patient coordinates."""
    far = sitk.Euler3DTransform(a_moved_patient)
    far.SetTranslation(np.add(a_moved_patient.GetTranslation(), (150, -80, 400)).tolist())
    first = scanned(lung_texture, 5.0)
    other = Grid((90, 90, 64), np.array([88.0, -142, 345]), (1.4, 1.4, 1.8), np.eye(3))
    second = scanned(lung_texture, 5.0, far, other, seed=1)
    before = analyse(first, Seed(NODULE), ThresholdEngine(-450), settings=QUICK)
    match = find_again(first, before, second)
    assert np.linalg.norm(np.subtract(match.point, far.TransformPoint(NODULE))) < 1.5
    assert match.similarity > 0.6


def test_a_grown_nodule_is_called_grown_with_its_doubling_time(lung_texture, a_moved_patient):
    first = scanned(lung_texture, 5.0)
    second = scanned(lung_texture, 6.5, a_moved_patient, seed=1)
    found = follow_up(first, Seed(NODULE), second, ThresholdEngine(-450), days=200, settings=QUICK)
    assert found.trend == "growth"
    ratio = (6.5 / 5) ** 3
    assert found.changes["volume_mm3"].relative == pytest.approx(ratio - 1, rel=0.12)
    assert found.volume_doubling_days == pytest.approx(200 * math.log(2) / math.log(ratio), rel=0.1)
    mass = found.changes["mass_mg"]
    expected = 200 * math.log(2) / math.log(mass.second / mass.first)
    assert found.mass_doubling_days == pytest.approx(expected)
    assert found.changes["mean_diameter_mm"].difference == pytest.approx(3, abs=0.7)
    text = followup_sentence(found)
    assert text.startswith("Growth in 200 days")
    assert "Volume doubling time" in text
    assert "Research use only" in text
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["trend"] == "growth"
    assert document["registration"]["similarity"] > 0.6
    x, y, z = a_moved_patient.TransformPoint(NODULE)
    assert document["registration"]["point_ras"] == pytest.approx([-x, -y, z], abs=1.5)
    assert document["second"]["id"] == "second"


def test_the_same_nodule_scanned_twice_has_not_grown(lung_texture, a_moved_patient):
    first = scanned(lung_texture, 5.0)
    second = scanned(lung_texture, 5.0, a_moved_patient, seed=5)
    found = follow_up(first, Seed(NODULE), second, ThresholdEngine(-450), days=90, settings=QUICK)
    assert found.trend == "no change beyond measurement error"
    assert found.volume_doubling_days is None
    assert found.mass_doubling_days is None


def test_another_patients_lung_is_refused(lung_texture):
    """Blobs elsewhere: there is nothing to register on."""
    field, grid = lung_texture
    rng = np.random.default_rng(99)
    other = resample(np.flip(field, (0, 1)) * rng.random(field.shape), grid, grid, 0.0)
    first = scanned(lung_texture, 5.0)
    second = scanned((other, grid), 5.0)
    with pytest.raises(GeometryError, match="click on the nodule there"):
        follow_up(first, Seed(NODULE), second, ThresholdEngine(-450), settings=QUICK)
    found = follow_up(first, Seed(NODULE), second, ThresholdEngine(-450), settings=QUICK,
                      second_seed=Seed(NODULE))  # fmt: skip
    assert found.match is None
    assert found.trend == "no change beyond measurement error"


@pytest.mark.parametrize("days", [0, -5])
def test_a_second_ct_that_is_not_later_is_refused(days):
    grid = cube_grid((0, 0, 0), 4)
    volume = Volume(np.zeros(grid.shape, np.int16), grid)
    with pytest.raises(GeometryError, match="later"):
        follow_up(volume, Seed((0, 0, 0)), volume, ThresholdEngine(-450), days=days)


def trend(first, second, diameter_change=0.0, limit=0.27) -> str:
    return trend_of(
        Change("volume_mm3", first, second, limit),
        Change("mean_diameter_mm", 10.0, 10.0 + diameter_change, 2.0),
    )


def test_growth_needs_more_than_measurement_error():
    nothing = "no change beyond measurement error"
    assert trend(100, 127) == nothing
    assert trend(100, 128) == "growth"
    assert trend(128, 100) == "shrinkage"
    assert trend(127, 100) == nothing
    assert trend(100, 128, diameter_change=2.5) == "growth"
    assert trend(128, 100, diameter_change=-2.5) == "shrinkage"
    assert trend(100, 110, diameter_change=2.0) == "unclear"
    assert trend(100, 140, diameter_change=-2.0) == "unclear"
    assert trend(100, 140, limit=0.5) == nothing
    assert trend(100, 0) == "shrinkage"


def test_growth_and_shrinkage_mirror_each_other():
    rng = np.random.default_rng(2)
    opposite = {"growth": "shrinkage", "shrinkage": "growth"}
    for first, second, change in rng.uniform((50, 50, -4), (500, 500, 4), (200, 3)):
        there, back = trend(first, second, change), trend(second, first, -change)
        assert back == opposite.get(there, there)


def test_doubling_times_are_positive_or_unknown():
    assert doubling_days(100, 50, 100) == pytest.approx(100)
    assert doubling_days(100, 50, 400) == pytest.approx(100 / 3)
    assert doubling_days(100, 50, 50) is None
    assert doubling_days(100, 50, 40) is None
    assert doubling_days(100, 0, 40) is None


@pytest.fixture(scope="module")
def two_results(lung_texture):
    volumes = scanned(lung_texture, 5.0), scanned(lung_texture, 6.2, seed=3)
    return [analyse(v, Seed(NODULE), ThresholdEngine(-450), settings=QUICK) for v in volumes]


def test_a_model_that_varies_widens_the_limit(two_results):
    before, after = two_results
    assert volume_limit(before, after) == 0.27
    assert compare(before, after, None).trend == "growth"
    volume = before.measurements.volume_mm3
    wide = Uncertainty(8, {}, 0.0, 0.0, 0.5, 0.5 * volume, (0.0, 2 * volume))
    doubtful = dataclasses.replace(before, uncertainty=wide)
    assert volume_limit(doubtful, after) == pytest.approx(1.96 * 0.5, rel=0.01)
    found = compare(doubtful, after, 100)
    assert found.trend == "unclear"  # the diameter still changes
    assert [notice.code for notice in found.notices] == ["outlines_differ"]
    assert (found.volume_doubling_days, found.mass_doubling_days) == (None, None)
    assert "doubling time" not in followup_sentence(found)


def test_refused_results_are_not_compared(two_results):
    before, after = two_results
    found = compare(before, dataclasses.replace(after, verdict="refused"), 100)
    assert found.trend == "unknown"
    assert found.changes == {}
    assert found.notices[-1].severity == "refused"
    assert followup_sentence(found).startswith("The two CTs cannot be compared")


def test_growth_without_days_has_no_doubling_time(two_results):
    found = compare(*two_results, None)
    assert found.trend == "growth"
    assert (found.volume_doubling_days, found.mass_doubling_days) == (None, None)
    text = followup_sentence(found)
    assert text.startswith("Growth: volume ")
    assert "doubling time" not in text


def test_a_larger_nodule_that_is_no_heavier_has_no_mass_doubling_time(two_results):
    before, after = two_results
    same_mass = dataclasses.replace(after.measurements, mass_mg=before.measurements.mass_mg)
    found = compare(before, dataclasses.replace(after, measurements=same_mass), 100)
    assert found.mass_doubling_days is None
    assert f"Volume doubling time {found.volume_doubling_days:.0f} days." in followup_sentence(
        found
    )


def test_a_nodule_far_from_where_it_is_expected_is_remarked(two_results):
    from densesharp.nodule.followup import Match

    x, y, z = two_results[1].center_lps
    for away, codes in ((15, ["far_from_expected"]), (9, [])):
        found = compare(*two_results, 100, Match((x + away, y, z), 0.0, 0.9))
        assert [notice.code for notice in found.notices] == codes


def test_results_of_different_models_are_told_apart_by_the_files_hash(two_results):
    before, after = two_results
    assert before.model_sha256 == after.model_sha256 != ""
    for sha256, learnt, codes in (
        ("a" * 64, after.trained_on, ["models_differ"]),  # the same words, another file
        (after.model_sha256, "other words", []),
        ("", "other nodules", ["models_differ"]),  # a result of before the hash was kept
        ("", after.trained_on, []),
    ):
        old = dataclasses.replace(before, model_sha256=sha256, trained_on=learnt)
        assert [notice.code for notice in compare(old, after, 100).notices] == codes
    again = type(before).from_json(before.to_json())
    assert again.model_sha256 == before.model_sha256


def test_results_of_different_models_are_not_compared_unsaid(two_results):
    before, after = (dataclasses.replace(result, model_sha256="") for result in two_results)
    for learnt, codes in (("other nodules", ["models_differ"]), (after.trained_on, []), ("", [])):
        found = compare(dataclasses.replace(before, trained_on=learnt), after, 100)
        assert [notice.code for notice in found.notices] == codes


def dated(folder, day, **more) -> Volume:
    """A CT series whose headers carry a day (YYYYMMDD) under each attribute of `more`."""

    def edit(dataset, _):
        dataset.SeriesDate, dataset.StudyDate = "", day
        for name, value in more.items():
            setattr(dataset, name, value)
        return dataset

    with quiet_pydicom():  # some days are wrong on purpose
        write_series(folder, phantom(), axial(), edit=edit)
    return read_volume(folder)


def test_days_come_from_the_dicom_dates(tmp_path):
    first = dated(tmp_path / "a", "20200201")
    assert days_between(first, dated(tmp_path / "b", "20200820")) == 201  # 2020 is a leap year
    assert days_between(first, dated(tmp_path / "same", "20200201")) == 0
    # The scan itself counts where both know its day, not the day it was sent.
    sent_late = dated(tmp_path / "c", "20210101", AcquisitionDate="20200301")
    assert days_between(dated(tmp_path / "d", "", AcquisitionDate="20200201"), sent_late) == 29
    assert days_between(first, sent_late) == 335
    moment = dated(tmp_path / "e", "", AcquisitionDateTime="20200501101112.5")
    assert days_between(dated(tmp_path / "f", "", AcquisitionDate="20200401"), moment) == 30
    for day in ("", "2020", "20201301"):
        assert days_between(first, dated(tmp_path / f"g{day}", day)) is None
    plain = Volume(first.array, first.grid)
    assert days_between(plain, first) is None


def test_the_later_ct_first_is_told(tmp_path):
    late, early = dated(tmp_path / "a", "20200820"), dated(tmp_path / "b", "20200201")
    with pytest.raises(GeometryError, match="201 days before the first: give the earlier CT first"):
        days_between(late, early)


@pytest.fixture
def two_cts(lung_texture, tmp_path, monkeypatch):
    """Two dated CTs of a growing nodule; gives what runs the command on them, and what it asked."""
    asked = []
    monkeypatch.setattr(
        "densesharp.model.engines.open_engine",
        lambda *given: asked.append(given[2]) or ThresholdEngine(-450),
    )
    monkeypatch.setattr("densesharp.model.model_file.load_model", lambda _: None)
    for name, radius, day in (("first", 5.0, "20200201"), ("second", 6.5, "20200820")):
        volume = scanned(lung_texture, radius, seed=len(name))

        def edit(dataset, _, day=day):
            dataset.StudyDate = dataset.SeriesDate = day
            return dataset

        write_series(tmp_path / name, volume.array, volume.grid, edit=edit)
    options = [CLICK, "--tta", "1", "--no-stability", "--out"]

    def run(one, two, *more):
        return cli.main(["followup", str(tmp_path / one), str(tmp_path / two), *options, *more])

    return run, asked


def test_the_command_takes_the_days_from_dicom(two_cts, tmp_path, capsys):
    """`--days` wins over them, with a warning; nothing is written when the order is wrong."""
    run, asked = two_cts
    assert run("first", "second", str(tmp_path / "out")) == 0
    said = capsys.readouterr().err
    assert "Days between the CTs, from their DICOM dates: 201." in said
    found = json.loads((tmp_path / "out" / "followup.json").read_text())
    assert (found["days"], found["trend"]) == (201, "growth")
    grown = found["changes"]["volume_mm3"]["second"] / found["changes"]["volume_mm3"]["first"]
    assert found["volume_doubling_days"] == pytest.approx(201 * math.log(2) / math.log(grown))
    more = ("--days", "90", "--precision", "fp32")
    assert run("first", "second", str(tmp_path / "given"), *more) == 0
    assert asked == ["auto", "fp32"]
    assert json.loads((tmp_path / "given" / "followup.json").read_text())["days"] == 90
    assert "By their DICOM dates the CTs are 201 days apart, not 90" in capsys.readouterr().err
    for more in ((), ("--days", "90")):
        assert run("second", "first", str(tmp_path / "wrong"), *more) == 2
        assert "give the earlier CT first" in capsys.readouterr().err
    assert not (tmp_path / "wrong").exists()
    write_series(tmp_path / "second" / "more", phantom(), axial(), number=9)
    assert run("first", "second", str(tmp_path / "wrong")) == 2
    assert "say which one (--second-series KEY).\n  3: Lung thin" in capsys.readouterr().err
    assert run("first", "second", str(tmp_path / "chosen"), "--second-series", "3") == 0


@pytest.mark.parametrize("days", ["0", "-5", "inf", "nan", "1e9", "soon"])
def test_days_that_are_none_are_refused_before_anything_is_read(tmp_path, capsys, days):
    with pytest.raises(SystemExit) as caught:
        cli.main(["followup", "no.nrrd", "none.nrrd", "--seed=1,2,3", f"--days={days}", "--out",
                  str(tmp_path / "out")])  # fmt: skip
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert f"'{days}' is no number of days above 0" in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_all_of_a_comparison_is_written_or_nothing(two_cts, tmp_path, capsys, monkeypatch):
    run, _ = two_cts
    out = tmp_path / "out"
    arguments = ("first", "second", str(out), CLICK)  # clicked in both: quicker

    def content():
        return {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()}

    def fail(*_):
        raise OutputError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr("densesharp.report.followup_picture.write_followup_picture", fail)
        assert run(*arguments) == 2
    assert list(out.iterdir()) == []
    assert run(*arguments) == 0
    before = content()
    assert {"first", "second", "followup.json", "followup.png"} == {p.name for p in out.iterdir()}
    replace, faults = Path.replace, [OSError(28, "No space left on device")]

    def fail_late(self, target):
        if target == out / "second" / "result.json" and faults:
            raise faults.pop()
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail_late)
        assert run(*arguments) == 2
    assert "No space left" in capsys.readouterr().err
    assert content() == before
    assert run(*arguments, "--days", "200") == 0
    assert "DICOM dates" not in capsys.readouterr().err  # a day more or less is no contradiction
    assert set(content()) == set(before)
    (out / "second" / "result.json").write_text("{}")  # not ours any more
    before = content()
    assert run(*arguments) == 2
    assert "was not written by this program" in capsys.readouterr().err
    assert content() == before


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [(100.0, 112.0, "+12%"), (100.0, 99.7, "0%"), (100.0, 88.0, "-12%"), (0.0, 3.0, "")],
)
def test_a_change_in_per_cent_has_a_sign_only_where_it_changed(first, second, words):
    assert Change("mass_mg", first, second).percent == words
