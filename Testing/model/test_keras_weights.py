"""The original's weights give the original's outputs, and nothing in its files is executed.

The original's layers are built here in Keras 3 on its torch backend and written, with h5py, as
Keras 2.1 lays weights out.
"""

import base64
import contextlib
import importlib.util
import json
import marshal
import os
import pickle

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
os.environ["KERAS_BACKEND"] = "torch"
if importlib.util.find_spec("keras") is None:
    pytest.skip("Keras is not installed", allow_module_level=True)

from original_keras import original_network, write_as_keras_2  # noqa: E402

from densesharp.cli import main  # noqa: E402
from densesharp.errors import ModelError  # noqa: E402
from densesharp.model.densenet import DenseNet  # noqa: E402
from densesharp.model.densesharp import DenseSharp, import_weights  # noqa: E402
from densesharp.model.keras_weights import read_keras_weights  # noqa: E402
from densesharp.model.model_file import load_model  # noqa: E402


def some_grey_patches(count):
    generator = np.random.default_rng(3)
    ball = 200 * np.exp(-((np.indices((32, 32, 32)) - 14.0) ** 2).sum(0) / 50)
    noise = generator.integers(0, 256, (2, 32, 32, 32))
    return np.stack([noise[0], ball.round(), np.zeros_like(ball), noise[1]])[:count].astype("f4")


def both_answers(network, path):
    """The original's outputs and ours, each (classes, mask)."""
    grey = some_grey_patches(2 if network.count_params() > 1_000_000 else 4)
    theirs = network.predict(grey[..., None], verbose=0)
    weights, architecture = read_keras_weights(path)
    ours = {"DenseSharp": DenseSharp, "DenseNet": DenseNet}[architecture.name]
    mine = ours(**architecture.arguments()).eval()
    import_weights(mine, weights)
    with torch.no_grad():
        output = mine(torch.from_numpy(grey / 128 - 1)[:, None])
    single = architecture.classes == 1
    mine = [(output.logits.sigmoid() if single else output.logits.softmax(1)).numpy()]
    if architecture.name == "DenseNet":
        return [theirs], mine
    return theirs, [*mine, output.mask_logits.sigmoid()[:, 0, ..., None].numpy()]


@pytest.fixture(scope="module")
def the_original():
    return original_network()


@pytest.fixture(scope="module")
def its_weights_file(the_original, tmp_path_factory):
    return write_as_keras_2(the_original, tmp_path_factory.mktemp("keras") / "best.h5")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mask": False},
        {"k": 32},
        {"k": 8, "bn_scale": False},
        {"k": 8, "output_size": 1},
        {"k": 8, "dropout": 0.2},
    ],
    ids=["densesharp", "densenet", "k32", "without_gamma", "one_output", "dropout"],
)
def test_imported_weights_give_the_original_s_outputs_to_1e_6(options, tmp_path):
    network = original_network(**options)
    theirs, mine = both_answers(network, write_as_keras_2(network, tmp_path / "weights.h5"))
    for their, my in zip(theirs, mine, strict=True):
        np.testing.assert_allclose(my, their, rtol=0, atol=1e-6)
        assert their.std() > 1e-3  # they do say something


def test_the_number_of_parameters_is_the_original_s(the_original, its_weights_file):
    weights, _ = read_keras_weights(its_weights_file)
    assert sum(array.size for array in weights.values()) == the_original.count_params() == 599_012


def test_layer_names_of_a_later_session_and_of_keras_3_do_not_matter(
    the_original, its_weights_file, tmp_path
):
    first, _ = read_keras_weights(its_weights_file)
    later = write_as_keras_2(the_original, tmp_path / "later.h5", counter=28)
    the_original.save(tmp_path / "keras3.h5")
    for path in (later, tmp_path / "keras3.h5"):
        again, _ = read_keras_weights(path)
        assert all(np.array_equal(again[name], array) for name, array in first.items())


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_code_inside_a_whole_model_file_is_never_run(
    the_original, its_weights_file, tmp_path, monkeypatch
):
    path = write_as_keras_2(the_original, tmp_path / "model.h5", root_name="model_weights")
    trap = tmp_path / "executed"
    code = compile(f"open({str(trap)!r}, 'w')", "lambda", "exec")
    function = [base64.b64encode(marshal.dumps(code)).decode(), None, None]
    config = {"class_name": "Lambda", "config": {"function": function, "function_type": "lambda"}}
    with h5py.File(path, "a") as file:
        file.attrs["model_config"] = json.dumps({"config": {"layers": [config]}}).encode()

    def never(*_):
        pytest.fail("something from the file was loaded as code")

    monkeypatch.setattr(marshal, "loads", never)
    monkeypatch.setattr(pickle, "loads", never)
    weights, _ = read_keras_weights(path)
    expected, _ = read_keras_weights(its_weights_file)
    assert all(np.array_equal(weights[name], array) for name, array in expected.items())
    assert not trap.exists()


def change(path, target, edit):
    target.write_bytes(path.read_bytes())
    with h5py.File(target, "a") as file:
        edit(file)
    return target


def reshaped(layer, part, shape):
    def edit(file):
        name = f"{layer}/{layer}/{part}:0"
        del file[name]
        file[name] = np.zeros(shape, np.float32)

    return edit


def without_layer(layer):
    def edit(file):
        names = [name for name in file.attrs["layer_names"] if name != layer.encode()]
        file.attrs["layer_names"] = names

    return edit


def deleted(path):
    return lambda file: file.__delitem__(path)


def as_text(file):
    del file["conv3d_7/conv3d_7/kernel:0"]
    file["conv3d_7/conv3d_7/kernel:0"] = "import os"


def as_nan(file):
    file["conv3d_7/conv3d_7/kernel:0"][0] = np.nan


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (reshaped("conv3d_7", "kernel", (3, 3, 3, 64, 15)), "layer 'conv3d_7' has shape"),
        (reshaped("conv3d_7", "bias", (3,)), "layer 'conv3d_7' has shape"),
        (reshaped("conv3d_transpose_2", "kernel", (2, 2, 2, 96, 9)), "layer 'conv3d_transpose_2'"),
        (reshaped("clf", "kernel", (64, 3)), "layer 'clf' has shape"),
        (reshaped("batch_normalization_5", "beta", (1,)), "layer 'batch_normalization_5'"),
        (reshaped("conv3d_3", "kernel", (0, 0)), "53 convolutions|2 classifiers"),
        (without_layer("batch_normalization_27"), "a batch normalisation is missing: 26 of 27"),
        (without_layer("conv3d_transpose_1"), "layer 'conv3d_transpose_2' has shape"),
        (without_layer("seg"), "a convolution is missing"),
        (deleted("conv3d_7"), "layer 'conv3d_7' is listed, but missing"),
        (deleted("conv3d_7/conv3d_7/kernel:0"), "layer 'conv3d_7' holds no usable array"),
        (as_text, "layer 'conv3d_7' holds no usable array"),
        (as_nan, "impossible numbers"),
        (lambda file: file.attrs.__delitem__("layer_names"), "no list of layers"),
    ],
)
def test_a_file_that_does_not_fit_names_the_first_layer_that_differs(
    its_weights_file, tmp_path, edit, words
):
    path = change(its_weights_file, tmp_path / "wrong.h5", edit)
    with pytest.raises(ModelError, match=words) as caught:
        read_keras_weights(path)
    assert str(path) in str(caught.value)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_files_end_in_one_sentence(its_weights_file, tmp_path, data):
    good = its_weights_file.read_bytes()
    path = tmp_path / "damaged.h5"
    path.write_bytes(good[: data.draw(st.integers(0, len(good) - 1))])
    with pytest.raises(ModelError):
        read_keras_weights(path)
    place = data.draw(st.integers(0, 4000))
    noise = data.draw(st.binary(min_size=1, max_size=8))
    path.write_bytes(good[:place] + noise + good[place + len(noise) :])
    with contextlib.suppress(ModelError):  # nothing else may be raised
        read_keras_weights(path)


def test_the_command_writes_a_model_file_of_all_members(its_weights_file, tmp_path, capsys):
    out = tmp_path / "model.safetensors"
    files = [str(its_weights_file), str(its_weights_file)]
    assert main(["import-keras", *files, "--out", str(out), "--trained-on", "cases"]) == 0
    model = load_model(out)
    assert (model.card.members, model.card.trained_on) == (2, "cases")
    assert model.card.classes == ("AAH-AIS", "MIA", "IAC")
    assert "2 members" in capsys.readouterr().out


def test_the_command_refuses_what_is_no_keras_file(tmp_path, capsys):
    (tmp_path / "notes.h5").write_text("not HDF5")
    out = tmp_path / "model.safetensors"
    for name in ("notes.h5", "absent.h5"):
        assert main(["import-keras", str(tmp_path / name), "--out", str(out)]) == 2
        assert name in capsys.readouterr().err
    assert not out.exists()


def test_the_command_refuses_to_mix_networks(its_weights_file, tmp_path, capsys):
    other = original_network(k=4)
    path = write_as_keras_2(other, tmp_path / "k4.h5")
    out = tmp_path / "model.safetensors"
    assert main(["import-keras", str(its_weights_file), str(path), "--out", str(out)]) == 2
    assert "another network" in capsys.readouterr().err


@pytest.mark.parametrize("ending", [".weights.h5", ".keras"])
@pytest.mark.parametrize("options", [{"k": 8}, {"k": 8, "bn_scale": False}, {"mask": False}])
def test_files_of_keras_3_hold_the_same_weights(tmp_path, options, ending):
    network = original_network(**options)
    path = tmp_path / f"best{ending}"
    network.save(path) if ending == ".keras" else network.save_weights(path)
    found, architecture = read_keras_weights(path)
    expected, same = read_keras_weights(write_as_keras_2(network, tmp_path / "two.h5"))
    assert architecture == same
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], array) for name, array in expected.items())


@pytest.mark.parametrize("raw", [b"", b"nothing", b"PK\x03\x04 and so on", b"\x89HDF\r\n\x1a\n"])
def test_files_that_are_none_of_these_are_named_without_a_librarys_words(tmp_path, raw):
    path = tmp_path / "best.h5"
    path.write_bytes(raw)
    with pytest.raises(ModelError, match="damaged or of another kind; give what") as caught:
        read_keras_weights(path)
    assert "Unable" not in str(caught.value)
    assert "signature" not in str(caught.value)
