"""Model files: round trip, identity, and every way a file can be wrong."""

import contextlib
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from densesharp.errors import ModelError, OutputError
from densesharp.model.architecture import Architecture
from densesharp.model.model_file import ModelCard, load_model, save_model

SMALL = Architecture(growth=2, bottleneck=2, blocks=(1, 1), stem=4)


def random_weights(architecture=SMALL, seed=0):
    generator = np.random.default_rng(seed)
    return {
        name: generator.uniform(0.5, 1.5, shape).astype(np.float32)
        for name, shape in architecture.tensor_shapes().items()
    }


def a_card(**changes):
    values = {"name": "test net", "trained_on": "random numbers", "architecture": SMALL}
    return ModelCard(**(values | changes))


@pytest.mark.parametrize("wrong", [{"name": ""}, {"members": 0}])
def test_a_card_needs_a_name_and_a_member(wrong):
    with pytest.raises(ModelError, match="a name and at least one member"):
        a_card(**wrong)
    assert a_card().temperature == 1


@pytest.fixture
def a_model_of_two_members(tmp_path):
    path = tmp_path / "two.safetensors"
    members = [random_weights(seed=0), random_weights(seed=1)]
    save_model(path, members, a_card(members=2, temperature=1.5))
    return path, members


@pytest.mark.parametrize(
    "architecture",
    [
        Architecture(),
        Architecture("DenseNet"),
        Architecture(growth=32),
        Architecture(
            growth=8, bottleneck=2, compression=3, blocks=(2, 1, 3, 1), stem=10, classes=2
        ),
    ],
)
def test_an_architecture_lists_the_tensors_of_its_network_in_order(architecture):
    pytest.importorskip("torch")
    from densesharp.model.densenet import DenseNet
    from densesharp.model.densesharp import DenseSharp, export_weights

    network = {"DenseSharp": DenseSharp, "DenseNet": DenseNet}[architecture.name]
    weights = export_weights(network(**architecture.arguments()))
    shapes = [(name, array.shape) for name, array in weights.items()]
    assert list(architecture.tensor_shapes().items()) == shapes


def test_a_model_file_gives_back_what_was_saved(a_model_of_two_members):
    path, members = a_model_of_two_members
    model = load_model(path)
    assert model.card == a_card(members=2, temperature=1.5)
    for saved, loaded in zip(members, model.members, strict=True):
        assert saved.keys() == loaded.keys()
        for name, array in saved.items():
            np.testing.assert_array_equal(loaded[name], array)


def test_the_hash_is_the_file_s_and_the_same_each_time(a_model_of_two_members, tmp_path):
    import hashlib

    path, members = a_model_of_two_members
    again = tmp_path / "again.safetensors"
    save_model(again, members, a_card(members=2, temperature=1.5))
    assert again.read_bytes() == path.read_bytes()
    assert load_model(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_card_states_preprocessing_and_is_plain_json(a_model_of_two_members):
    card = json.loads(json.dumps(load_model(a_model_of_two_members[0]).card.to_json()))
    assert card["preprocessing"]["window_hu"] == [-1024.0, 400.0]
    assert ModelCard.from_json(card) == a_card(members=2, temperature=1.5)


def test_a_card_says_what_was_measured_and_older_ones_may_be_silent():
    card = a_card(evaluation="mean Dice 0.75 on 56 nodules")
    values = card.to_json()
    assert values["evaluation"] == "mean Dice 0.75 on 56 nodules"
    assert ModelCard.from_json(values) == card
    del values["evaluation"]
    assert ModelCard.from_json(values).evaluation == ""


def test_reading_a_model_file_needs_no_torch(a_model_of_two_members):
    code = (
        "import sys; from densesharp.model.model_file import load_model;"
        f"load_model({str(a_model_of_two_members[0])!r});"
        "sys.exit(any(name in sys.modules for name in ('torch', 'openvino', 'h5py', 'pickle5')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def wrong_files():
    card = json.dumps(a_card().to_json())
    weights = {f"0.{name}": array for name, array in random_weights().items()}

    def changed(**arrays):
        return weights | {name.replace("__", "."): array for name, array in arrays.items()}

    def carded(**changes):
        return {"densesharp": json.dumps(a_card().to_json() | changes)}

    bare = dict(weights)
    del bare["0.densenet.norm.bias"]
    good = {"densesharp": card}
    stem = weights["0.densenet.stem.weight"]
    yield "no card", weights, None, "no DenseSharp model card"
    yield "foreign metadata", weights, {"format": "pt"}, "no DenseSharp model card"
    yield "card no json", weights, {"densesharp": "{"}, "no JSON"
    yield "card a list", weights, {"densesharp": "[]"}, "no JSON object"
    yield "missing", bare, good, "'densenet.norm.bias' is missing"
    yield "left over", changed(**{"0__spare": stem}), good, "'spare' does not belong"
    yield "second member", changed(**{"1__spare": stem}), good, "none of its 1 members"
    yield "no member number", changed(spare=stem), good, "none of its 1 members"
    yield (
        "shape",
        changed(**{"0__densenet__stem__weight": stem[:2]}),
        good,
        "stem.weight' has shape",
    )
    yield "half", changed(**{"0__densenet__stem__weight": stem.astype(np.float16)}), good, "float16"
    yield "nan", changed(**{"0__densenet__stem__weight": stem * np.nan}), good, "impossible"
    negative = -weights["0.densenet.norm.running_var"]
    yield "variance", changed(**{"0__densenet__norm__running_var": negative}), good, "running_var"
    yield "schema", weights, carded(schema=2), "schema 2"
    yield "preprocessing", weights, carded(preprocessing={}), "preprocessing"
    yield "temperature", weights, carded(temperature=0), "temperature"
    yield "shift", weights, carded(slice_shift=-6), "slice_shift"
    yield "shift nan", weights, carded(slice_shift=float("nan")), "slice_shift"
    yield "shift text", weights, carded(slice_shift="a lot"), "missing or wrong"
    yield "temperature nan", weights, carded(temperature=float("nan")), "temperature"
    yield "temperature text", weights, carded(temperature="warm"), "missing or wrong"
    yield "members", weights, carded(members=10**9), "members"
    yield "classes", weights, carded(classes=["benign", "malignant"]), "2 classes"
    another = Architecture(growth=4, bottleneck=2, blocks=(1, 1), stem=4).to_json()
    yield "architecture", weights, carded(architecture=another), "conv1.weight' has shape"
    yield "unknown", weights, carded(architecture=another | {"name": "UNet"}), "'UNet' is not known"
    yield "huge", weights, carded(architecture=another | {"growth": 10**9}), "whole numbers"
    yield "argument", weights, carded(architecture=another | {"depth": 3}), "cannot be understood"


@pytest.mark.parametrize(
    ("tensors", "metadata", "words"),
    [case[1:] for case in wrong_files()],
    ids=[case[0] for case in wrong_files()],
)
def test_a_file_that_is_not_what_it_says_is_refused(tmp_path, tensors, metadata, words):
    path = tmp_path / "wrong.safetensors"
    save_file(tensors, path, metadata)
    with pytest.raises(ModelError, match=words) as caught:
        load_model(path)
    assert str(path) in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(ModelError, match="cannot be"):
            load_model(path)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_damaged_file_is_refused_or_still_whole(a_model_of_two_members, tmp_path, data):
    good = a_model_of_two_members[0].read_bytes()
    cut = data.draw(st.integers(0, len(good) - 1))
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(good[:cut])
    with pytest.raises(ModelError):
        load_model(path)
    place, value = data.draw(st.integers(0, 3000)), data.draw(st.integers(0, 255))
    path.write_bytes(good[:place] + bytes([value]) + good[place + 1 :])
    with contextlib.suppress(ModelError):  # nothing else may be raised
        load_model(path)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=200))
def test_noise_is_refused(tmp_path, content):
    path = tmp_path / "noise.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError):
        load_model(path)


def test_wrong_weights_are_not_saved(tmp_path):
    path = tmp_path / "model.safetensors"
    weights = random_weights()
    weights["densenet.stem.weight"] = weights["densenet.stem.weight"][:1]
    with pytest.raises(ModelError, match=r"densenet\.stem\.weight"):
        save_model(path, [weights], a_card())
    with pytest.raises(ModelError, match="2 members"):
        save_model(path, [random_weights()], a_card(members=2))
    with pytest.raises(OutputError):
        save_model(tmp_path / "no folder" / "m.safetensors", [random_weights()], a_card())
    assert not list(tmp_path.iterdir())
