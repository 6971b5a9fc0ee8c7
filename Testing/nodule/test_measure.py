"""Measurements against shapes whose size is known by formula, and against plain numpy."""

import csv
import itertools

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from densesharp.errors import ImageError
from densesharp.image.grid import Grid
from densesharp.image.masks import NoduleMask, mask_from_box
from densesharp.image.volume import Volume
from densesharp.nodule.measure import CURVE_HU, axes, mass_mg, measure
from densesharp.nodule.measure.kind import nodule_type
from densesharp.nodule.measure.solid import SolidMeter
from densesharp.nodule.records import Measurements
from densesharp.nodule.records.measurements import TYPE_AGREEMENT
from phantoms import grid_around, rotation, signed_permutations

SPACINGS = [(1.0, 1.0, 1.0), (0.7, 0.7, 1.0), (0.6, 0.6, 1.25)]
LUNG_HU = -850


def shape_on(grid: Grid, inside: np.ndarray, hu: np.ndarray | float = -600) -> tuple:
    """A CT with one shape, and its mask."""
    values = np.where(inside, hu, LUNG_HU).astype(np.int16)
    return Volume(values, grid), mask_from_box(inside, (0, 0, 0), grid)


def ellipsoid_on(grid: Grid, semi, center=(0.0, 0.0, 0.0), turn=None) -> np.ndarray:
    local = grid.points - np.asarray(center)
    local = (local if turn is None else local @ turn) / np.asarray(semi)
    return np.einsum("...x,...x", local, local) <= 1


def grid_for(reach: float, spacing, direction=None) -> Grid:
    size = tuple(int(n) for n in np.ceil(2 * (reach + 2) / np.asarray(spacing)).astype(int))
    return grid_around((0, 0, 0), size, spacing, np.eye(3) if direction is None else direction)


def measured_at_offsets(semi, spacing, direction=None, count=12) -> list[Measurements]:
    """The same ellipsoid at random places between the voxels."""
    rng = np.random.default_rng(7)
    grid = grid_for(max(semi) * 1.2, spacing, direction)
    found = []
    for _ in range(count):
        center = rng.uniform(-0.5, 0.5, 3) * spacing
        found.append(measure(*shape_on(grid, ellipsoid_on(grid, semi, center))))
    return found


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("diameter", [6, 8, 12, 20])
def test_a_balls_volume_and_axes_are_those_of_the_formula(diameter, spacing):
    found = measured_at_offsets([diameter / 2] * 3, spacing)
    voxel = max(spacing)
    volumes = np.array([m.volume_mm3 for m in found]) / (np.pi * diameter**3 / 6)
    assert np.mean(volumes) == pytest.approx(1, abs=0.03)
    # Counting voxels, one small ball is hit or missed by chance; a larger one is always right.
    assert np.abs(volumes - 1).max() < (0.03 if diameter > 8 else 0.08)
    for name in ("long_axis_mm", "short_axis_mm", "mean_diameter_mm"):
        errors = np.array([getattr(m, name) for m in found]) - diameter
        assert np.abs(errors).max() < 0.5 * voxel, name
    assert np.median([m.max_3d_diameter_mm for m in found]) == pytest.approx(diameter, abs=voxel)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_an_ellipsoids_two_longest_axes_are_found_in_their_plane(order, spacing):
    """Of the planes that hold the long axis, the one with the larger short axis is taken."""
    semi = np.array([8.0, 6.0, 4.0])[list(order)]
    found = measured_at_offsets(semi, spacing, count=8)
    normal = int(np.argmin(semi))
    assert {m.plane for m in found} == {("sagittal", "coronal", "axial")[normal]}
    assert np.mean([m.volume_mm3 for m in found]) == pytest.approx(
        4 / 3 * np.pi * semi.prod(), rel=0.03
    )
    assert np.median([m.max_3d_diameter_mm for m in found]) == pytest.approx(
        16, abs=0.5 * max(spacing)
    )


def test_an_ellipsoids_axes_are_right_within_half_a_voxel_everywhere():
    """In any order of the axes, on any voxels, wherever it lies between them."""
    errors = []
    for semi in itertools.chain(
        itertools.permutations((8.0, 6.0, 4.0)),
        itertools.permutations((6.0, 4.0, 3.0)),
        itertools.permutations((5.0, 4.0, 3.0)),
    ):
        long, short, _ = sorted(semi, reverse=True)
        for spacing in SPACINGS:
            for m in measured_at_offsets(semi, spacing, count=4):
                off = (m.long_axis_mm - 2 * long, m.short_axis_mm - 2 * short)
                errors.append(np.array(off) / max(spacing))
    assert np.abs(errors).max() < 0.5
    # The slice that shows it largest need not pass through its middle: a little less, not more.
    assert np.abs(np.mean(errors, axis=0)).max() < 0.1
    assert np.square(errors).mean(axis=0).max() < 0.1**2


@pytest.mark.parametrize("direction", [rotation(0.3, 0.1, -0.4), rotation(1.2, -0.6, 2.0)])
def test_an_oblique_grid_measures_a_ball_alike(direction):
    found = measured_at_offsets([5.0] * 3, (0.7, 0.7, 1.0), direction, count=6)
    assert np.median([m.long_axis_mm for m in found]) == pytest.approx(10, abs=0.5)
    assert np.mean([m.volume_mm3 for m in found]) == pytest.approx(523.6, rel=0.03)


def test_the_order_in_which_a_ct_is_stored_changes_nothing():
    """The same voxels in each of the 48 orders: the same numbers, planes named for the patient."""
    rng = np.random.default_rng(3)
    grid = grid_for(9, (0.8, 0.8, 0.8))
    inside = ellipsoid_on(grid, (7, 5, 4), (0.3, -0.2, 0.1), rotation(0.5, 0.2, 0.9))
    volume, mask = shape_on(grid, inside, rng.normal(-350, 150, grid.shape))
    expected = measure(volume, mask).to_json()
    for direction in signed_permutations():
        # The grid is a cube about the origin: storing means permuting and flipping its axes.
        order = [int(np.abs(direction[:, axis]).argmax()) for axis in range(3)]
        array = np.transpose(np.arange(inside.size).reshape(inside.shape).T, order)
        for axis in range(3):
            if direction[:, axis].sum() < 0:
                array = np.flip(array, axis)
        stored = array.T
        other = Grid(grid.size, grid_around((0, 0, 0), grid.size, grid.spacing, direction).origin,
                     grid.spacing, direction)  # fmt: skip
        again = Volume(volume.array.ravel()[stored], other)
        found = measure(again, mask_from_box(inside.ravel()[stored], (0, 0, 0), other)).to_json()
        assert found["plane"] == expected["plane"]
        assert found["nodule_type"] == expected["nodule_type"]
        for name, value in expected.items():
            if isinstance(value, float):
                assert found[name] == pytest.approx(value, rel=1e-6), name


@settings(max_examples=25, deadline=None)
@example(factor=1.5, shift=(0.0, 0.0, 0.0), semi=(3.5, 3.75, 4.375))
@given(
    factor=st.floats(0.5, 2.0),
    shift=st.tuples(*[st.floats(-300, 300)] * 3),
    semi=st.tuples(*[st.floats(2.5, 6)] * 3),
)
def test_lengths_follow_the_spacing_and_not_the_place(factor, shift, semi):
    grid = grid_for(7, (0.9, 0.9, 1.1))
    inside = ellipsoid_on(grid, semi)
    first = measure(*shape_on(grid, inside))
    scaled = Grid(grid.size, np.array(shift), grid.spacing * factor, grid.direction)
    second = measure(*shape_on(scaled, inside))
    assert second.volume_mm3 == pytest.approx(first.volume_mm3 * factor**3, rel=1e-9)
    for name in ("long_axis_mm", "short_axis_mm", "max_3d_diameter_mm"):
        assert getattr(second, name) == pytest.approx(getattr(first, name) * factor, rel=1e-6)
    assert second.mean_hu == first.mean_hu


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_every_mask_has_axes_that_make_sense(seed):
    """Ragged masks: short <= long <= 3D diameter, at right angles, as long as their lines."""
    rng = np.random.default_rng(seed)
    grid = Grid((9, 8, 7), np.zeros(3), rng.uniform(0.5, 2.5, 3), np.eye(3))
    inside = rng.random(grid.shape) < rng.uniform(0.05, 0.9)
    inside[3, 4, 4] = True
    found = measure(Volume(np.full(grid.shape, -500), grid), NoduleMask(
        inside.astype(np.uint8), (0, 0, 0), grid))  # fmt: skip
    assert found.short_axis_mm <= found.long_axis_mm * 1.003
    assert found.long_axis_mm <= found.max_3d_diameter_mm
    long = np.subtract(found.long_axis.end, found.long_axis.start)
    short = np.subtract(found.short_axis.end, found.short_axis.start)
    assert abs(long @ short) < 1e-6 * max(1.0, found.long_axis_mm * found.short_axis_mm)
    assert found.long_axis.length == pytest.approx(found.long_axis_mm)
    assert found.volume_mm3 == pytest.approx(inside.sum() * grid.voxel_volume)


def test_without_a_curve_all_else_is_the_same():
    rng = np.random.default_rng(6)
    grid = grid_for(8, (0.7, 0.7, 1.0))
    shape = shape_on(grid, ellipsoid_on(grid, (7, 6, 5)), rng.normal(-350, 200, grid.shape))
    full, short = measure(*shape), measure(*shape, curve_hu=())
    assert len(full.solid_curve) == len(CURVE_HU)
    assert short.solid_curve == ()
    expected, found = full.to_json(), short.to_json()
    assert {name for name in expected if expected[name] != found[name]} == {"ctr_curve"}


def test_the_line_across_a_rectangle_is_its_width():
    """Two of its sides stand at a right angle to the axis, where each station meets both ends."""
    corners = np.array([(0.0, 1.0), (10.0, 1.0), (10.0, 5.0), (0.0, 5.0)])
    pieces = np.stack([corners, np.roll(corners, -1, axis=0)], axis=1)
    begin, end = axes._across(pieces, np.array([3.0, 0.0]))
    assert sorted((begin[1], end[1])) == pytest.approx([1, 5])
    assert begin[0] == end[0]


def test_a_single_voxel_is_about_as_long_as_its_edges():
    grid = Grid((5, 5, 5), np.zeros(3), (0.7, 0.7, 1.5), np.eye(3))
    inside = np.zeros(grid.shape, dtype=bool)
    inside[2, 2, 2] = True
    found = measure(*shape_on(grid, inside))
    assert found.long_axis_mm == pytest.approx(1.5, rel=0.15)
    assert found.short_axis_mm == pytest.approx(0.7, rel=0.15)
    assert found.plane in ("coronal", "sagittal")


def test_density_is_numpys_over_the_mask():
    rng = np.random.default_rng(1)
    grid = grid_for(5, (0.8, 0.8, 1.0))
    inside = ellipsoid_on(grid, (4, 4, 4))
    volume, mask = shape_on(grid, inside, rng.normal(-500, 120, grid.shape))
    found, hu = measure(volume, mask), volume.array[inside].astype(float)
    assert found.mean_hu == pytest.approx(hu.mean())
    assert found.sd_hu == pytest.approx(hu.std())
    assert (found.min_hu, found.max_hu) == (hu.min(), hu.max())
    assert found.mass_mg == pytest.approx(found.volume_mm3 * (hu.mean() + 1000) / 1000)


def test_air_weighs_nothing_and_never_less():
    assert mass_mg(np.array([-1024.0, -1000.0]), 1.0) == 0
    assert mass_mg(np.array([0.0, -500.0, -2000.0]), 2.0) == pytest.approx(3.0)


@pytest.fixture
def a_solid_core_in_ground_glass():
    """A 6 mm solid ball in a 14 mm ground-glass ball, on 0.7 mm voxels."""
    grid = grid_for(8, (0.7, 0.7, 0.7))
    shell, core = ellipsoid_on(grid, [7] * 3), ellipsoid_on(grid, [3] * 3, (1.0, 0.5, 0.0))
    return shape_on(grid, shell, np.where(core, 20, -620))


def test_the_solid_part_is_measured_as_a_nodule_of_its_own(a_solid_core_in_ground_glass):
    found = measure(*a_solid_core_in_ground_glass)
    assert found.nodule_type == "part-solid"
    assert found.solid.threshold_hu == -300
    assert found.solid.volume_mm3 == pytest.approx(np.pi * 36, rel=0.04)
    assert found.solid.long_axis_mm == pytest.approx(6, abs=0.5)
    assert found.solid.ctr == pytest.approx(6 / 14, abs=0.04)


def test_the_curve_falls_with_the_threshold_and_agrees_with_the_number():
    rng = np.random.default_rng(0)
    grid = grid_for(8, (0.8, 0.8, 0.8))
    depth = np.linalg.norm(grid.points, axis=-1)
    volume, mask = shape_on(grid, depth < 7, -100 - 90 * depth + rng.normal(0, 60, grid.shape))
    found = measure(volume, mask)
    assert tuple(part.threshold_hu for part in found.solid_curve) == CURVE_HU
    for lower, higher in itertools.pairwise(found.solid_curve):
        assert higher.volume_mm3 <= lower.volume_mm3
        assert higher.long_axis_mm <= lower.long_axis_mm + 0.05
        assert 0 <= higher.ctr <= 1
    assert found.solid == found.solid_curve[CURVE_HU.index(-300.0)]
    assert measure(volume, mask, -500.0).solid == found.solid_curve[CURVE_HU.index(-500.0)]


def test_noise_does_not_make_ground_glass_part_solid():
    rng = np.random.default_rng(5)
    grid = grid_for(6, (0.7, 0.7, 1.0))
    inside = ellipsoid_on(grid, [5] * 3)
    volume, mask = shape_on(grid, inside, rng.normal(-550, 110, grid.shape))
    above = (volume.array[inside] > -300).sum()
    assert above > 5
    found = measure(volume, mask)
    assert found.nodule_type == "ground-glass"
    assert found.solid.volume_mm3 == 0
    assert found.solid.ctr == 0


def test_a_vessel_cut_by_the_outline_is_no_solid_part():
    grid = grid_for(7, (0.7, 0.7, 0.7))
    inside = ellipsoid_on(grid, [6] * 3)
    # A 1 mm thick cap at the outline.
    cap = inside & (grid.points[..., 0] > 5.2)
    found = measure(*shape_on(grid, inside, np.where(cap, 30, -620)))
    assert cap.sum() * grid.voxel_volume > 4.2
    assert found.nodule_type == "ground-glass"


def test_partial_volume_does_not_make_a_solid_nodule_part_solid():
    """A ball blurred by the scanner, outlined where its density is half: solid all the same."""
    grid = grid_for(8, (0.7, 0.7, 1.0))
    depth = np.linalg.norm(grid.points, axis=-1)
    share = 1 / (1 + np.exp((depth - 4) / 0.45))
    values = (LUNG_HU + share * (30 - LUNG_HU)).astype(np.int16)
    mask = mask_from_box(share >= 0.5, (0, 0, 0), grid)
    found = measure(Volume(values, grid), mask)
    assert found.nodule_type == "solid"
    assert found.volume_mm3 == pytest.approx(4 / 3 * np.pi * 64, rel=0.03)
    assert found.solid.ctr > 0.8


@settings(max_examples=40)
@given(
    spacing=st.tuples(*[st.sampled_from([0.5, 0.7, 1.0, 1.25, 2.0])] * 3),
    seed=st.integers(0, 2**31),
)
def test_the_core_is_what_lies_a_rim_inside_the_outline(spacing, seed):
    """Against scipy's distance from each voxel to the nearest one outside."""
    rng = np.random.default_rng(seed)
    grid = grid_for(6, spacing)
    inside = ellipsoid_on(grid, rng.uniform(2.5, 6, 3), turn=rotation(*rng.uniform(-3, 3, 3)))
    padded = np.pad(inside, 1)
    depth = ndimage.distance_transform_edt(padded, sampling=spacing[::-1])[1:-1, 1:-1, 1:-1]
    meter = SolidMeter(inside * 0.0, inside, grid, "axial", 1.0)
    expected = depth >= 1 + min(spacing) / 2
    assume(expected.any())
    np.testing.assert_array_equal(meter.core, expected)


@pytest.mark.parametrize("radius", [3, 5, 9])
@pytest.mark.parametrize(("hu", "kind"), [(30, "solid"), (-700, "ground-glass")])
def test_a_nodule_of_one_density_has_the_type_of_that_density(radius, hu, kind):
    grid = grid_for(radius + 2, (0.7, 0.7, 1.0))
    assert measure(*shape_on(grid, ellipsoid_on(grid, [radius] * 3), hu)).nodule_type == kind


def test_the_type_looks_at_the_largest_axial_slice_however_the_scan_is_stored():
    """Solid in its upper half, ground-glass in its lower and larger half: seen from any side."""
    turned = grid_around((0, 0, 0), (24, 28, 26), (1, 1, 1), np.eye(3))
    volume, mask = shape_on(turned, ellipsoid_on(turned, [8, 8, 6]), -650)
    hu = volume.array.copy()
    hu[turned.shape[0] // 2 + 3 :] = 0
    volume = Volume(hu, turned)
    expected = measure(volume, mask).nodule_type
    assert expected == "ground-glass"
    swapped = Grid((26, 28, 24), turned.origin, (1, 1, 1), np.eye(3)[:, ::-1])
    box = np.zeros(turned.shape, np.uint8)
    i, j, k = mask.start
    depth, rows, columns = mask.array.shape
    box[k : k + depth, j : j + rows, i : i + columns] = mask.array
    stored = mask_from_box(box.transpose(2, 1, 0) > 0, (0, 0, 0), swapped)
    other = Volume(np.ascontiguousarray(hu.transpose(2, 1, 0)), swapped)
    assert measure(other, stored).nodule_type == expected


def test_without_a_solid_part_nothing_is_part_solid():
    likely = {"ground-glass": 0.3, "part-solid": 0.6, "solid": 0.1}
    assert nodule_type(likely, 5.0) == "part-solid"
    assert nodule_type(likely, 0.0) == "ground-glass"


def test_what_is_said_of_readers_is_what_readers_did(real_ct_folder):
    """Ratings and volumes of every reader of LIDC-IDRI, as the collection has them."""
    kinds = {1: 0, 2: 0, 3: 1, 4: 1, 5: 2}
    readers = {}
    with (real_ct_folder / "lidc-readers" / "annotations.csv").open(newline="") as table:
        for row in csv.DictReader(table):
            readers.setdefault(row["nodule"], []).append(
                (kinds[int(row["texture"])], float(row["inside_mm3"]), float(row["slice_mm"]))
            )
    pairs = np.zeros((3, 3))
    for rated in readers.values():
        for one, other in itertools.permutations([kind for kind, _, _ in rated], 2):
            pairs[one, other] += 1 / (len(rated) - 1)
    agree = np.diag(pairs) / pairs.sum(axis=1)
    said = [TYPE_AGREEMENT[kind] for kind in ("ground-glass", "part-solid", "solid")]
    np.testing.assert_allclose(agree, said, atol=0.005)


def test_the_interval_is_around_the_volume_and_narrower_for_large_nodules():
    grid = grid_for(14, (1, 1, 1))
    small, large = (measure(*shape_on(grid, ellipsoid_on(grid, [r] * 3), 0)) for r in (3, 12))
    for found in (small, large):
        low, high = found.volume_interval_mm3
        diameter = (6 * found.volume_mm3 / np.pi) ** (1 / 3)
        assert np.log(high / found.volume_mm3) == pytest.approx(1.90 / np.sqrt(diameter))
        assert low * high == pytest.approx(found.volume_mm3**2)
        shorter, longer = found.mean_diameter_interval_mm
        assert (longer / shorter) ** 3 == pytest.approx(high / low)
    ratio = [found.volume_interval_mm3[1] / found.volume_mm3 for found in (small, large)]
    assert ratio[0] > ratio[1]


@pytest.mark.parametrize(("voxels", "volume"), [(4, 0), (5, 5)])
def test_an_island_smaller_than_a_ball_of_2_mm_is_no_solid_part(voxels, volume):
    grid = grid_around((0, 0, 0), (9, 9, 9), (1, 1, 1), np.eye(3))
    values = np.full((9, 9, 9), -600.0)
    values[4, 4, 2 : 2 + voxels] = 0
    meter = SolidMeter(values, np.ones(values.shape, bool), grid, "axial", 9.0)
    assert meter.above([-300.0])[0].volume_mm3 == volume


def test_an_empty_mask_is_refused():
    grid = grid_for(3, (1, 1, 1))
    empty = NoduleMask(np.zeros(grid.shape, np.uint8), (0, 0, 0), grid)
    with pytest.raises(ImageError, match="empty"):
        measure(Volume(np.zeros(grid.shape, np.int16), grid), empty)


@pytest.mark.parametrize("change", ["start", "spacing", "origin"])
def test_a_mask_of_another_ct_is_refused(change):
    grid = grid_for(5, (1, 1, 1))
    volume, mask = shape_on(grid, ellipsoid_on(grid, [3] * 3))
    start, origin, spacing = mask.start, mask.grid.origin, mask.grid.spacing
    if change == "start":
        start = (start[0] + 50, *start[1:])
    elif change == "spacing":
        spacing = spacing * 1.1
    else:
        origin = origin + 0.5
    other = NoduleMask(mask.array, start, Grid(mask.grid.size, origin, spacing, np.eye(3)))
    with pytest.raises(ImageError, match="another image"):
        measure(volume, other)


def test_json_gives_the_measurements_back(a_solid_core_in_ground_glass):
    found = measure(*a_solid_core_in_ground_glass)
    again = Measurements.from_json(found.to_json())
    assert again.to_json() == found.to_json()


def test_the_type_is_what_most_radiologists_call_it(real_ct_folder):
    """66 nodules outlined by half of their readers or more, against their median texture."""
    readers = {}
    with (real_ct_folder / "lidc-readers" / "cubes.csv").open(newline="") as table:
        for row in csv.DictReader(table):
            readers.setdefault(row["patient"], []).append(int(row["texture"]))
    kinds = ("ground-glass", "part-solid", "solid")
    found = np.zeros((3, 3))
    for patient, textures in readers.items():
        middle = np.median(textures)
        truth = 0 if middle <= 2 else 2 if middle > 4.4 else 1
        volume, mask = agreed_outline(real_ct_folder, patient, len(textures))
        found[truth, kinds.index(measure(volume, mask).nodule_type)] += 1
    recall = np.diag(found) / found.sum(axis=1)
    assert found[0, 2] + found[2, 0] <= 3, found.tolist()
    assert (recall >= (0.75, 0.6, 0.7)).all(), found.tolist()
    away = np.abs(np.subtract.outer(range(3), range(3)))
    chance = np.outer(found.sum(axis=1), found.sum(axis=0)) / found.sum()
    kappa = 1 - (away * found).sum() / (away * chance).sum()
    assert kappa >= 0.6, found.tolist()


def agreed_outline(folder, patient, readers) -> tuple[Volume, NoduleMask]:
    """A cube, and what half of its readers or more marked, outline pixels left out."""
    image = sitk.ReadImage(str(folder / "lidc-cubes" / f"{patient}_ct.nrrd"))
    grid = Grid(image.GetSize(), image.GetOrigin(), image.GetSpacing(),
                np.reshape(image.GetDirection(), (3, 3)))  # fmt: skip
    bits = sitk.GetArrayFromImage(
        sitk.ReadImage(str(folder / "lidc-readers" / "cubes" / f"{patient}_inside.nrrd"))
    )
    share = np.mean([bits >> reader & 1 for reader in range(readers)], axis=0)
    mask = mask_from_box(share >= 0.5, (0, 0, 0), grid)
    assert mask is not None
    return Volume(sitk.GetArrayFromImage(image), grid), mask
