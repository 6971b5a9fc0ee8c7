"""Pictures of voxels: the right slice in the right place, the mask where it is."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from densesharp.explore import voxels as explore


@pytest.fixture
def a_cube_and_its_mask() -> tuple[np.ndarray, np.ndarray]:
    cube = np.zeros((6, 8, 8), np.uint8)
    cube[2] = 200
    mask = np.zeros(cube.shape, bool)
    mask[2, 1:4, 2:6] = True
    return cube, mask


def pixels(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(int)


def test_a_stack_shows_the_slices_asked_for_with_mask_and_contour(
    a_cube_and_its_mask: tuple[np.ndarray, np.ndarray],
) -> None:
    cube, mask = a_cube_and_its_mask
    figure = explore.stack(cube, mask, first=1, last=6, every=1, columns=3)
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in shown] == [f"k = {n}" for n in range(1, 6)]
    for axes, number in zip(shown, range(1, 6), strict=True):
        picture, tint = axes.images
        assert np.array_equal(picture.get_array(), cube[number])
        assert picture.get_clim() == (0, 255)
        assert np.array_equal(tint.get_array()[..., 3] > 0, mask[number])
        assert bool(axes.collections) == mask[number].any()
    # The contour runs half a voxel outside the outermost voxel centres.
    path = shown[1].collections[0].get_paths()[0].vertices
    assert path.min(axis=0) == pytest.approx([1.5, 0.5])
    assert path.max(axis=0) == pytest.approx([5.5, 3.5])


def test_slices_can_run_across_any_axis(
    a_cube_and_its_mask: tuple[np.ndarray, np.ndarray],
) -> None:
    cube, _ = a_cube_and_its_mask
    figure = explore.stack(cube, axis=2, every=4)
    assert [axes.get_title() for axes in figure.axes] == ["i = 0", "i = 4"]
    assert np.array_equal(figure.axes[1].images[0].get_array(), cube[:, :, 4])


def test_hu_are_shown_in_the_lung_window() -> None:
    figure = explore.stack(np.full((2, 4, 4), -600, np.int16))
    assert figure.axes[0].images[0].get_clim() == (-1350, 150)


def test_a_montage_holds_every_slice_once() -> None:
    cube = np.arange(5 * 2 * 3).reshape(5, 2, 3)
    picture = explore.tiled(cube)
    assert picture.shape == (2 * 2, 3 * 3)
    assert np.array_equal(picture[:2, 3:6], cube[1])
    assert np.array_equal(picture[2:, 3:6], cube[4])
    assert (picture[2:, 6:] == 0).all()
    figure = explore.montage(cube.astype(np.uint8), cube > 20)
    assert np.array_equal(figure.axes[0].images[1].get_array()[..., 3] > 0, picture > 20)


def test_a_histogram_of_grey_values_is_in_hu() -> None:
    grey = np.zeros((4, 4, 4), dtype=np.uint8)
    grey[0] = 255
    axes = explore.histogram(grey, bins=4).axes[0]
    assert axes.get_xlabel() == "HU"
    edges = [patch.get_x() for patch in axes.patches]
    assert edges[0] == pytest.approx(-1024)
    assert edges[-1] + axes.patches[-1].get_width() == pytest.approx(400)


def test_a_histogram_counts_inside_and_outside(
    a_cube_and_its_mask: tuple[np.ndarray, np.ndarray],
) -> None:
    cube, mask = a_cube_and_its_mask
    axes = explore.histogram(cube, mask, bins=4).axes[0]
    outside, inside = (sum(bar.get_height() for bar in group) for group in axes.containers)
    assert outside == pytest.approx(1)
    assert inside == pytest.approx(1)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        f"outside (mean {cube[~mask].mean() * 1424 / 255 - 1024:.0f})",
        f"in the mask (mean {200 * 1424 / 255 - 1024:.0f})",
    ]


def test_an_animation_runs_through_all_slices(
    a_cube_and_its_mask: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    cube, mask = a_cube_and_its_mask
    explore.write_gif(explore.animate(cube, mask), tmp_path / "cube.gif")
    with Image.open(tmp_path / "cube.gif") as gif:
        assert gif.n_frames == 6
        brightness = []
        for frame in range(6):
            gif.seek(frame)
            brightness.append(np.asarray(gif.convert("L"))[100:-20].mean())
    assert np.argmax(brightness) == 2
    page = explore.animate(cube, mask).to_jshtml()
    assert page.count("data:image/png;base64") == 6


def test_the_mask_is_seen_in_the_picture(
    a_cube_and_its_mask: tuple[np.ndarray, np.ndarray],
) -> None:
    cube, mask = a_cube_and_its_mask
    plain, marked = (
        pixels(explore.stack(cube, first=2, last=3)),
        pixels(explore.stack(cube, mask, first=2, last=3)),
    )
    changed = np.abs(plain - marked).sum(axis=-1) > 20
    assert 0.05 < changed.mean() < 0.5


def test_what_does_not_fit_is_refused(
    a_cube_and_its_mask: tuple[np.ndarray, np.ndarray],
) -> None:
    cube, mask = a_cube_and_its_mask
    for call in (explore.stack, explore.montage, explore.histogram, explore.animate):
        with pytest.raises(ValueError, match="does not fit"):
            call(cube, mask[1:])
        with pytest.raises(ValueError, match="are needed"):
            call(cube[0])
    with pytest.raises(ValueError, match="no slices"):
        explore.stack(cube, first=6)
