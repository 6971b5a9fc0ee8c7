"""The nodules of one CT in the scene: the only writer of their nodes.

A front end asks for seeds, sends work to the worker and stores what comes back:

    scan = ScanNodules(volume_node)
    claim = scan.claim(seed_id)                 # a click in a view made a point
    ...                                         # the worker runs on scan.volume()
    nodule = scan.store(result)                 # outline, surface, table, text, and its number
    scan.refine(result)                         # the same answer, now with its spread

Everything is on the main thread. A scan whose CT has left the scene refuses to write.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densesharp.nodule.records import NoduleResult

from . import axis_lines, maps, outline_origin, record, seeds, segments, table
from . import axis_reorder as turning
from . import transform_sync as moving
from .errors import SceneError
from .geometry import ijk_to_world
from .history import History
from .nodule import REFUSED_CLICK, Decision, Nodule, Review
from .scan_nodes import ScanNodes

Matrix = NDArray[np.float64]


class ScanNodules(ScanNodes):
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
        super().__init__(volume_node)
        self._last_number = 0
        self._history = History()
        self._maps = maps.Maps()
        self._seen_at = moving.where(volume_node)
        self._seen_voxels = moving.voxels(volume_node)
        stored = record.find_record(volume_node)
        if stored is not None:
            self._read(stored)

    def follow_ct(self) -> bool:
        """Bring outlines and points along when the CT was moved since the last look.

        Returns:
            Whether outlines were put back that a reader had moved without their CT.

        Raises:
            SceneError: the CT was put under a transform that bends space.
        """
        before, self._seen_at = self._seen_at, moving.where(self.volume_node)
        if np.isnan(self._seen_at).any():  # seen on the CT, for what is hardened next
            for node in filter(None, (self.known("segmentation"), self.known("seeds"))):
                node.SetAndObserveTransformNodeID(self.volume_node.GetTransformNodeID())
            ijk_to_world(self.volume_node)
        former, self._seen_voxels = self._seen_voxels, moving.voxels(self.volume_node)
        outlines, still = self.known("segmentation"), np.array_equal(before, self._seen_at)
        if still and (outlines is None or segments.lies_on(outlines, self.volume_node)):
            return False
        resampled = former != self._seen_voxels
        seen = resampled or (still and moving.was_hardened(outlines))
        alone = still and moving.kept_voxels(outlines, self.volume_node) and not seen
        if record.find_record(self.volume_node) is not None:
            if resampled:
                self._stay_in_place()
            node = self.segmentation_node
            moving.bring_segments(node, self.volume_node, in_place=seen)
            points, asked = self.seeds_node, self._claimed.values()
            places = moving.along(points, self.volume_node, asked, before)
            for nodule in () if resampled else self.nodules:
                places[nodule.seed_id] = self._carried(nodule, nodule.result.seed.ras)
            moving.bring_points(points, self.volume_node, places)
        return alone

    def _stay_in_place(self) -> None:
        """The CT was resampled: nodules stay where they lie, and steps are of other voxels."""
        for nodule in self.nodules:
            self._nodules[nodule.id] = replace(nodule, world=self._seen_at)
        self._history = History()

    # Results

    def store(
        self, result: NoduleResult, *, edited: bool = False, world: Matrix | None = None
    ) -> Nodule:
        """Write a new answer: outline, surface, seed, table and text. One step of undo.

        Args:
            result: for a claimed point or for a nodule that exists.
            edited: its mask was corrected by hand.
            world: (4, 4) where the CT lay when it was asked about; as now when not given.

        Returns:
            The nodule; that of a claimed point has got its id now.

        Raises:
            SceneError: the CT or the nodule has left the scene; nothing is written.
        """
        self._check_alive()
        self.follow_ct()
        fresh = self._nodules.get(result.id)
        if fresh is None:
            fresh = self._new_nodule(result)
            self._history.remember(fresh.id, None, f"{fresh.name}: marked")
        elif not edited:
            fresh = self._step(fresh.id, f"{fresh.name}: computed again")
        elif not fresh.unanswered:  # else the correction is a step already
            self._history.remember(fresh.id, fresh, f"{fresh.name}: outline corrected")
        if edited:
            notices = outline_origin.outline_notices(self.segmentation_node, fresh.segment_id)
            result = replace(result, notices=(*result.notices, *notices))
        elif self.known("segmentation") is not None:
            outline_origin.set_origin(self.segmentation_node, fresh.segment_id, "")
        asked_at = ijk_to_world(self.volume_node) if world is None else world
        fresh = replace(fresh.with_result(replace(result, id=fresh.id), asked_at), edited=edited)
        return self._write(self._numbered(replace(fresh, model=self.model)))

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

    def outline(self, nodule_id: str) -> str:
        """The segment of a nodule; an empty one where there is none, to draw."""
        nodule = self.nodule(nodule_id)
        if self.segmentation_node.GetSegmentation().GetSegment(nodule.segment_id) is None:
            segment_id = segments.add_segment(self.segmentation_node, nodule.name, nodule.number)
            nodule = self._nodules[nodule_id] = replace(nodule, segment_id=segment_id)
        return nodule.segment_id

    # What a reader does

    def rename(self, nodule_id: str, name: str) -> None:
        """Give a nodule another name; empty names are ignored."""
        name = " ".join(name.split())
        if name and name != self.nodule(nodule_id).name:
            step = self._step(nodule_id, f"{self.nodule(nodule_id).name}: renamed to {name}")
            self._keep(replace(step, name=name))

    def track(self, nodule_id: str, uid: str) -> None:
        """Give a nodule the UID that it has at its other dates."""
        self._keep(replace(self.nodule(nodule_id), tracking_uid=uid))

    def decide(self, nodule_id: str, decision: Decision, reader: str) -> None:
        """Accept or reject a nodule, or open it again; who and when are kept.

        Raises:
            SceneError: its outline was changed and is not answered yet.
        """
        if decision != "open" and self.is_edited(nodule_id):
            message = "The outline was changed: decide when it has its new result, or undo that."
            raise SceneError(message)
        nodule = self.nodule(nodule_id)
        if decision == "accepted" and nodule.refused_click:
            message = "Nothing was found here to accept: outline the nodule, or click on it again."
            raise SceneError(message)
        word = "opened again" if decision == "open" else decision
        step = self._step(nodule_id, f"{nodule.name}: {word}")
        self._keep(replace(step, review=Review.now(decision, reader)))

    def take_lines(self, nodule_id: str) -> bool:
        """Make what a reader measured by dragging an axis a step; False where it is none."""
        own = axis_lines.own_lines(record.find_record(self.volume_node), nodule_id)
        nodule = self.nodule(nodule_id)
        if axis_lines.measure_the_same(own, nodule.lines):
            return False
        step = self._step(nodule_id, f"{nodule.name}: axes measured")
        self._nodules[nodule_id] = replace(step, lines=own)
        return True

    def take_own_back(self, nodule_id: str) -> bool:
        """Whether a corrected outline is one of the model's own again: then so is its answer."""
        nodule = self.nodule(nodule_id)
        own = self._history.answer_for(nodule_id, segments.digest(self.mask_of(nodule_id)))
        if own is None:
            return False
        if not nodule.unanswered:  # else the correction is a step already
            self._history.remember(nodule.id, nodule, f"{nodule.name}: outline corrected")
        self._restore(nodule_id, replace(own, name=nodule.name, review=Review()))
        return True

    def delete(self, nodule_id: str) -> None:
        """Remove a nodule with its segment and point; can be undone."""
        self._remove(self._step(nodule_id, f"{self.nodule(nodule_id).name}: deleted"))
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
        step = self._history.last
        return step.nodule_id if step is not None else None

    @property
    def next_step(self) -> str | None:
        """The nodule of the step that `redo` brings back; None when there is none."""
        step = self._history.next
        return step.nodule_id if step is not None else None

    @property
    def steps(self) -> int:
        """How many steps readers have taken; tells whether one was taken meanwhile."""
        return self._history.count

    def undo(self, nodule_id: str) -> str:
        """Bring a nodule back to before its last step; gives that in words, or nothing."""
        now = self._now(nodule_id)
        if now is not None and self.repainted(nodule_id):
            what = f"{now.name}: outline changed"
            self._history.undone(nodule_id, now, what)
            self._write(self._nodules[nodule_id])
            return what
        if not self._history.knows(nodule_id):
            return ""
        step = self._history.take(nodule_id)
        self._history.undone(nodule_id, now, step.what)
        self._restore(nodule_id, step.state)
        return step.what

    def redo(self) -> str:
        """Bring back what was undone last; returns it in words, empty when there is nothing."""
        step = self._history.next
        if step is not None and self.repainted(step.nodule_id):
            self._history.forget_undone()  # a new correction took its place
            step = None
        if step is None:
            return ""
        self._history.redone(self._now(step.nodule_id))
        self._restore(step.nodule_id, step.state)
        return step.what

    # Inside

    def _read(self, stored: Any) -> None:
        nodules, self._last_number = record.read_record(stored)
        outlines = stored.GetNodeReference("segmentation")
        if outlines is not None:
            segments.show_hidden(outlines)
        saved, nodules = nodules, turning.follow_axes(outlines, self.volume_node, nodules)
        if nodules is not saved:  # or a second look would turn the outlines once more
            record.write_record(stored, nodules, self._last_number)
        self._nodules = {nodule.id: nodule for nodule in nodules}
        with_maps = maps.restore(stored, [nodule.result for nodule in nodules], self.volume)
        for nodule, result in zip(nodules, with_maps, strict=True):
            own = axis_lines.own_lines(stored, nodule.id)
            whole = replace(nodule, result=result, lines=own)
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

    def _step(self, nodule_id: str, what: str) -> Nodule:
        """Remember a nodule before a step; returns it with the voxels it has in the scene."""
        return self._history.step(self.nodule(nodule_id), self.mask_of(nodule_id), what)

    def _now(self, nodule_id: str) -> Nodule | None:
        """A nodule with the voxels it has in the scene; None when there is none."""
        nodule = self._nodules.get(nodule_id)
        return nodule.with_mask(self.mask_of(nodule_id)) if nodule is not None else None

    def _new_nodule(self, result: NoduleResult) -> Nodule:
        """The nodule of a claimed point, under the next number; it is not in the scene yet."""
        if result.id not in self._claimed:
            raise SceneError(f"The nodule '{result.id}' was removed while it was analyzed.")
        self._forget_refused_clicks()
        taken = {nodule.number for nodule in self.nodules}
        number = 1 + max(self._last_number, *taken, *self._history.numbers(), 0)
        seed_id = self._claimed.pop(result.id)
        return Nodule.first(replace(result, id=f"nodule_{number:03d}"), seed_id)

    def _forget_refused_clicks(self) -> None:
        """Where nothing was found and nothing was drawn, nothing stays when a reader goes on."""
        for nodule in self.nodules:
            unnumbered = nodule.refused_click and nodule.number > self._last_number
            if unnumbered and not self.repainted(nodule.id):
                self._remove(nodule)
                self._history.forget(nodule.id)

    def _numbered(self, nodule: Nodule) -> Nodule:
        """Its number is used up once it is a nodule, which then is called by it."""
        if nodule.refused_click:
            drawing_undone = nodule.name == REFUSED_CLICK and nodule.number == self._last_number
            self._last_number -= int(drawing_undone)
            return nodule
        self._last_number = max(self._last_number, nodule.number)
        named = nodule.name != REFUSED_CLICK
        return nodule if named else replace(nodule, name=f"Nodule {nodule.number}")

    def _restore(self, nodule_id: str, state: Nodule | None) -> None:
        if state is None:
            self._unmark(self.nodule(nodule_id))
            return
        former = self._nodules.get(nodule_id)
        if former is None or former.lines != state.lines:
            axis_lines.put_back(self._record(), nodule_id, state.lines)
        now = former or state  # point and segment may be others by now
        state = replace(
            state, seed_id=now.seed_id, segment_id=now.segment_id, tracking_uid=now.tracking_uid
        )
        place = self._carried(state, state.result.seed.ras)
        seeds.move_seed(self.seeds_node, state.seed_id, place)
        self._write(self._numbered(state))

    def _unmark(self, nodule: Nodule) -> None:
        """Take a nodule away as if it had never been marked: its number is free again."""
        self._remove(nodule)
        axis_lines.forget(self._record(), nodule.id)
        if nodule.number == self._last_number:
            self._last_number -= 1
        self._write_lists()

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
        real = [nodule for nodule in self.nodules if not nodule.refused_click]
        table.write_table(self.table_node, real)
        record.write_record(self._record(), self.nodules, self._last_number)
        self._maps.write([nodule.result for nodule in self.nodules], self._maps_node)
