"""Surfaces: closed, outward, at the right place, and read back by another program's reader."""

import dataclasses

import numpy as np
import pytest
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkFiltersCore import vtkFeatureEdges, vtkMassProperties
from vtkmodules.vtkIOGeometry import vtkSTLReader
from vtkmodules.vtkIOPLY import vtkPLYReader
from vtkmodules.vtkIOXML import vtkXMLPolyDataReader

from damage import full_disk
from densesharp.errors import OutputError
from densesharp.image.grid import Grid
from densesharp.image.volume import Notice
from densesharp.nodule.pipeline import analyse
from densesharp.nodule.records import Seed
from densesharp.nodule.settings import AnalysisSettings
from densesharp.nodule.surface import (
    level_surface,
    mask_surface,
    nodule_surface,
    surface_normals,
    surface_triangles,
    surface_volume,
    write_surface,
)
from phantoms import ThresholdEngine, grid_around, rotation, smooth_ball

CENTER = np.array([12.0, -30.0, 45.0])
DIRECTIONS = [np.eye(3), np.diag([-1.0, 1.0, 1.0]), rotation(0.4, -0.2, 1.1)]


def open_edges(surface) -> int:
    """Edges that belong to one triangle or to more than two."""
    edges = vtkFeatureEdges()
    edges.SetInputData(surface)
    edges.FeatureEdgesOff()
    edges.ManifoldEdgesOff()
    edges.BoundaryEdgesOn()
    edges.NonManifoldEdgesOn()
    edges.Update()
    return edges.GetOutput().GetNumberOfCells()


def points_of(surface) -> np.ndarray:
    return vtk_to_numpy(surface.GetPoints().GetData())


def assert_a_ball(surface, radius: float, tolerance: float) -> None:
    distance = np.linalg.norm(points_of(surface) - CENTER, axis=1)
    assert np.abs(distance - radius).max() < tolerance
    assert open_edges(surface) == 0
    outward = surface_triangles(surface).mean(axis=1) - CENTER
    assert (np.einsum("ni,ni->n", surface_normals(surface), outward) > 0).mean() > 0.99


@pytest.mark.parametrize("direction", DIRECTIONS, ids=["straight", "mirrored", "oblique"])
@pytest.mark.parametrize("spacing", [(1, 1, 1), (0.7, 0.7, 1.5)])
def test_the_level_of_a_ball_is_a_closed_ball_in_its_place(direction, spacing):
    grid = grid_around(CENTER, (34, 36, 32), spacing, direction)
    distance = grid.distance_to(CENTER)
    surface = level_surface(np.clip(0.5 + (7 - distance) / 4, 0, 1), grid)
    assert_a_ball(surface, 7.0, 0.15)
    assert surface_volume(surface) == pytest.approx(4 / 3 * np.pi * 343, rel=0.02)


@pytest.mark.parametrize("direction", DIRECTIONS, ids=["straight", "mirrored", "oblique"])
def test_the_surface_of_a_mask_keeps_its_volume(direction):
    grid = grid_around(CENTER, (30, 30, 24), (0.8, 0.8, 1.1), direction)
    mask = grid.distance_to(CENTER) <= 6
    surface = mask_surface(mask, grid)
    assert_a_ball(surface, 6.0, 0.8)
    assert surface_volume(surface) == pytest.approx(mask.sum() * grid.voxel_volume, rel=0.01)


def test_the_volume_is_that_of_vtk():
    grid = grid_around(CENTER, (20, 20, 20), (1, 1, 1), np.eye(3))
    rng = np.random.default_rng(0)
    surface = level_surface(rng.random(grid.shape), grid)
    judge = vtkMassProperties()
    judge.SetInputData(surface)
    assert surface_volume(surface) == pytest.approx(judge.GetVolume(), rel=0.02)
    assert open_edges(surface) == 0


def test_a_mask_that_fills_its_box_and_a_single_voxel_are_closed():
    grid = Grid((4, 3, 2), np.zeros(3), (1.0, 1.0, 2.0), np.eye(3))
    assert open_edges(mask_surface(np.ones(grid.shape, dtype=bool), grid)) == 0
    one = Grid((1, 1, 1), np.zeros(3), np.ones(3), np.eye(3))
    surface = mask_surface(np.ones((1, 1, 1), dtype=bool), one)
    assert open_edges(surface) == 0
    assert surface_volume(surface) == pytest.approx(1, rel=0.02)


@pytest.fixture
def a_result():
    grid = grid_around(CENTER, (80, 80, 60), (0.8, 0.8, 1.2), rotation(0.1, 0.2, 0.1))
    volume = smooth_ball(grid, CENTER, 6.0, inside=0, outside=-850)
    settings = AnalysisSettings(augmentations=1, stability=False)
    return analyse(volume, Seed(CENTER), ThresholdEngine(-425), settings=settings)


def test_a_results_surface_agrees_with_its_volume(a_result):
    surface = nodule_surface(a_result)
    assert surface_volume(surface) == pytest.approx(a_result.measurements.volume_mm3, rel=0.05)
    assert_a_ball(surface, 6.0, 0.4)


def test_a_corrected_outline_is_drawn_from_the_mask_and_nothing_from_nothing(a_result):
    whole = a_result.mask
    half = whole.array.copy()
    half[:, :, half.shape[2] // 2 :] = 0
    mask = dataclasses.replace(whole, array=half)
    volume = half.sum() * whole.grid.voxel_volume
    by_hand = (Notice("edited_by_hand", "Corrected.", "info"),)
    edited = dataclasses.replace(a_result, mask=mask, notices=by_hand)
    assert surface_volume(nodule_surface(edited)) == pytest.approx(volume, rel=0.01)
    # So is one that the model's probability does not know: read back from files, or not outlined.
    for unknown in (None, dataclasses.replace(a_result.prediction, mask=np.zeros((32, 32, 32)))):
        drawn = dataclasses.replace(a_result, mask=mask, prediction=unknown)
        assert surface_volume(nodule_surface(drawn)) == pytest.approx(volume, rel=0.01)
    # Else it is the model's own, which is smoother than voxels.
    other = (Notice("near_border", "Near.", "caution"),)
    smooth = nodule_surface(dataclasses.replace(a_result, mask=mask, notices=other))
    assert surface_volume(smooth) == pytest.approx(a_result.measurements.volume_mm3, rel=0.05)
    assert nodule_surface(dataclasses.replace(a_result, mask=None)) is None


@pytest.mark.parametrize(
    ("ending", "reader_class"),
    [("stl", vtkSTLReader), ("ply", vtkPLYReader), ("vtp", vtkXMLPolyDataReader)],
)
def test_files_hold_the_same_surface_and_say_that_they_are_lps(
    tmp_path, a_result, ending, reader_class
):
    surface = nodule_surface(a_result)
    path = tmp_path / f"nodule.{ending}"
    write_surface(surface, path)
    reader = reader_class()
    reader.SetFileName(str(path))
    reader.Update()
    read = reader.GetOutput()
    # Reading STL joins equal corners, and triangles without an area vanish.
    assert read.GetNumberOfCells() == pytest.approx(surface.GetNumberOfCells(), rel=0.02)
    assert open_edges(read) == 0
    assert surface_volume(read) == pytest.approx(surface_volume(surface), rel=1e-4)
    for corner in (np.min, np.max):
        np.testing.assert_allclose(
            corner(points_of(read), axis=0), corner(points_of(surface), axis=0), atol=1e-3
        )
    content = path.read_bytes()
    if ending == "vtp":
        assert read.GetFieldData().GetAbstractArray("SPACE").GetValue(0) == "LPS"
    else:
        assert b"SPACE=LPS" in content[:300]
    if ending == "stl":
        assert not content.startswith(b"solid")  # else readers take it for text


@pytest.mark.parametrize("ending", ["stl", "ply", "vtp"])
def test_on_a_full_disk_the_file_is_named_and_nothing_is_left(ending, tmp_path, a_result, capfd):
    (tmp_path / ".densesharp-made").mkdir()
    surface = nodule_surface(a_result)
    with full_disk(1000), pytest.raises(OutputError, match="cannot be written") as error:
        write_surface(surface, tmp_path / ".densesharp-made" / f"nodule.{ending}")
    assert str(error.value).startswith(f"'{tmp_path / 'nodule'}.{ending}' cannot be written (")
    assert list((tmp_path / ".densesharp-made").iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_another_ending_is_refused_and_nothing_is_written(tmp_path, a_result):
    with pytest.raises(OutputError, match=r"\.stl"):
        write_surface(nodule_surface(a_result), tmp_path / "nodule.obj")
    assert list(tmp_path.iterdir()) == []
