"""A worker for the original's layers in Keras 3 on TensorFlow, in an environment of its own.

`python keras_worker.py PEER THREADS [WEIGHTS.h5]` with PEER `keras-compiled` (tf.function) or
`keras-train` (`train_on_batch`), spoken to by `timing.Worker`. The weights file is loaded by Keras
itself, so the comparison of outputs is independent of our reader.
"""

import os
import sys
import time

STARTED = time.perf_counter()
os.environ["KERAS_BACKEND"] = "tensorflow"

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from timing import NETWORK_TESTS, patches, serve  # noqa: E402

sys.path.insert(0, str(NETWORK_TESTS))


def grey_patches(batch):
    return ((patches(batch)[..., None] + 1) * 128).astype(np.float32)


def compiled_worker(network):
    compiled = tf.function(lambda x: network(x, training=False), reduce_retracing=True)
    inputs = {}

    def call(batch):
        if batch not in inputs:
            inputs[batch] = tf.constant(grey_patches(batch))
        return [output.numpy() for output in compiled(inputs[batch])]

    def answer(x):
        classes, mask = compiled(tf.constant((x[..., None] + 1) * 128))
        return {"probabilities": classes.numpy(), "mask": mask.numpy()[..., 0]}

    return call, answer


def training_worker(network):
    def dice_loss(truth, mask):
        axes = [1, 2, 3, 4]
        both = tf.reduce_sum(truth * mask, axes)
        sizes = tf.reduce_sum(truth, axes) + tf.reduce_sum(mask, axes)
        return -(2 * both + 1) / (sizes + 1)

    import keras

    network.compile(
        optimizer=keras.optimizers.Adam(1e-4),
        loss=["categorical_crossentropy", dice_loss],
        loss_weights=[1.0, 0.2],
    )

    def step(batch):
        grey = grey_patches(batch)
        labels = np.eye(3, dtype=np.float32)[np.arange(batch) % 3]
        network.train_on_batch(grey, [labels, (grey > 128).astype(np.float32)])

    return step, None


def main(peer, threads, path=None):
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from original_keras import original_network

    network = original_network()
    if path:
        network.load_weights(path)
    call, answer = (compiled_worker if peer == "keras-compiled" else training_worker)(network)
    serve(call, answer, STARTED)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
