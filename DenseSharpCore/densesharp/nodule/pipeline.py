"""The whole chain for one seed: from a CT and a click to a `NoduleResult`. Pure and picklable.

    check the seed -> recentre and run the model -> paste back -> measure -> guidelines -> verdict

`analyse` gives a first result as soon as there is an outline, a class and measurements, and then
refines it with the spread over orientations and the stability of the click.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from densesharp.errors import ModelError, SeedError
from densesharp.image.grid import box_slices, cube_grid, index_box
from densesharp.image.masks import NoduleMask, paste
from densesharp.image.volume import Notice, Volume
from densesharp.model.engines import open_engine
from densesharp.nodule.click_stability import click_stability
from densesharp.nodule.clock import StageTimes
from densesharp.nodule.guidelines import guideline_hints
from densesharp.nodule.inference import Located, locate, predict, run_at
from densesharp.nodule.measure import CURVE_HU, measure
from densesharp.nodule.place import place_of
from densesharp.nodule.records import (
    CLASS_NAMES,
    Measurements,
    NoduleResult,
    Prediction,
    Seed,
    Stability,
)
from densesharp.nodule.reliability import (
    class_notices,
    mask_notices,
    nothing_found,
    spread_notices,
    stability_notices,
    type_notices,
    verdict_of,
)
from densesharp.nodule.settings import DEFAULTS, AnalysisSettings
from densesharp.nodule.spread import by_class, spread_of
from densesharp.progress import Progress, part, silent

if TYPE_CHECKING:
    from densesharp.model.engines import Engine

AIR_HU = -960.0
"""Below this mean there is no lung tissue: the trachea and the outside are near -1000, inflated
lung near -850, emphysema from -950."""

BONE_HU = 200.0
"""Above this mean there is bone, calcium or metal; soft tissue nodules stay below 150, also with
contrast."""

SEED_RADIUS_MM = 2.5


def check_classes(engine: Engine) -> None:
    """Refuse a model that answers another question.

    Raises:
        ModelError: its classes are not AAH-AIS, MIA and IAC.
    """
    card = engine.model.card
    if card.classes != CLASS_NAMES:
        raise ModelError(
            f"The model '{card.name}' knows the classes {', '.join(card.classes)}, not "
            f"{', '.join(CLASS_NAMES)}: choose a model of invasiveness."
        )


def check_seed(volume: Volume, seed: Seed) -> None:
    """Refuse a seed where no nodule can be.

    Raises:
        SeedError: outside the image, in air, or in bone.
    """
    where = "RAS ({:.6g}, {:.6g}, {:.6g})".format(*seed.ras.round(1) + 0.0)
    if not volume.grid.contains(seed.lps):
        raise SeedError(f"The seed at {where} mm lies outside the image: click inside the lung.")
    mean = float(values_around(volume, seed, SEED_RADIUS_MM).mean())
    if mean < AIR_HU:
        raise SeedError(
            f"The seed at {where} mm lies in air ({mean:.0f} HU on average, for instance the "
            "trachea or outside the body): click on the nodule."
        )
    if mean > BONE_HU:
        raise SeedError(
            f"The seed at {where} mm lies in bone, calcium or metal ({mean:.0f} HU on average): "
            "click on the nodule."
        )


def values_around(volume: Volume, seed: Seed, radius: float) -> NDArray[np.float64]:
    """(n,) HU of the voxels with centres within `radius` mm of a seed; at least the nearest.

    Args:
        volume: the CT.
        seed: the point.
        radius: mm.
    """
    around = cube_grid(seed.lps, 1, spacing=2 * radius)
    start, size = index_box(volume.grid, around)
    box = volume.grid.crop(start, size)
    distance = box.distance_to(seed.lps)
    near = distance <= max(radius, float(distance.min()))
    return np.asarray(volume.array[box_slices(start, size)][near], dtype=np.float64)


def analyse(
    volume: Volume,
    seed: Seed,
    engine: Engine | None = None,
    *,
    nodule_id: str = "nodule_001",
    settings: AnalysisSettings = DEFAULTS,
    progress: Progress = silent,
    on_first: Callable[[NoduleResult], None] | None = None,
) -> NoduleResult:
    """Find, outline, classify and measure the nodule at a seed.

    Args:
        volume: the CT.
        seed: the click.
        engine: a loaded model; None opens the bundled one, which takes about a second: open it
            once with `open_engine` for more than one nodule.
        nodule_id: the result's id, also the beginning of its file names.
        settings: what the user chose.
        progress: told what goes on; may raise `Cancelled`.
        on_first: given a first result, before spread, stability and solid curve are known.

    Raises:
        SeedError: the seed lies outside the image, in air or in bone.
        ModelError: the model is not one of invasiveness.

    Returns:
        Class, measurements, mask on the CT's own grid, spread, click stability, guideline hints
        and a verdict with its reasons. Where the CT is refused or no nodule is found, the verdict
        is `refused`, and class, measurements and mask are None: that is an answer, no error.

    Examples:
        >>> result = densesharp.analyse(volume, seed, engine)
        >>> result.verdict, result.predicted_class
        ('ok', 'IAC')
        >>> result.measurements.nodule_type
        'part-solid'
    """
    if engine is None:
        engine = open_engine()
    check_classes(engine)
    check_seed(volume, seed)
    clock = StageTimes()
    refused = [notice for notice in volume.notices if notice.severity == "refused"]
    if refused:
        return _without_model(nodule_id, seed, volume.notices, clock)
    progress(0.0, "Looking for the nodule")
    located = locate(volume, seed.lps, engine)
    clock.lap("locate")
    first, _ = predict(located, engine)
    mask = None if located.component is None else paste(first.mask, first.patch.grid, volume.grid)
    if mask is None:
        nothing = nothing_found(located.patch)
        return _without_model(nodule_id, seed, (*volume.notices, nothing), clock)
    clock.lap("paste")
    final = settings.augmentations == 1 and not settings.stability
    if final or on_first is not None:
        # The curve of the solid part takes most of the time: a first result goes without it.
        curve = CURVE_HU if final else ()
        result = _assemble(
            nodule_id, seed, volume, first, mask, engine, settings, clock, None, curve=curve
        )
        if on_first is not None:
            on_first(result)
        if final:
            return result
    return _refine(nodule_id, seed, volume, located, first, mask, engine, settings, progress, clock)


def _refine(
    nodule_id: str,
    seed: Seed,
    volume: Volume,
    located: Located,
    prediction: Prediction,
    mask: NoduleMask,
    engine: Engine,
    settings: AnalysisSettings,
    progress: Progress,
    clock: StageTimes,
) -> NoduleResult:
    """Measure with the spread over orientations and the stability of the click."""
    stability = None
    samples: list[Measurements] = []
    if settings.augmentations > 1:
        steps = part(progress, 0.1, 0.5)
        prediction, masks = predict(located, engine, settings.augmentations, steps)
        mask = paste(prediction.mask, prediction.patch.grid, volume.grid) or mask
        clock.lap("augment")
        own = (paste(each, located.patch.grid, volume.grid) for each in masks)
        threshold = settings.solid_threshold_hu
        # No curve: its calipers take most of the time, and no spread of it is shown.
        samples = [measure(volume, each, threshold, ()) for each in own if each is not None]
        clock.lap("spread")
    if settings.stability:
        steps = part(progress, 0.5, 1.0)
        stability = click_stability(volume, seed, located, engine, steps)
        clock.lap("stability")
    progress(1.0, "Done")
    return _assemble(
        nodule_id, seed, volume, prediction, mask, engine, settings, clock, stability,
        samples=samples,
    )  # fmt: skip


def update_mask(
    volume: Volume,
    result: NoduleResult,
    mask: NoduleMask,
    engine: Engine,
    settings: AnalysisSettings = DEFAULTS,
) -> NoduleResult:
    """After a manual correction: measure the new mask and classify at its middle.

    The class comes from the patch centred on the corrected mask; the outline stays the reader's.
    Spread and click stability no longer apply and are left out.

    Args:
        volume: the CT.
        result: the nodule as it was; its id and seed stay.
        mask: the corrected outline, on the CT's own grid.
        engine: a loaded model.
        settings: what the user chose.

    Returns:
        A new result with the notice `edited_by_hand`; the old one is unchanged.

    Raises:
        SeedError: the corrected mask is empty.
        ModelError: the model is not one of invasiveness.

    Examples:
        >>> corrected = np.zeros(volume.grid.shape, dtype=bool)
        >>> corrected[74:82, 138:153, 75:90] = True
        >>> edited = densesharp.update_mask(
        ...     volume, result, densesharp.NoduleMask.from_array(corrected, volume.grid), engine
        ... )
        >>> edited.measurements.volume_mm3  # 8 x 15 x 15 voxels of 1.25 mm3
        2250.0
    """
    check_classes(engine)
    clock = StageTimes()
    trimmed = mask.trimmed(volume.grid)
    if trimmed is None:
        raise SeedError("The corrected outline is empty: undo, or delete the nodule.")
    middle = trimmed.centroid
    patch, output, component = run_at(volume, middle, middle, engine)
    prediction, _ = predict(Located(patch, output, component, passes=1, shift_mm=0.0), engine)
    clock.lap("classify")
    edited = Notice("edited_by_hand", "The outline was corrected by hand.", "info")
    return _assemble(
        result.id,
        result.seed,
        volume,
        prediction,
        trimmed,
        engine,
        settings,
        clock,
        None,
        (edited,),
    )


def _assemble(
    nodule_id: str,
    seed: Seed,
    volume: Volume,
    prediction: Prediction,
    mask: NoduleMask,
    engine: Engine,
    settings: AnalysisSettings,
    clock: StageTimes,
    stability: Stability | None,
    extra: tuple[Notice, ...] = (),
    samples: Sequence[Measurements] = (),
    curve: Sequence[float] = CURVE_HU,
) -> NoduleResult:
    """Measure a mask and put everything known into one record."""
    measurements = measure(volume, mask, settings.solid_threshold_hu, curve)
    clock.lap("measure")
    uncertainty = spread_of(prediction, samples, measurements.volume_mm3)
    notices = (
        *volume.notices,
        *extra,
        *_fallback(engine),
        *mask_notices(prediction, mask, volume),
        *spread_notices(measurements, uncertainty),
        *class_notices(prediction, uncertainty),
        *type_notices(prediction, measurements),
        *(stability_notices(stability) if stability else ()),
    )
    x, y, z = mask.centroid.tolist()
    return NoduleResult(
        id=nodule_id,
        seed=seed,
        center_lps=(x, y, z),
        class_probabilities=by_class(prediction.class_probabilities),
        uncertainty=uncertainty,
        stability=stability,
        measurements=measurements,
        guidelines=guideline_hints(measurements, settings.context),
        verdict=verdict_of(notices),
        notices=notices,
        timings_ms=clock.times(),
        shift_mm=prediction.shift_mm,
        passes=prediction.passes,
        evidence_inside=prediction.evidence_inside,
        trained_on=engine.model.card.trained_on,
        model_sha256=engine.model.sha256,
        prediction=prediction,
        mask=mask,
        place=place_of(volume, (x, y, z)),
    )


def _without_model(
    nodule_id: str, seed: Seed, notices: tuple[Notice, ...], clock: StageTimes
) -> NoduleResult:
    """A refusal without an outline or a class."""
    x, y, z = seed.lps.tolist()
    return NoduleResult(
        id=nodule_id,
        seed=seed,
        center_lps=(x, y, z),
        class_probabilities=None,
        uncertainty=None,
        stability=None,
        measurements=None,
        guidelines={},
        verdict="refused",
        notices=notices,
        timings_ms=clock.times(),
        shift_mm=0.0,
        passes=0,
        evidence_inside=None,
    )


def _fallback(engine: Engine) -> tuple[Notice, ...]:
    """That another device had to take over, when it had to."""
    return (Notice("device_fallback", engine.fallback, "info"),) if engine.fallback else ()
