"""What each picture of a slice view showed: hands are about the picture that is on the screen.

A picture is under way while the views go on: the next case is there, an answer has moved the
slices, the wheel has turned. A press of the button says which picture it was made on.
"""

from collections import deque
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOO_LATE = "The picture was changing as you clicked, so nothing was done: click again."

KEPT = 300
"""Pictures of a view that are remembered; at 30 a second those of ten seconds."""

LAST_NUMBER = 900_000
"""Then it begins with 1 again."""

NUMBER = "picture"
"""What the number is called on its way to the page and back."""


@dataclass(frozen=True)
class Picture:
    """One picture of a slice view.

    Attributes:
        number: its number.
        case: number of the CT that it shows.
        to_ras: (4, 4) from its pixels to RAS mm.
        size: its width and height, pixels.
    """

    number: int
    case: int
    to_ras: NDArray[np.float64]
    size: tuple[int, int]

    def place(self, x: float, y: float) -> NDArray[np.float64]:
        """World RAS mm of a mouse position, pixels from the lower left corner.

        The mouse counts from the edge of the first pixel, the view from its middle.
        """
        return np.asarray((self.to_ras @ (x - 0.5, y - 0.5, 0.0, 1.0))[:3])

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector across its plane, RAS."""
        across = np.cross(self.to_ras[:3, 0], self.to_ras[:3, 1])
        return np.asarray(across / np.linalg.norm(across))


class Pictures:
    """The last pictures of one slice view.

    Args:
        view: the view.

    Attributes:
        pressed_on: number of the picture that a button was pressed on last; 0 where the page did
            not say.
    """

    def __init__(self, view: Any) -> None:
        self._view = view
        self._kept: deque[Picture] = deque(maxlen=KEPT)
        self._number = self._case = self.pressed_on = 0

    def now(self) -> Picture:
        """What the view shows from now on."""
        node = self._view.get_view_node()
        matrix = node.GetXYToRAS()
        to_ras = [[matrix.GetElement(row, column) for column in range(4)] for row in range(4)]
        width, height = node.GetDimensions()[:2]
        return Picture(self._number, self._case, np.array(to_ras), (width, height))

    def drawn(self) -> int:
        """A picture is drawn now; its number."""
        self._number = self._number % LAST_NUMBER + 1
        self._kept.append(self.now())
        return self._number

    def another_case(self) -> None:
        """Another CT came into the view: no picture from before shows it."""
        self._case += 1

    def shown(self, number: int) -> Picture | None:
        """The picture that hands are about; None where it is not what the view is for any more.

        Args:
            number: of the picture on the screen; 0 where the page does not say.
        """
        now = self.now()
        if not number:
            return now
        then = next((each for each in reversed(self._kept) if each.number == number), None)
        fits = then is not None and (then.case, then.size) == (now.case, now.size)
        return then if fits else None


def number_pictures(pictures: Pictures, adapter: Any) -> None:
    """Send each picture with its number, and take the number from each press of a button."""
    scheduler, hear = adapter._scheduler, adapter.on_interaction
    draw, encoder = scheduler._render_frame, scheduler._rca_encoder

    def numbered(quality: int) -> None:
        number = pictures.drawn()

        def encode(*args: Any) -> tuple[Any, dict[str, Any], Any]:
            content, about, when = encoder.encode(*args)
            return content, {**about, NUMBER: number}, when

        scheduler._rca_encoder = SimpleNamespace(encode=encode)
        draw(quality)

    def heard(origin: Any, event: dict[str, Any]) -> None:
        number = event.pop(NUMBER, None)
        if event["type"].endswith("Press"):
            pictures.pressed_on = int(number or 0)
        hear(origin, event)

    scheduler._render_frame, adapter.on_interaction = numbered, heard
