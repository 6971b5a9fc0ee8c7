"""How long reading a CT of 300 slices of 512 x 512 takes, plain and as JPEG 2000.

    python Testing/benchmarks/bench_reading.py [ROUNDS]

Seconds of the processor, which a busy machine changes less than those of the clock.
"""

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from pydicom.uid import JPEG2000Lossless

from densesharp.io import read_volume

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from dicom_phantom import axial, write_series

SIZE = (512, 512, 300)


def chest() -> np.ndarray:
    """(k, j, i) HU: body, two lungs and noise, which packs about as a CT does."""
    j, i = np.mgrid[: SIZE[1], : SIZE[0]] / SIZE[0] - 0.5
    slice_hu = np.full(SIZE[1::-1], -1000.0)
    slice_hu[(i / 0.45) ** 2 + (j / 0.35) ** 2 < 1] = 30
    for side in (-1, 1):
        slice_hu[((i - side * 0.2) / 0.15) ** 2 + (j / 0.25) ** 2 < 1] = -850
    noise = np.random.default_rng(0).normal(0, 20, (16, *slice_hu.shape))
    some = (slice_hu + noise).clip(-1024, 3000).astype(np.int16)
    return np.concatenate([some] * (SIZE[2] // 16 + 1))[: SIZE[2]]


def main() -> None:
    """Print the seconds of each form."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    array = chest()

    def j2k(dataset, _index):
        dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
        return dataset

    for name, edit in (("plain", None), ("JPEG 2000", j2k)):
        with tempfile.TemporaryDirectory() as folder:
            write_series(Path(folder), array, axial(SIZE), edit=edit)
            seconds = []
            for _ in range(rounds):
                start = time.process_time()
                volume = read_volume(folder)
                seconds.append(time.process_time() - start)
            assert volume.array.shape == array.shape
            np.testing.assert_array_equal(volume.array, array)
        sys.stdout.write(f"300 slices, {name}: {median(seconds):.2f} s\n")


if __name__ == "__main__":
    main()
