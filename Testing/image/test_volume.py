"""A CT on another grid, against SimpleITK resampling the whole CT; outside it is what was asked."""

import numpy as np
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from densesharp.image.grid import Grid, cube_grid
from densesharp.image.sampling import to_sitk
from densesharp.image.volume import Volume
from phantoms import rotation

ANGLES = st.floats(-np.pi, np.pi)


@settings(max_examples=40)
@given(ANGLES, ANGLES, ANGLES, st.tuples(*[st.floats(-40, 40)] * 3), st.floats(0.5, 2))
def test_a_ct_on_a_grid_equals_the_whole_ct_resampled(a, b, c, middle, spacing):
    grid = Grid((20, 24, 16), np.array([-9.0, -11.0, -12.0]), np.array([0.9, 0.9, 1.5]),
                rotation(a, b, c))  # fmt: skip
    array = np.random.default_rng(3).integers(-1000, 300, grid.shape).astype(np.int16)
    cube = cube_grid(middle, 12, spacing)
    image, reference = to_sitk(array.astype(np.float32), grid), to_sitk(np.zeros(cube.shape), cube)
    whole = sitk.Resample(image, reference, sitk.Transform(), sitk.sitkLinear, -1024.0,
                          sitk.sitkFloat32)  # fmt: skip
    found = Volume(array, grid).on_grid(cube, outside=-1024.0)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, sitk.GetArrayFromImage(whole), atol=0.01)


def test_a_grid_far_away_sees_only_what_was_asked_for():
    grid = cube_grid((0, 0, 0), 8)
    found = Volume(np.zeros(grid.shape, np.int16), grid).on_grid(cube_grid((500, 0, 0), 4), -5.0)
    assert (found == -5.0).all()
