"""Objects of a CT that was resampled from uneven slices refer to those slices."""

from dataclasses import replace

import highdicom as hd
import numpy as np
import pydicom
import pytest
from test_dicom_objects import RUN

from densesharp.dicom.write import on_series, write_dicom
from densesharp.errors import GeometryError
from densesharp.image.grid import Grid
from densesharp.image.masks import NoduleMask
from densesharp.image.volume import Volume
from densesharp.io import read_volume
from dicom_phantom import axial, phantom, write_series
from nodule_results import nodule

SIZE = (24, 20, 12)
SHIFTS = np.array([0.0, 0.2, -0.1, 0.2, 0.1, -0.2, 0.0, 0.15, 0.2, -0.05, 0.1, 0.0])


@pytest.fixture
def uneven(tmp_path):
    """Files of a series whose slices lie up to 0.2 mm off, and its grid without that."""
    grid = axial(SIZE)

    def moved(dataset, k):
        x, y, z = dataset.ImagePositionPatient
        dataset.ImagePositionPatient = [x, y, float(z) + SHIFTS[k]]
        return dataset

    return write_series(tmp_path / "ct", phantom(SIZE), grid, edit=moved), grid


@pytest.fixture
def resampled(uneven):
    """A ball on a straight copy of a finer spacing: (volume, result, middle, radius)."""
    files, grid = uneven
    fine = Grid((60, 60, 48), grid.origin, (0.28, 0.27, 0.31), np.eye(3))
    middle, radius = grid.center + 0.2, 3.0
    world = fine.points
    inside = np.linalg.norm(world - middle, axis=-1) <= radius
    uids = tuple(str(pydicom.dcmread(path).SOPInstanceUID) for path in files)
    series = {"sop_instance_uids": uids, "resampled": True}
    mask = NoduleMask(inside.astype(np.uint8), (0, 0, 0), fine)
    volume = Volume(np.zeros(fine.shape, np.int16), fine, (), series)
    center = fine.to_index(middle).tolist()
    return volume, replace(nodule(volume, center), mask=mask), middle, radius


def test_the_series_alone_is_refused_as_uneven(uneven):
    with pytest.raises(GeometryError, match="unevenly spaced"):
        read_volume(uneven[0][0].parent)


def test_outlines_go_back_to_the_slices_they_lie_in(uneven, resampled, tmp_path):
    """Every pixel whose own place, by its own header, lies in the ball; computed here."""
    files, _ = uneven
    volume, result, middle, radius = resampled
    moved, on = on_series([result], volume, files)
    names = write_dicom(moved, on, RUN, tmp_path / "out")
    assert len(names) == 2
    seg = pydicom.dcmread(tmp_path / "out" / names[0])
    with pytest.raises(RuntimeError, match="volume"):  # why outlines are read back by ourselves
        hd.seg.Segmentation.from_dataset(seg).get_volume()
    by_uid = {}
    for frame, group in zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence, strict=True):
        derived = group.DerivationImageSequence[0].SourceImageSequence[0]
        by_uid[str(derived.ReferencedSOPInstanceUID)] = frame
    wrong = total = 0
    for path in files:
        source = pydicom.dcmread(path)
        row, column = (float(n) for n in source.PixelSpacing)
        j, i = np.indices((source.Rows, source.Columns))
        origin = np.array([float(n) for n in source.ImagePositionPatient])
        world = origin + np.stack([i * column, j * row, np.zeros_like(i)], axis=-1)
        distance = np.linalg.norm(world - middle, axis=-1)
        frame = by_uid.get(str(source.SOPInstanceUID), np.zeros(i.shape))
        clear = np.abs(distance - radius) > 0.3  # further than half a fine voxel from the edge
        wrong += int(((frame > 0) != (distance <= radius))[clear].sum())
        total += int((distance <= radius).sum())
    assert wrong == 0
    assert total > 80
    report = pydicom.dcmread(tmp_path / "out" / names[1])
    assert str(report.StudyInstanceUID) == str(pydicom.dcmread(files[0]).StudyInstanceUID)


def test_a_copy_that_does_not_know_its_series_is_refused(uneven, resampled):
    volume, result, _, _ = resampled
    stranger = Volume(volume.array, volume.grid, (), {"resampled": True})
    with pytest.raises(GeometryError, match="does not know its series"):
        on_series([result], stranger, uneven[0])
    other = Volume(
        volume.array, volume.grid, (), {"resampled": True, "sop_instance_uids": ("1.2.3",)}
    )
    with pytest.raises(GeometryError, match="another series"):
        on_series([result], other, uneven[0])
