"""The view of an earlier CT: its mouse, its texts, and what lies under the pointer."""

from collections.abc import Callable
from typing import Any

import numpy as np

from densesharp_scene import ScanNodules

from .corner_annotations import SliceReadouts
from .mouse import SliceMouse
from .page_listener import Publish
from .pictures import TOO_LATE
from .pointer import words_at


class PriorMouse:
    """A click says where the selected nodule lies; nothing is painted here."""

    tool, brush_radius_mm = "seed", 0.0

    def __init__(
        self, clicked: Callable[[np.ndarray], None], pressed_too_late: Callable[[], None]
    ) -> None:
        self.clicked, self.pressed_too_late = clicked, pressed_too_late

    def stroke(self, *_: Any) -> None:
        """Nothing is painted."""

    def stroke_ended(self) -> None:
        """Nothing was painted."""

    def seed_released(self) -> None:
        """Points stay where they are."""

    def pointed(self, _ras: Any) -> None:
        """The other view goes along by itself."""


class PriorView:
    """What belongs to the view of an earlier CT.

    Args:
        view: the view.
        scan: gives the earlier CT that it shows.
        clicked: told of a click, RAS mm.
        publish: told `{"prior_slice": {...}}` and `{"pointer": ...}`.
        later: runs a function after some seconds.
    """

    def __init__(
        self,
        view: Any,
        scan: Callable[[], ScanNodules | None],
        clicked: Callable[[np.ndarray], None],
        publish: Publish,
        later: Callable[..., None],
    ) -> None:
        self._publish = publish
        late = {"message": {"text": TOO_LATE, "kind": "caution"}}
        mouse = PriorMouse(lambda ras: later(lambda: clicked(ras)), lambda: publish(late))
        self._mouse = SliceMouse(view, mouse)
        self._readouts = SliceReadouts(
            {"prior": view}, self._tell, later, lambda ras: words_at(scan(), ras)
        )
        self._readouts.refresh()

    def _tell(self, values: dict[str, Any]) -> None:
        slices = values.pop("slices", None)
        if slices is not None:
            values["prior_slice"] = slices["prior"]
        self._publish(values)
