"""The open page in Debian's Chromium, with the few things that tests do on it."""

import io
import json
import shutil
import time

import numpy as np

PATIENCE_S = 120.0
"""A wait that succeeds costs nothing, however slow the machine may be."""

NO_ANSWER = 10**9
"""Number of an answer that never comes."""

SLOW_LINE = """
  const LATE_MS = 150, held = [];
  let holding = false;
  window.WebSocket = class extends WebSocket {
    set onmessage(hear) {
      const come = (event) => (holding ? held.push({ event, hear }) : hear(event));
      super.onmessage = (event) => setTimeout(come, LATE_MS, event);
    }
  };
  const textOf = async ({ event }) =>
    new TextDecoder("latin1").decode(await new Response(event.data).arrayBuffer());
  window.line = {
    hold() { holding = true; },
    holds: async (text) => (await Promise.all(held.map(textOf))).some((all) => all.includes(text)),
    go() { holding = false; for (const each of held.splice(0)) each.hear(each.event); },
  };
"""
"""The page hears late, and nothing between `hold` and `go`; `holds`: what has come meanwhile."""

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Page:
    """The open page, with the few things that tests do on it."""

    def __init__(self, browser, url: str, size=(1280, 800), script: str = "") -> None:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]})
        context.add_init_script(script)
        context.set_default_timeout(1000 * PATIENCE_S)
        self.faults: list[str] = []
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._console)
        self.page.goto(url)
        self.page.wait_for_selector(".ds-bar")

    def _console(self, message) -> None:
        if message.type == "error":
            self.faults.append(message.text)

    def get(self, name: str):
        return self.page.evaluate(f"window.trame.state.get('{name}')")

    def wait(self, condition: str, seconds: float = PATIENCE_S) -> None:
        self.page.wait_for_function(
            condition.replace("$", "window.trame.state.get"), timeout=1000 * seconds
        )

    def done(self) -> None:
        """Wait until the server has done all that hands did so far, and the page has heard of it.

        An action comes back when its turn was, after the mouse's; what the page is to show may
        follow it, but not the next one.
        """
        for _ in range(2):
            self.act("seen", NO_ANSWER)

    def settle(self) -> None:
        """Wait until the views have stood still for a second, in which the server was there."""
        shown = "[...document.querySelectorAll('.ds-views img')].map(i => i.src)"
        last, still, end = None, 0, time.monotonic() + PATIENCE_S
        while still < 5:
            assert time.monotonic() < end, "the views never stand still"
            self.done()
            time.sleep(0.2)
            now = self.page.evaluate(shown)
            last, still = now, still + 1 if now == last else 0

    def act(self, *call) -> None:
        self.page.evaluate(f"window.trame.trigger('act', {json.dumps(call)})")

    def picture(self, number: int) -> np.ndarray:
        """The n-th view as shown, (rows, columns) grey values."""
        from matplotlib.image import imread

        png = self.page.locator(".ds-views img").nth(number).screenshot()
        return imread(io.BytesIO(png), format="png")[..., :3].mean(axis=-1)

    def box(self, number: int):
        return self.page.locator(".ds-views img").nth(number).bounding_box()

    def point(self, number: int, x: float, y: float) -> None:
        """Move the mouse to pixel (x, y) of a view."""
        box = self.box(number)
        self.page.mouse.move(box["x"] + x, box["y"] + y)

    def click(self, number: int, x: float, y: float) -> None:
        """A click at pixel (x, y) of a view."""
        self.point(number, x, y)
        self.page.mouse.down()
        self.page.mouse.up()

    def drag(self, *places: tuple[float, float]) -> None:
        """With the left button, from place to place in the axial view."""
        box = self.box(0)
        at = [(box["x"] + x, box["y"] + y) for x, y in places]
        self.page.mouse.move(*at[0], steps=3)
        self.page.mouse.down()
        for there in at[1:]:
            self.page.mouse.move(*there, steps=5)
        self.page.mouse.up()

    def start_over(self) -> None:
        """As another test shall find it: no nodule, nothing said, the click's tool, hands off."""
        self.page.set_viewport_size({"width": 1280, "height": 800})
        self.page.mouse.move(0, 0)
        self.page.evaluate("document.activeElement.blur()")
        for nodule in self.get("nodules"):
            self.act("delete", nodule["id"])
        self.act("tool", "seed")
        self.act("layout", "four")
        self.act("forget")  # the message of the deletion
        self.wait("!$('nodules').length && !$('busy') && !$('message').text")
        self.wait("$('tool') === 'seed' && $('layout') === 'four'")
        self.without_faults()

    def without_faults(self) -> None:
        """See that nothing failed since the last look."""
        faults, self.faults = self.faults, []
        assert faults == []

    def leave(self) -> None:
        """Close, and see that nothing failed meanwhile."""
        self.page.context.close()
        self.without_faults()


def bright_middle(picture: np.ndarray) -> tuple[float, float]:
    """(x, y) of the middle of the bright disc; texts at the border are left out."""
    rows, columns = picture.shape
    inner = picture.copy()
    inner[: rows // 8], inner[-rows // 8 :] = 0, 0
    inner[:, : columns // 12], inner[:, -columns // 12 :] = 0, 0
    y, x = np.nonzero(inner > 0.75)
    return float(x.mean()) + 0.5, float(y.mean()) + 0.5


def show_sphere(page) -> None:
    """Bring the slices to the middle of the CT, where the sphere lies, and show all of them."""
    for name in ("axial", "coronal", "sagittal"):
        page.act("slice", name, 0.5)
    page.act("fit")
    page.settle()
