"""The nodes of one CT in the scene, and the points that readers place.

Nodes are found through the record's references and made on first use.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from densesharp.image.grid import ras_to_lps
from densesharp.image.masks import NoduleMask
from densesharp.image.volume import Notice, Volume
from densesharp.nodule.records import Seed

from . import axis_lines, evidence, maps, patient, record, seeds, segments, table, views
from . import transform_sync as moving
from .errors import SceneError
from .geometry import (
    check_volume,
    grid_of,
    ijk_to_world,
    notices_of,
    volume_from_node,
    world_to_ijk,
)
from .nodule import Nodule
from .overlap import Overlaps


class ScanNodes(ABC):
    """Looks for nodes of a CT and makes them; knows which point belongs to which nodule.

    Raises:
        SceneError: the node is no CT.
    """

    def __init__(self, volume_node: Any) -> None:
        check_volume(volume_node)
        self.volume_node, self.model = volume_node, ""
        self.scene = volume_node.GetScene()
        self._nodules: dict[str, Nodule] = {}
        self._claimed: dict[str, str] = {}
        self._claims = 0
        self._overlaps = Overlaps()
        self._notices: tuple[int, tuple[Notice, ...]] | None = None
        self._volume: tuple[tuple[Any, ...], Volume] | None = None

    @property
    def alive(self) -> bool:
        """Whether the CT is still in the scene."""
        return bool(self.scene.IsNodePresent(self.volume_node))

    @property
    def nodules(self) -> tuple[Nodule, ...]:
        """All nodules in the order of their numbers."""
        return tuple(sorted(self._nodules.values(), key=lambda nodule: nodule.number))

    def nodule(self, nodule_id: str) -> Nodule:
        """One nodule.

        Raises:
            SceneError: there is none of this id.
        """
        try:
            return self._nodules[nodule_id]
        except KeyError:
            raise SceneError(f"There is no nodule '{nodule_id}' in this scan any more.") from None

    def volume(self) -> Volume:
        """The CT for the core; shares memory with the node.

        The same object until something of the CT changes: the core finds out once what it shows.
        """
        self._check_alive()
        check_volume(self.volume_node)
        image = self.volume_node.GetImageData()
        version = image.GetMTime() if image else 0
        if self._notices is None or self._notices[0] != version:
            self._notices = (version, notices_of(self.volume_node))
        volume = volume_from_node(self.volume_node, self._notices[1])
        state = (version, _facts_of(volume))
        if self._volume is None or self._volume[0] != state:
            self._volume = (state, volume)
        return self._volume[1]

    def handed_out(self, nodule_id: str) -> Nodule:
        """A nodule as readers, files and reports see it.

        With name and decision, a neighbor's overlap, lengths that a reader measured on this
        outline, and hints for them and for what is known of the patient.
        """
        real = [nodule for nodule in self.nodules if not nodule.refused_click]
        nodule = self.nodule(nodule_id).handed_out(self._overlaps.words(real).get(nodule_id))
        stored = record.find_record(self.volume_node)
        own = axis_lines.reader_axes(stored, nodule_id, nodule.mask_digest)
        result = replace(nodule.result, reader_axes=own)
        if own is None and axis_lines.measured_before(stored, nodule_id):
            result = replace(result, notices=(*result.notices, axis_lines.OF_FORMER_OUTLINE))
        hints = patient.with_hints(result, patient.context_of(stored, nodule_id))
        return replace(nodule, result=hints)

    @property
    def seeds_node(self) -> Any:
        """The list of points a reader places into; made on first use."""
        return record.referenced(self._record(), "seeds", self._create_seeds)

    @property
    def segmentation_node(self) -> Any:
        """The segmentation; made on first use, with all known masks."""
        return record.referenced(self._record(), "segmentation", self._create_segmentation)

    @property
    def table_node(self) -> Any:
        """The table of nodules; made on first use."""
        return record.referenced(
            self._record(), "table", lambda: table.create_table(self.scene, self.volume_node)
        )

    @property
    def record_node(self) -> Any:
        """The text node with all results."""
        return self._record()

    def known(self, role: str) -> Any | None:
        """The node of a role (`seeds`, `segmentation`, `table`) when it was made already.

        Looking makes none: Slicer would place the next points into a list that is new.
        """
        stored = record.find_record(self.volume_node)
        return stored.GetNodeReference(role) if stored is not None else None

    # Points

    def new_seeds(self) -> list[str]:
        """Points a reader placed that belong to no nodule yet."""
        known = {nodule.seed_id for nodule in self._nodules.values()} | set(self._claimed.values())
        return [seed_id for seed_id in seeds.placed_seeds(self.seeds_node) if seed_id not in known]

    def moved_seeds(self) -> list[str]:
        """Ids of nodules whose point was dragged away from where its result was computed."""
        node = self.seeds_node
        places = {n: self._carried(n, n.result.seed.ras) for n in self.nodules}
        return [n.id for n, place in places.items() if seeds.was_moved(node, n.seed_id, place)]

    def was_dragged(self, nodule_id: str, sent: Seed) -> bool:
        """Whether a claimed point lies elsewhere than where it was sent to be analysed."""
        return seeds.was_moved(self.seeds_node, self._claimed.get(nodule_id, ""), sent.ras)

    def place(self, ras: Sequence[float]) -> str:
        """Put a point at world RAS mm as a click would; returns its id."""
        return seeds.add_seed(self.seeds_node, ras, "")

    def claim(self, seed_id: str) -> str:
        """Take a placed point to be analysed; returns what to call it until `store`.

        It gets a number only with an answer: a click that finds nothing uses none up.
        """
        self._check_alive()
        self._claims += 1
        claim = f"click_{self._claims}"
        self._claimed[claim] = seed_id
        seeds.label_seed(self.seeds_node, seed_id, "")
        return claim

    def move_claim(self, claim: str, ras: ArrayLike) -> None:
        """Move a claimed point to world RAS mm: a reader clicked once more beside it."""
        seeds.move_seed(self.seeds_node, self._claimed[claim], ras)

    def point(self, seed_id: str) -> NDArray[np.float64]:
        """World RAS mm of a placed point.

        Raises:
            SceneError: it was removed.
        """
        position = seeds.seed_position(self.seeds_node, seed_id)
        if position is None:
            raise SceneError("The point is not there any more: click again.")
        return position

    def remove_point(self, seed_id: str) -> None:
        """Take away a placed point that belongs to no nodule."""
        seeds.remove_seed(self.seeds_node, seed_id)

    def drop(self, nodule_id: str) -> None:
        """Forget a claimed point and remove it: its analysis failed or was cancelled."""
        seed_id = self._claimed.pop(nodule_id, None)
        if seed_id is not None and self.alive:
            seeds.remove_seed(self.seeds_node, seed_id)

    def seed_of(self, nodule_id: str) -> Seed:
        """Where the point of a nodule (claimed or stored) lies now."""
        seed_id = self._claimed.get(nodule_id) or self.nodule(nodule_id).seed_id
        position = seeds.seed_position(self.seeds_node, seed_id)
        if position is None:
            nodule = self.nodule(nodule_id)
            position = self._carried(nodule, nodule.result.seed.ras)
        return Seed.from_ras(position)

    def put_seed_back(self, nodule_id: str) -> None:
        """Move the point of a stored nodule to where its answer belongs."""
        nodule = self.nodule(nodule_id)
        place = self._carried(nodule, nodule.result.seed.ras)
        seeds.move_seed(self.seeds_node, nodule.seed_id, place)

    # Where nodules lie

    def mask_of(self, nodule_id: str) -> NoduleMask | None:
        """The mask as it is in the scene now, corrections included."""
        if not self.nodule(nodule_id).segment_id:
            return None
        node, grid = self.segmentation_node, grid_of(self.volume_node)
        # Asked now: a segmentation that had to be made again has segments of other ids.
        mask = segments.read_mask(node, self.nodule(nodule_id).segment_id, grid)
        return segments.trim_mask(mask, grid) if mask else None

    def nodule_at(self, ras: ArrayLike) -> str | None:
        """The nodule whose outline, as it is now, holds a point (world RAS mm)."""
        index = np.round(world_to_ijk(self.volume_node, ras)).astype(int)
        for nodule in self.nodules:
            mask = self.mask_of(nodule.id)
            if mask is None:
                continue
            inside = index - mask.start
            within = (inside >= 0).all() and (inside < mask.array.shape[::-1]).all()
            if within and mask.array[tuple(inside[::-1])]:
                return nodule.id
        return None

    def is_edited(self, nodule_id: str) -> bool:
        """Whether the mask in the scene differs from the one the result belongs to."""
        return segments.digest(self.mask_of(nodule_id)) != self.nodule(nodule_id).mask_digest

    def outdated(self, nodule_id: str) -> str | None:
        """Why the result does not fit the scene any more, as a sentence; None when it does."""
        nodule = self.nodule(nodule_id)
        moved = moving.why_outdated(self.volume_node, nodule.world)
        if moved is not None:
            return moved
        if self.is_edited(nodule_id):
            return "The outline was changed after this result: class and measurements are old."
        if self.model and nodule.model and nodule.model != self.model:
            return "This result comes from another model: compute it again before it is used."
        return None

    def jump(self, nodule_id: str, centered: bool = True) -> None:
        """Bring the slice views to the middle of a nodule; `centered` also moves the picture."""
        views.jump_to(self.scene, self.center_of(nodule_id), centered)

    def where_now(self, nodule_id: str, ras: ArrayLike) -> NDArray[np.float64]:
        """World RAS mm where a place of a nodule's result lies now, wherever the CT was moved."""
        return self._carried(self.nodule(nodule_id), ras)

    def center_of(self, nodule_id: str) -> NDArray[np.float64]:
        """World RAS mm of the middle of a nodule, where its CT lies now."""
        nodule = self.nodule(nodule_id)
        return self._carried(nodule, ras_to_lps(nodule.result.center_lps))

    # Further nodes on request

    def show_evidence(self, nodule_id: str | None) -> bool:
        """Show the evidence map of a nodule over the CT, or none; False when it has none."""
        if nodule_id is None:
            evidence.hide(record.find_record(self.volume_node))
            return True
        nodule = self.nodule(nodule_id)
        if nodule.result.prediction is None:
            return False
        moved = ijk_to_world(self.volume_node) @ np.linalg.inv(nodule.world)
        evidence.show(self._record(), nodule.result.prediction, moved)
        return True

    def labelmap(self) -> Any:
        """A label map volume of the CT's size with all nodules (their numbers are the labels)."""
        numbered = {n.number: n.segment_id for n in self.nodules if n.segment_id}
        ids = [numbered.get(number, "") for number in range(1, max(numbered, default=0) + 1)]
        name = f"{self.volume_node.GetName()} nodules label map"
        return segments.labelmap_volume(self.segmentation_node, self.volume_node, ids, name)

    def prepare_to_save(self) -> None:
        """Make the segmentation quick to save, and keep dragged axes; call before it is written."""
        if self.alive and self._nodules:
            for line in filter(None, map(self.known, axis_lines.AXES)):
                axis_lines.keep_dragged(line)
            segments.share_labelmaps(self.segmentation_node, self.volume_node)

    # Inside

    def _check_alive(self) -> None:
        if not self.alive:
            raise SceneError("The CT has left the scene: nothing was written.")

    def _record(self) -> Any:
        self._check_alive()
        return record.find_record(self.volume_node) or record.create_record(self.volume_node)

    def _maps_node(self) -> Any:
        return record.referenced(
            self._record(), maps.ROLE, lambda: maps.create_maps(self.scene, self.volume_node)
        )

    def _carried(self, nodule: Nodule, point: ArrayLike) -> NDArray[np.float64]:
        """Where a place in the CT (world RAS mm) that belongs to a nodule's answer lies now."""
        return moving.carried(self.volume_node, nodule.world, point)

    @abstractmethod
    def _create_seeds(self) -> Any:
        """A new list of points, with those of all nodules."""

    @abstractmethod
    def _create_segmentation(self) -> Any:
        """A new segmentation, with the outlines of all nodules."""


def _facts_of(volume: Volume) -> tuple[Any, ...]:
    """All of a CT but the values of its voxels, to compare."""
    grid, array = volume.grid, volume.array
    where = (grid.size, *(part.tobytes() for part in (grid.origin, grid.spacing, grid.direction)))
    memory = (array.__array_interface__["data"], array.dtype)
    return (*where, *memory, volume.notices, dict(volume.series))
