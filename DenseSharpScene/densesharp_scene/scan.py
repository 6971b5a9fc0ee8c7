"""The nodules of one CT in the scene: the only writer of their nodes.

A front end asks for seeds, sends work to the worker and stores what comes back:

    scan = ScanNodules(volume_node)
    nodule_id = scan.claim(seed_id)             # a click in a view made a point
    ...                                         # the worker runs on scan.volume()
    scan.store(result)                          # outline, surface, table, text
    scan.refine(result)                         # the same answer, now with its spread

Everything is on the main thread. A scan whose CT has left the scene refuses to write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from densesharp.image.grid import ras_to_lps
from densesharp.image.masks import NoduleMask
from densesharp.image.volume import Notice, Volume
from densesharp.nodule.records import NoduleResult, Seed

from . import (
    axis_reorder as turning,
)
from . import (
    evidence,
    maps,
    record,
    seeds,
    segments,
    table,
    views,
)
from . import (
    transform_sync as moving,
)
from .errors import SceneError
from .geometry import check_volume, grid_of, ijk_to_world, notices_of, volume_from_node
from .history import History
from .nodule import Decision, Nodule, Review


class ScanNodules:
    """Nodules of one CT: results, segments, seeds, table and text, kept in step.

    Args:
        volume_node: the CT. Results that its scene holds already are read back.

    Attributes:
        model: SHA-256 of the model in use; set by the front end. Each answer is marked with it, so
            that one of another model counts as outdated. Empty does neither.

    Raises:
        SceneError: the node is no CT, or its stored results are damaged.
    """

    def __init__(self, volume_node: Any) -> None:
        check_volume(volume_node)
        self.volume_node = volume_node
        self.scene = volume_node.GetScene()
        self._nodules: dict[str, Nodule] = {}
        self._claimed: dict[str, str] = {}
        self._last_number = 0
        self._history = History()
        self._notices: tuple[int, tuple[Notice, ...]] | None = None
        self._maps = maps.Maps()
        self._seen_at = moving.where(volume_node)
        self.model = ""
        stored = record.find_record(volume_node)
        if stored is not None:
            self._read(stored)

    # What there is

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
            message = f"There is no nodule '{nodule_id}' in this scan any more."
            raise SceneError(message) from None

    def volume(self) -> Volume:
        """The CT for the core; shares memory with the node."""
        self._check_alive()
        check_volume(self.volume_node)
        image = self.volume_node.GetImageData()
        version = image.GetMTime() if image else 0
        if self._notices is None or self._notices[0] != version:
            self._notices = (version, notices_of(self.volume_node))
        return volume_from_node(self.volume_node, self._notices[1])

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

    def follow_ct(self) -> None:
        """Bring outlines and points along when the CT was moved since the last look.

        Raises:
            SceneError: it was put under a transform that bends space.
        """
        before, self._seen_at = self._seen_at, ijk_to_world(self.volume_node)
        outlines = self.known("segmentation")
        lies_there = outlines is None or segments.lies_on(outlines, self.volume_node)
        if np.array_equal(before, self._seen_at) and lies_there:
            return
        if record.find_record(self.volume_node) is not None:
            moving.bring_segments(self.segmentation_node, self.volume_node)
            places = {
                nodule.seed_id: self._carried(nodule, nodule.result.seed.ras)
                for nodule in self.nodules
            }
            moving.bring_points(self.seeds_node, self.volume_node, places)

    def _carried(self, nodule: Nodule, point: ArrayLike) -> NDArray[np.float64]:
        return moving.carried(self.volume_node, nodule.world, point)

    # Seeds

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
        """Give a placed point the id of a new nodule; returns it."""
        self._check_alive()
        self._last_number += 1
        nodule_id = f"nodule_{self._last_number:03d}"
        self._claimed[nodule_id] = seed_id
        seeds.label_seed(self.seeds_node, seed_id, f"Nodule {self._last_number}")
        return nodule_id

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

    # Results

    def store(self, result: NoduleResult, *, edited: bool = False) -> Nodule:
        """Write a new answer: outline, surface, seed, table and text. One step of undo.

        Args:
            result: for a claimed seed or for a nodule that exists.
            edited: its mask was corrected by hand.

        Raises:
            SceneError: the CT or the nodule has left the scene; nothing is written.
        """
        self._check_alive()
        self.follow_ct()
        fresh = self._nodules.get(result.id) or self._new_nodule(result)
        if result.id not in self._nodules:
            self._history.remember(result.id, None)
        elif not edited:
            fresh = self._step(result.id)
        elif not fresh.unanswered:  # else the correction is a step already
            self._history.remember(result.id, fresh)
        if edited:
            notices = segments.resampling_notice(self.segmentation_node, fresh.segment_id)
            result = replace(result, notices=(*result.notices, *notices))
        world = ijk_to_world(self.volume_node)
        fresh = replace(fresh.with_result(result, world), edited=edited, model=self.model)
        return self._write(fresh)

    def refine(self, result: NoduleResult) -> Nodule:
        """Replace an answer by a better founded one of the same run; no step of undo.

        What a reader decided on or corrects stays as it was seen (see `Nodule.refined`).

        Raises:
            SceneError: the CT or the nodule has left the scene; nothing is written.
        """
        self._check_alive()
        former = self.nodule(result.id)
        untouched = former.review.decision == "open" and not self.is_edited(result.id)
        better = former.refined(result, untouched)
        same = better.mask_digest == former.mask_digest
        return self._keep(better) if same else self._write(better)

    def mask_of(self, nodule_id: str) -> NoduleMask | None:
        """The mask as it is in the scene now, corrections included."""
        if not self.nodule(nodule_id).segment_id:
            return None
        node, grid = self.segmentation_node, grid_of(self.volume_node)
        # Asked now: a segmentation that had to be made again has segments of other ids.
        mask = segments.read_mask(node, self.nodule(nodule_id).segment_id, grid)
        return segments.trim_mask(mask, grid) if mask else None

    def outline(self, nodule_id: str) -> str:
        """The segment of a nodule; an empty one where there is none, to draw."""
        nodule = self.nodule(nodule_id)
        if self.segmentation_node.GetSegmentation().GetSegment(nodule.segment_id) is None:
            segment_id = segments.add_segment(self.segmentation_node, nodule.name, nodule.number)
            nodule = self._nodules[nodule_id] = replace(nodule, segment_id=segment_id)
        return nodule.segment_id

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

    # What a reader does

    def rename(self, nodule_id: str, name: str) -> None:
        """Give a nodule another name; empty names are ignored."""
        name = " ".join(name.split())
        if name and name != self.nodule(nodule_id).name:
            self._keep(replace(self._step(nodule_id), name=name))

    def decide(self, nodule_id: str, decision: Decision, reader: str) -> None:
        """Accept or reject a nodule, or open it again; who and when are kept.

        Raises:
            SceneError: its outline was changed and is not answered yet.
        """
        if decision != "open" and self.is_edited(nodule_id):
            message = "The outline was changed: decide when it has its new result, or undo that."
            raise SceneError(message)
        self._keep(replace(self._step(nodule_id), review=Review.now(decision, reader)))

    def delete(self, nodule_id: str) -> None:
        """Remove a nodule with its segment and point; can be undone."""
        self._remove(self._step(nodule_id))
        self._write_lists()

    def repainted(self, nodule_id: str) -> bool:
        """Whether a nodule's outline was changed after its last step; `undo` begins with that."""
        nodule = self._nodules.get(nodule_id)
        return nodule is not None and not nodule.has_voxels(self.mask_of(nodule_id))

    def can_undo(self, nodule_id: str) -> bool:
        """Whether a nodule has a former state."""
        return self.repainted(nodule_id) or self._history.knows(nodule_id)

    @property
    def last_step(self) -> str | None:
        """The nodule of the last step of all, a deletion too; None when there is none."""
        return self._history.last

    def undo(self, nodule_id: str) -> bool:
        """Bring a nodule back to its state before the last step; False when there is none."""
        if self.repainted(nodule_id):
            self._write(self._nodules[nodule_id])
            return True
        if not self._history.knows(nodule_id):
            return False
        self._restore(nodule_id, self._history.take(nodule_id))
        return True

    def undo_last(self) -> str | None:
        """Undo the last step of any nodule (a deletion too); returns its id."""
        nodule_id = self.last_step
        if nodule_id is not None:
            self.undo(nodule_id)
        return nodule_id

    def jump(self, nodule_id: str, centered: bool = True) -> None:
        """Bring the slice views to the middle of a nodule; `centered` also moves the picture."""
        views.jump_to(self.scene, self.center_of(nodule_id), centered)

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
        ids = [numbered.get(number, "") for number in range(1, self._last_number + 1)]
        name = f"{self.volume_node.GetName()} nodules label map"
        return segments.labelmap_volume(self.segmentation_node, self.volume_node, ids, name)

    def prepare_to_save(self) -> None:
        """Make the segmentation quick to save; call before the scene is written."""
        if self.alive and self._nodules:
            segments.share_labelmaps(self.segmentation_node, self.volume_node)

    # Inside

    def _check_alive(self) -> None:
        if not self.alive:
            message = "The CT has left the scene: nothing was written."
            raise SceneError(message)

    def _record(self) -> Any:
        self._check_alive()
        return record.find_record(self.volume_node) or record.create_record(self.volume_node)

    def _read(self, stored: Any) -> None:
        nodules, self._last_number = record.read_record(stored)
        outlines = stored.GetNodeReference("segmentation")
        saved, nodules = nodules, turning.follow_axes(outlines, self.volume_node, nodules)
        if nodules is not saved:  # or a second look would turn the outlines once more
            record.write_record(stored, nodules, self._last_number)
        self._nodules = {nodule.id: nodule for nodule in nodules}
        with_maps = maps.restore(stored, [nodule.result for nodule in nodules], self.volume)
        for nodule, result in zip(nodules, with_maps, strict=True):
            whole = replace(nodule, result=result)
            self._nodules[nodule.id] = whole.with_mask(self.mask_of(nodule.id))

    def _create_seeds(self) -> Any:
        node = seeds.create_seeds(self.scene, self.volume_node)
        for nodule in self.nodules:
            place = self._carried(nodule, nodule.result.seed.ras)
            seed_id = seeds.add_seed(node, place, nodule.name)
            self._nodules[nodule.id] = replace(nodule, seed_id=seed_id)
        return node

    def _create_segmentation(self) -> Any:
        node = segments.create_segmentation(self.scene, self.volume_node)
        for nodule in self.nodules:
            self._nodules[nodule.id] = self._write_segment(node, replace(nodule, segment_id=""))
        return node

    def _step(self, nodule_id: str) -> Nodule:
        """Remember a nodule before a step; returns it with the voxels it has in the scene."""
        mask = self.mask_of(nodule_id)
        return self._history.step(self.nodule(nodule_id), mask)

    def _new_nodule(self, result: NoduleResult) -> Nodule:
        if result.id not in self._claimed:
            message = f"The nodule '{result.id}' was removed while it was analysed."
            raise SceneError(message)
        return Nodule.first(result, self._claimed.pop(result.id))

    def _restore(self, nodule_id: str, state: Nodule | None) -> None:
        if state is None:
            self._remove(self.nodule(nodule_id))
            self._write_lists()
            return
        now = self._nodules.get(nodule_id, state)  # point and segment may be others by now
        state = replace(state, seed_id=now.seed_id, segment_id=now.segment_id)
        place = self._carried(state, state.result.seed.ras)
        seeds.move_seed(self.seeds_node, state.seed_id, place)
        self._write(state)

    def _write(self, nodule: Nodule) -> Nodule:
        """Bring segment, seed, table and text in step with a nodule's new state."""
        if seeds.seed_position(self.seeds_node, nodule.seed_id) is None:
            place = self._carried(nodule, nodule.result.seed.ras)
            seed_id = seeds.add_seed(self.seeds_node, place, nodule.name)
            nodule = replace(nodule, seed_id=seed_id)
        return self._keep(self._write_segment(self.segmentation_node, nodule))

    def _write_segment(self, node: Any, nodule: Nodule) -> Nodule:
        segment_id = segments.keep_segment(
            node, nodule.segment_id, self.volume_node, nodule.result.mask, nodule.name,
            nodule.number,
        )  # fmt: skip
        return replace(nodule, segment_id=segment_id)

    def _keep(self, nodule: Nodule) -> Nodule:
        """Take over a state whose segment and seed are in place."""
        self._nodules[nodule.id] = nodule
        seeds.label_seed(self.seeds_node, nodule.seed_id, nodule.name)
        segments.mark_segment(
            self.segmentation_node, nodule.segment_id, nodule.name, nodule.review.decision
        )
        self._write_lists()
        return nodule

    def _remove(self, nodule: Nodule) -> None:
        del self._nodules[nodule.id]
        seeds.remove_seed(self.seeds_node, nodule.seed_id)
        if self.segmentation_node.GetSegmentation().GetSegment(nodule.segment_id):
            self.segmentation_node.GetSegmentation().RemoveSegment(nodule.segment_id)

    def _write_lists(self) -> None:
        table.write_table(self.table_node, self.nodules)
        record.write_record(self._record(), self.nodules, self._last_number)
        self._maps.write([nodule.result for nodule in self.nodules], self._maps_node)

    def _maps_node(self) -> Any:
        return record.referenced(
            self._record(), maps.ROLE, lambda: maps.create_maps(self.scene, self.volume_node)
        )
