"""The original's network in Keras 3, any backend, and its weights files as Keras 2.1 wrote them.

The peer of tests and benchmarks; needs keras, numpy and h5py only. As a script it writes a weights
file: `python original_keras.py WEIGHTS.h5`.
"""

import re
import sys

import h5py
import numpy as np


def original_network(k=16, bn_scale=True, output_size=3, mask=True, dropout=None):
    """The original's graph: its layers in the order in which its code creates them."""
    import keras  # takes over a second, which collecting other tests is not to wait for

    keras.utils.set_random_seed(0)  # the kernels, too, are the same each time
    layers = keras.layers

    def norm_relu(x):
        return layers.ReLU()(layers.BatchNormalization(scale=bn_scale)(x))

    def conv(x, filters, size, **options):
        return layers.Conv3D(filters, size, padding="same", **options)(x)

    grey = keras.Input((32, 32, 32, 1))
    x = conv(layers.Rescaling(1 / 128, -1.0)(grey), 32, 3)
    skips = []
    for block in range(3):
        if block:
            x = norm_relu(x)
            x = layers.AveragePooling3D(2)(conv(x, x.shape[-1] // 2, 1))
        for _ in range(4):
            new = conv(norm_relu(x), 4 * k, 1, use_bias=False)
            if dropout is not None:
                new = layers.SpatialDropout3D(dropout)(new)
            x = layers.concatenate([conv(norm_relu(new), k, 3), x])
        skips.append(x)
    pooled = layers.GlobalAveragePooling3D()(norm_relu(x))
    outputs = []
    if mask:
        for skip in reversed(skips[:-1]):
            up = layers.Conv3DTranspose(skip.shape[-1], 2, strides=2)(x)
            x = layers.add([skip, up])
        outputs = [conv(x, 1, 1, activation="sigmoid", name="seg")]
    activation = "sigmoid" if output_size == 1 else "softmax"
    outputs = [layers.Dense(output_size, activation=activation, name="clf")(pooled), *outputs]
    network = keras.Model(grey, outputs)
    randomise(network)
    return network


def randomise(network, seed=0):
    generator = np.random.default_rng(seed)
    for layer in network.layers:
        for variable in layer.weights:
            shape = variable.shape
            if variable.name in ("gamma", "moving_variance"):
                variable.assign(generator.uniform(0.4, 1.6, shape))
            elif len(shape) == 1:
                variable.assign(generator.normal(0.0, 0.2, shape))


def snake_case(name):
    """As Keras names layers: BatchNormalization -> batch_normalization, Conv3D -> conv3d."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def write_as_keras_2(network, path, counter=1, root_name=None):
    """HDF5 in Keras 2.1's layout; `counter` is where its session's layer counters stand."""
    from keras.ops import convert_to_numpy

    counters = {}
    listed = []
    for layer in network.layers:
        kind = {"ReLU": "activation", "Rescaling": "lambda"}.get(
            type(layer).__name__, snake_case(type(layer).__name__)
        )
        counters[kind] = counters.get(kind, counter - 1) + 1
        name = layer.name if layer.name in ("clf", "seg") else f"{kind}_{counters[kind]}"
        listed.append((name, layer))
    with h5py.File(path, "w") as file:
        root = file if root_name is None else file.create_group(root_name)
        root.attrs["layer_names"] = np.array([name.encode() for name, _ in listed])
        root.attrs["backend"] = b"tensorflow"
        root.attrs["keras_version"] = b"2.1.5"
        for name, layer in listed:
            group = root.create_group(name)
            inner = f"{name}_1" if name in ("clf", "seg") and counter > 1 else name
            names = [f"{inner}/{variable.name}:0" for variable in layer.weights]
            group.attrs["weight_names"] = np.array([each.encode() for each in names], "S")
            for each, variable in zip(names, layer.weights, strict=True):
                group[each] = convert_to_numpy(variable)
    return path


if __name__ == "__main__":
    write_as_keras_2(original_network(), sys.argv[1])
