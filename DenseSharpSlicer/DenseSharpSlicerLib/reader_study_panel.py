"""The panel of a reader study: draws the presenter's screen and passes on what the reader does.

It decides nothing: which case comes, what of the model is shown and when, and whether an answer is
complete is the study's shared logic (`densesharp.study`). While a session runs the module
DenseSharp is switched off, so that the model cannot be asked about a case before the design shows
its result.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from densesharp.errors import DenseSharpError
from densesharp.nodule.records import CLASS_NAMES
from densesharp.study.conduct.answer_form import CONFIDENCE_LEVELS
from densesharp.study.conduct.answer_keys import SUBMIT, TAKE_OUTLINE
from densesharp.study.conduct.presenter import Presenter
from densesharp.study.conduct.reader_masks import make_mask, nodule_mask
from densesharp.study.conduct.reading_session import Reading
from densesharp.study.conduct.screen import Scene
from densesharp.study.conduct.store import Store, open_store
from densesharp.study.conduct.study_folder import open_study
from densesharp_scene import segments
from densesharp_scene.study_case import StudyCase

from .reader_study_drawing import (
    class_button,
    confidence_button,
    draw_answer,
    draw_closed,
    draw_reading,
)

TICK_MS = 1000


def has_focus() -> bool:
    """Whether a window of Slicer has the focus; without a main window nobody can tell."""
    return slicer.util.mainWindow() is None or slicer.app.activeWindow() is not None


class ReaderStudyPanel(VTKObservationMixin):  # type: ignore[misc]
    """Connects the widgets of `DenseSharpReaderStudy.ui` with one reader's reading."""

    def __init__(self, ui: Any) -> None:
        VTKObservationMixin.__init__(self)
        self.ui = ui
        self.presenter: Presenter | None = None
        self.case = StudyCase(slicer.mrmlScene)
        self._store: Store | None = None
        self._visit: int | None = None
        self._drawn = ""
        self._edits = 0
        self._timer = qt.QTimer()
        self._timer.setInterval(TICK_MS)
        self._timer.connect("timeout()", self.onTick)
        self._connect()
        self.refresh()

    # Opening and closing

    def open(self, folder: Path, reader: str, address: str = "") -> None:
        """Open a study for one reader.

        Raises:
            DenseSharpError: there is no such study or reader, or the store cannot be used.
        """
        self.close()
        study = open_study(folder)
        study.design.reader(reader)
        place = address or study.default_store
        self._store = open_store(place, study.design.study, study.design.sha256)
        self.presenter = Presenter(Reading(study, self._store, reader))
        self.presenter.look = self.case.look
        self.case.clear()
        self.ui.studySection.collapsed = True
        self._timer.start()

    def close(self) -> None:
        """Leave the study: the draft is saved, the scene emptied, the model usable again."""
        self._timer.stop()
        self.removeObservers()
        if self.presenter is not None:
            self.presenter.tick(force=True)
            self.presenter = None
            self.case.clear()
        if self._store is not None:
            self._store.close()
            self._store = None
        self._visit = None
        self._switch_model(True)

    # Drawing

    def refresh(self) -> None:
        """Bring scene and widgets to what the presenter says."""
        if self.presenter is None:
            draw_closed(self.ui)
            return
        self._follow(self.presenter)
        screen = self.presenter.screen
        self._switch_model(screen.page in ("sessions", "finished"))
        draw_reading(self.ui, screen)
        draw_answer(self.ui, screen)

    # The scene

    def _follow(self, presenter: Presenter) -> None:
        scene = presenter.scene
        if scene is None:
            if presenter.screen.page == "paused":
                self.case.hide(True)
            elif self._visit is not None:
                self._visit = None
                self.case.clear()
            return
        if scene.visit != self._visit:
            self._load(presenter, scene)
        self.case.hide(False)
        self.case.show_model(scene.aid_mask)

    def _load(self, presenter: Presenter, scene: Scene) -> None:
        """Read the case's CT; a moment in which Slicer waits."""
        self._visit, self._edits = scene.visit, 0
        self.ui.studyMessageLabel.text = _("Reading the image …")
        self.ui.studyMessageLabel.visible = True
        slicer.app.processEvents()
        try:
            volume = self.case.read(scene.image)
        except DenseSharpError:
            # The reason names the file, which readers must not see.
            presenter.say(_("The image of this case cannot be read: tell whoever runs the study."))
            return
        self.case.show(volume, scene.seed_lps)
        own = nodule_mask(scene.own_mask, volume.grid) if scene.own_mask else None
        if own is not None:
            self.case.write_own(own)
        self._drawn = segments.digest(own)
        self.ui.studyMarkCheckBox.checked = True
        slicer.util.setSliceViewerLayers(background=self.case.volume_node, fit=True)
        self.case.jump()
        if scene.hanging == "fixed":
            self.case.hold()
        self._watch_mouse()
        presenter.image_shown()

    def _watch_mouse(self) -> None:
        """The mouse over a view is an input, for the active time."""
        crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
        moved = slicer.vtkMRMLCrosshairNode.CursorPositionModifiedEvent
        if crosshair is not None and not self.hasObserver(crosshair, moved, self._on_mouse):
            self.addObserver(crosshair, moved, self._on_mouse)

    def _on_mouse(self, _caller: Any, _event: Any) -> None:
        if self.presenter is not None:
            self.presenter.touch()

    def take_outline(self) -> bool:
        """Hand the outline over when it was changed, in Segment Editor or elsewhere; tells it."""
        if self.presenter is None or self.presenter.scene is None or self.case.grid is None:
            return False
        mask = self.case.own_mask()
        digest = segments.digest(mask)
        if digest == self._drawn:
            return False
        self._drawn = digest
        self._edits += 1
        try:
            stored = mask and make_mask(mask, self.case.grid, self.case.seed_lps, self._edits)
            self.presenter.set_mask(stored)
        except DenseSharpError as error:
            self.presenter.set_mask(None)
            self.presenter.say(str(error))
        return True

    def _switch_model(self, usable: bool) -> None:
        """The module DenseSharp on or off."""
        module = getattr(slicer.modules, "densesharpslicer", None)
        if module is not None:
            module.widgetRepresentation().enabled = usable

    # What the reader does

    def _connect(self) -> None:
        ui = self.ui
        ui.studyBrowseButton.connect("clicked()", self.onBrowse)
        ui.studyOpenButton.connect("clicked()", self.onOpen)
        ui.studyCloseButton.connect("clicked()", self.onClose)
        ui.studyStartButton.connect("clicked()", self.onStart)
        ui.studyNextButton.connect("clicked()", self._doing("next_case"))
        ui.studyResumeButton.connect("clicked()", self._doing("resume"))
        ui.studyCorrectButton.connect("clicked()", self._doing("correct_last"))
        ui.studySubmitButton.connect("clicked()", self.onSubmit)
        ui.studyCancelButton.connect("clicked()", self._doing("cancel"))
        ui.studyPauseButton.connect("clicked()", self._doing("pause"))
        for number, name in enumerate(CLASS_NAMES, start=1):
            class_button(ui, number).connect("clicked()", self._doing("set_class", name))
        for level in CONFIDENCE_LEVELS:
            button = confidence_button(ui, level)
            button.connect("clicked()", self._doing("set_confidence", level))
        ui.studyInvasiveSpin.connect("valueChanged(int)", self.onInvasive)
        ui.studyIacSpin.connect("valueChanged(int)", self.onIac)
        ui.studyCommentEdit.connect("textEdited(QString)", self.onComment)
        ui.studyEditButton.connect("clicked()", self.onEdit)
        ui.studyTakeButton.connect("clicked()", self.onTake)
        ui.studyRemoveButton.connect("clicked()", self.onRemove)
        ui.studyNoduleButton.connect("clicked()", self.onNodule)
        ui.studyMarkCheckBox.connect("toggled(bool)", self.onMark)

    def _doing(self, name: str, *values: Any) -> Callable[[], None]:
        """A slot that calls a method of the presenter and draws what comes of it."""

        def slot() -> None:
            if self.presenter is not None:
                getattr(self.presenter, name)(*values)
                self.refresh()

        return slot

    def onBrowse(self) -> None:
        """Choose the study folder."""
        folder = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), _("Study folder"))
        if folder:
            self.ui.studyFolderEdit.text = folder

    def onOpen(self) -> None:
        """Open the study that the three lines name."""
        ui = self.ui
        folder, reader = ui.studyFolderEdit.text.strip(), ui.studyReaderEdit.text.strip()
        if not slicer.util.confirmOkCancelDisplay(
            _("Opening a study closes the present scene. Unsaved changes in it are lost.")
        ):
            return
        try:
            self.open(Path(folder), reader, ui.studyStoreEdit.text.strip())
        except DenseSharpError as error:
            slicer.util.errorDisplay(str(error))
        self.refresh()

    def onClose(self) -> None:
        """Leave the study."""
        self.close()
        self.refresh()

    def onStart(self) -> None:
        """Start the session that is due."""
        presenter = self._reading()
        due = next((line for line in presenter.screen.sessions if line.startable), None)
        if due is not None:
            presenter.start_session(due.number, self.ui.studyReasonEdit.text)
            self.ui.studyReasonEdit.text = ""
        self.refresh()

    def onSubmit(self) -> None:
        """Ask, then submit."""
        self.take_outline()
        self._reading().submit()
        self.refresh()

    def onInvasive(self, value: int) -> None:
        """The first rating was changed."""
        self._reading().set_rating("p_invasive", None if value < 0 else value)
        self.refresh()

    def onIac(self, value: int) -> None:
        """The second rating was changed."""
        self._reading().set_rating("p_iac", None if value < 0 else value)
        self.refresh()

    def onComment(self, text: str) -> None:
        """The comment was changed."""
        self._reading().set_comment(text)
        self.refresh()

    def onEdit(self) -> None:
        """Draw the outline in Segment Editor."""
        try:
            slicer.util.selectModule("SegmentEditor")
            editor = slicer.util.getModuleWidget("SegmentEditor").editor
        except RuntimeError:
            self._reading().say(_("Segment Editor needs Slicer's main window."))
            self.refresh()
            return
        segment_id = self.case.own_segment()
        editor.setSegmentationNode(self.case.segmentation_node)
        editor.setSourceVolumeNode(self.case.volume_node)
        editor.setCurrentSegmentID(segment_id)

    def onTake(self) -> None:
        """Take the model's outline over, to edit it; asks before it replaces the reader's own."""
        presenter = self._reading()
        if presenter.screen.can_take_outline and self.case.own_mask() is not None:
            question = _("Your outline is replaced by the model's. Take it over?")
            if not slicer.util.confirmOkCancelDisplay(question):
                return
        presenter.take_outline()
        scene = presenter.scene
        if scene is not None and self.case.grid is not None and scene.own_mask:
            own = nodule_mask(scene.own_mask, self.case.grid)
            self.case.write_own(own)
            self._drawn, self._edits = segments.digest(self.case.own_mask()), 0
        self.refresh()

    def onRemove(self) -> None:
        """Remove the outline."""
        self.case.write_own(None)
        self.take_outline()
        self.refresh()

    def onNodule(self) -> None:
        """Back to the marked nodule."""
        self.case.jump()

    def onMark(self, shown: bool) -> None:
        """The mark on or off."""
        self.case.show_mark(shown)

    def onTick(self) -> None:
        """Once a second: mind the focus, save the draft when it is due, look for a new outline."""
        if self.presenter is None:
            return
        self.presenter.set_focus(has_focus())
        self.presenter.tick()
        changed = self.take_outline()
        if self._visit is not None and not slicer.mrmlScene.IsNodePresent(self.case.volume_node):
            self._visit, changed = None, True  # somebody closed the scene: show the case again
        if changed:
            self.refresh()

    def key(self, name: str) -> None:
        """A key of `answer_keys`, by the presenter's name; they work only in this module."""
        if name == SUBMIT:
            self.take_outline()
        if name == TAKE_OUTLINE and self.presenter is not None:
            self.onTake()
        elif self.presenter is not None:
            self.presenter.key(name)
            self.refresh()

    # Details

    def _reading(self) -> Presenter:
        if self.presenter is None:
            raise RuntimeError("No study is open.")
        return self.presenter
