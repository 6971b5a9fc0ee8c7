"""`densesharp predict` and `demo` from files to files, with the bundled model and sample."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk

from densesharp.cli import main
from densesharp.errors import DeviceError
from densesharp.model import engines
from densesharp.nodule.records import NoduleResult
from densesharp.resources import model_path, sample_path, sample_truth

pytestmark = pytest.mark.usefixtures("tiny_pictures")


def seeds_of_the_sample(count: int) -> list[str]:
    return [
        ",".join(str(n) for n in nodule["center_ras"])
        for nodule in sample_truth()["nodules"][:count]
    ]


@pytest.fixture(scope="module", autouse=True)
def an_engine_opened_once():
    """The commands ask for the same few engines; each takes more than a second to build."""
    kept, opened = {}, engines.open_engine

    def open_once(model, *how, **more):
        key = (model.sha256, how, *sorted(more.items()))
        if key not in kept:
            kept[key] = opened(model, *how, **more)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "open_engine", open_once)
        yield


@pytest.fixture(scope="module")
def two_nodules(tmp_path_factory):
    """The folder that `predict` writes for two nodules of the sample."""
    out = tmp_path_factory.mktemp("predict") / "result"
    first, second = seeds_of_the_sample(2)
    arguments = ["predict", str(sample_path()), "--seed", first, "--seed", second, "--tta", "2"]
    assert main([*arguments, "--no-stability", "--out", str(out)]) == 0
    return out


def test_the_files_of_the_contract_are_there_and_nothing_else(two_nodules):
    kinds = ("mask.nrrd", "probability.nrrd", "mesh.stl", "overview.png")
    expected = {f"nodule_00{n}_{kind}" for n in (1, 2) for kind in kinds} | {"result.json"}
    assert {path.name for path in two_nodules.iterdir()} == expected


def test_result_json_holds_what_the_contract_names(two_nodules):
    document = json.loads((two_nodules / "result.json").read_text())
    assert document["schema"] == 1
    assert set(document["model"]) >= {"name", "sha256", "trained_on", "members"}
    for entry in document["nodules"]:
        NoduleResult.from_json(entry)
        assert set(entry) >= {
            "id", "seed_ras", "center_ras", "class_probabilities", "predicted_class",
            "probability_invasive", "probability_iac", "uncertainty", "stability", "measurements",
            "guidelines", "verdict", "warnings", "timings_ms",
        }  # fmt: skip
        assert set(entry["class_probabilities"]) == {"AAH-AIS", "MIA", "IAC"}
        assert sum(entry["class_probabilities"].values()) == pytest.approx(1)
        assert entry["uncertainty"]["samples"] == 2 * document["model"]["members"]


def test_the_mask_lies_on_the_cts_own_grid_and_fits_the_numbers(two_nodules):
    ct = sitk.ReadImage(str(sample_path()))
    entries = json.loads((two_nodules / "result.json").read_text())["nodules"]
    for entry in entries:
        mask = sitk.ReadImage(str(two_nodules / f"{entry['id']}_mask.nrrd"))
        assert mask.GetPixelID() == sitk.sitkUInt8
        for name in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
            np.testing.assert_allclose(getattr(mask, name)(), getattr(ct, name)(), atol=1e-6)
        inside = sitk.GetArrayFromImage(mask) == 1
        hu = sitk.GetArrayFromImage(ct)[inside]
        measured = entry["measurements"]
        assert measured["volume_mm3"] == pytest.approx(inside.sum() * np.prod(ct.GetSpacing()))
        assert measured["mean_hu"] == pytest.approx(hu.mean())
        k, j, i = np.argwhere(inside).mean(axis=0)
        lps = ct.TransformContinuousIndexToPhysicalPoint((i, j, k))
        np.testing.assert_allclose(np.array(entry["center_ras"]) * [-1, -1, 1], lps, atol=1e-3)


def test_the_probability_is_the_patch_of_one_millimetre(two_nodules):
    patch = sitk.ReadImage(str(two_nodules / "nodule_001_probability.nrrd"))
    assert patch.GetSize() == (32, 32, 32)
    assert patch.GetSpacing() == (1, 1, 1)
    values = sitk.GetArrayFromImage(patch)
    assert values.dtype == np.float32
    assert values.min() >= 0
    assert 0.5 < values.max() <= 1


def test_the_same_click_in_any_space_gives_the_same_bytes(tmp_path):
    truth = np.array(sample_truth()["nodules"][2]["center_lps"])
    ct = sitk.ReadImage(str(sample_path()))
    index = ct.TransformPhysicalPointToContinuousIndex(truth.tolist())
    ways = {"ras": truth * [-1, -1, 1], "lps": truth, "ijk": np.array(index)}
    part = tmp_path / "part.nrrd"
    around = [[int(c) - 24, int(c) + 24] for c in index]
    sitk.WriteImage(ct[tuple(slice(*ends) for ends in around)], str(part))
    ways["ijk"] = ways["ijk"] - [start for start, _ in around]
    masks = set()
    for space, point in ways.items():
        out = tmp_path / space
        seed = ",".join(repr(float(n)) for n in point)
        arguments = ["predict", str(part), f"--seed={seed}", "--space", space]
        assert main([*arguments, "--tta", "1", "--no-stability", "--out", str(out)]) == 0
        image = sitk.ReadImage(str(out / "nodule_001_mask.nrrd"))
        masks.add(sitk.GetArrayFromImage(image).tobytes())
    assert len(masks) == 1


def test_running_twice_gives_the_same_numbers(two_nodules, tmp_path):
    first, second = seeds_of_the_sample(2)
    arguments = ["predict", str(sample_path()), "--seed", first, "--seed", second, "--tta", "2"]
    assert main([*arguments, "--no-stability", "--out", str(tmp_path)]) == 0
    once, again = (json.loads((p / "result.json").read_text()) for p in (two_nodules, tmp_path))
    for entry in (*once["nodules"], *again["nodules"]):
        entry.pop("timings_ms")
    assert once == again


@pytest.mark.parametrize("command", ["predict", "demo"])
@pytest.mark.parametrize(("given", "precision"), [((), "auto"), (("--precision", "fp32"), "fp32")])
def test_the_engine_is_asked_for_the_precision_given(
    command, given, precision, tmp_path, monkeypatch
):

    asked = []

    def opened(model, device, precision, threads):
        asked.append((device, precision))
        raise DeviceError("This is enough.")

    monkeypatch.setattr(engines, "open_engine", opened)
    where = [str(sample_path()), "--seed", seeds_of_the_sample(1)[0]] * (command == "predict")
    more = ["--no-viewer"] * (command == "demo")
    arguments = [command, *where, *more, "--tta", "1", "--no-stability", "--out", str(tmp_path)]
    assert main([*arguments, *given, "--device", "cpu"]) == 2
    assert asked == [("cpu", precision)]


def test_json_can_go_to_stdout(capsys, tmp_path):
    (seed,) = seeds_of_the_sample(1)
    arguments = ["predict", str(sample_path()), "--seed", seed, "--tta", "1", "--no-stability"]
    assert main([*arguments, "--out", str(tmp_path), "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((tmp_path / "result.json").read_text())


WRONG = {
    "a seed outside": (["--seed", "5000,0,0"], "outside the image"),
    "a seed in air": (["--seed", "3,3,98", "--space", "ijk"], "in air"),
    "one wrong seed of two": (
        ["--seed", seeds_of_the_sample(1)[0], "--seed", "5000,0,0"],
        "outside",
    ),
    "a seed of two numbers": (["--seed", "1,2"], "three numbers"),
    "a model that is missing": (["--seed", "0,0,0", "--model", "none.safetensors"], "none"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_one_sentence_and_nothing_is_written(case, tmp_path, capsys):
    arguments, words = WRONG[case]
    if "model" in case or "of two" in case:
        arguments = ["--seed", seeds_of_the_sample(1)[0], *arguments[-2:]]
    out = tmp_path / "result"
    assert main(["predict", str(sample_path()), *arguments, "--out", str(out)]) == 2
    text = capsys.readouterr().err
    assert words in text
    assert "Traceback" not in text
    assert not out.exists() or not list(out.iterdir())


def test_a_damaged_model_is_refused(tmp_path, capsys):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(model_path().read_bytes()[:-1000])
    (seed,) = seeds_of_the_sample(1)
    arguments = ["predict", str(sample_path()), "--seed", seed, "--model", str(broken)]
    assert main([*arguments, "--out", str(tmp_path / "result")]) == 2
    assert "broken.safetensors" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--out", "--json"])
def test_where_nothing_can_be_written_is_said_before_anything_is_computed(
    option, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("densesharp.nodule.pipeline.analyse", None)
    (tmp_path / "taken").write_text("a file")
    where = {"--out": str(tmp_path / "out"), option: str(tmp_path / "taken" / "x")}
    (seed,) = seeds_of_the_sample(1)
    arguments = [word for pair in where.items() for word in pair]
    assert main(["predict", str(sample_path()), "--seed", seed, *arguments]) == 2
    assert "cannot be written to" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_nodule_clicked_twice_is_said_to_be_one(tmp_path):
    first, second = seeds_of_the_sample(2)
    x, y, z = (float(part) for part in first.split(","))
    seeds = [f"--seed={first}", f"--seed={second}", f"--seed={x + 1},{y},{z}"]
    arguments = ["predict", str(sample_path()), *seeds, "--tta", "1", "--no-stability"]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    entries = json.loads((tmp_path / "result.json").read_text())["nodules"]
    told = [[w["message"] for w in e["warnings"] if w["code"] == "clicked_twice"] for e in entries]
    assert told == [[], [], ["The same nodule as nodule 001."]]


def test_an_output_folder_that_cannot_be_made_is_said(tmp_path, capsys):
    (tmp_path / "taken").write_text("a file")
    (seed,) = seeds_of_the_sample(1)
    arguments = ["predict", str(sample_path()), "--seed", seed, "--tta", "1", "--no-stability"]
    assert main([*arguments, "--out", str(tmp_path / "taken")]) == 2
    assert "taken" in capsys.readouterr().err
    assert (tmp_path / "taken").read_text() == "a file"


def test_the_demo_writes_its_files_and_says_it_is_simulated(tmp_path, capsys):
    out = tmp_path / "demo"
    assert main(["demo", "--no-viewer", "--tta", "1", "--no-stability", "--out", str(out)]) == 0
    text = capsys.readouterr().err
    assert "simulated" in text
    assert "Research use only, not for diagnosis" in text
    entry = json.loads((out / "result.json").read_text())["nodules"][0]
    truth = sample_truth()["nodules"][0]
    np.testing.assert_allclose(entry["center_ras"], truth["center_ras"], atol=4)


def test_predict_needs_no_torch(tmp_path):
    """A CPU user installs no torch: the chain must run where importing it fails."""
    (seed,) = seeds_of_the_sample(1)
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from densesharp.cli import main\n"
        f"sys.exit(main(['predict', {str(sample_path())!r}, '--seed', {seed!r}, '--tta', '1',"
        f" '--no-stability', '--out', {str(tmp_path / 'out')!r}]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "out" / "result.json").exists()


def test_a_ct_in_nifti_and_metaimage_gives_the_same_mask(tmp_path):
    (seed,) = seeds_of_the_sample(1)
    image = sitk.ReadImage(str(sample_path()))
    masks = []
    for ending in ("nii.gz", "mha"):
        path = tmp_path / f"ct.{ending}"
        sitk.WriteImage(image, str(path))
        out = tmp_path / ending
        arguments = ["predict", str(path), "--seed", seed, "--tta", "1", "--no-stability"]
        assert main([*arguments, "--out", str(out)]) == 0
        masks.append(sitk.GetArrayFromImage(sitk.ReadImage(str(out / "nodule_001_mask.nrrd"))))
        shutil.rmtree(out)
    np.testing.assert_array_equal(*masks)
