"""The page on which a study is planned: `densesharp study new --page`.

The same guard as the viewer. Files are named by their paths on this computer; nothing is uploaded.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from trame.ui.vuetify3 import VAppLayout
from trame.widgets import html

from densesharp.errors import DenseSharpError
from densesharp.report.labels import DISCLAIMER
from densesharp.study.conduct.design_fields import FIELDS, Field
from densesharp.study.conduct.new_study import Values, create, preview, summary

from .aria import aria
from .page import ASSETS
from .page_app import LOCAL, PageApp
from .page_tools import do
from .rendered_once import rendered_once

log = logging.getLogger(__name__)

MODULE = {
    "serve": {"densesharp_assets": str(ASSETS)},
    "styles": ["densesharp_assets/page.css", "densesharp_assets/study.css"],
}

LONGEST = 4096


def serve(values: Values, *, port: int = 0, open_browser: bool = True, host: str = LOCAL) -> None:
    """Serve the page until the process is interrupted; `values` are filled in already.

    Raises:
        DeviceError: the address cannot be used.
    """
    PlanningApp(values, host, port).run(open_browser)


class PlanningApp(PageApp):
    """The form."""

    def __init__(self, values: Values, host: str = LOCAL, port: int = 0) -> None:
        super().__init__("densesharp-study-planning", "DenseSharp study planning", host, port)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._executor = ThreadPoolExecutor(1)
        self.server.state.update(
            {_key(field): values.get(field.name) or _empty(field) for field in FIELDS}
        )
        self.publish(busy=False, message="", done="", progress="")
        self.on_trigger(self.act)
        build_page(self.server)

    def publish(self, **changed: Any) -> None:
        """Show changed values on the page."""
        with self.server.state as state:
            state.update(changed)

    def act(self, name: Any = None, *args: Any) -> None:
        """What the page may ask for: look at the study of the filled-in fields, or make it."""
        busy = self.server.state["busy"]
        if name not in ("preview", "create") or len(args) != 1 or not _fits(args[0]) or busy:
            log.warning("Refused a call of the planning page")
            return
        self.publish(busy=True, message="", done="")
        self._executor.submit(self._work, name, args[0])

    def _work(self, name: str, values: Values) -> None:
        """On the worker's thread: reading and hashing all images takes a while."""
        try:
            if name == "preview":
                done = preview(values, self._progress)
            else:
                done = summary(create(values, self._progress), values)
        except DenseSharpError as error:
            self._later(busy=False, message=str(error), progress="")
        except Exception as error:
            log.exception("Making a study failed")
            self._later(busy=False, message=f"Something went wrong ({error}).", progress="")
        else:
            self._later(busy=False, done=done, progress="")

    def _progress(self, fraction: float, text: str) -> None:
        self._later(progress=f"{text} ({fraction:.0%})")

    def _later(self, **changed: Any) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(lambda: self.publish(**changed))
        else:
            self.publish(**changed)

    def ready(self, loop: asyncio.AbstractEventLoop) -> None:
        """What the worker tells comes through this loop."""
        self._loop = loop

    def close(self) -> None:
        """End the worker."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def build_page(server: Any) -> None:
    """One line for each field, then the buttons."""
    server.enable_module(MODULE)
    server.state.trame__title = "Plan a reader study"
    with rendered_once(), VAppLayout(server) as layout:
        layout.root.theme = "dark"
        with html.Div(classes="ds-page"), html.Div(classes="ds-study ds-plan"):
            html.H2("Plan a reader study")
            html.P(
                "The design is frozen and hashed when the study is made; it cannot be changed "
                "afterwards. Paths are those of this computer.",
                classes="ds-dim",
            )
            with html.Div(classes="ds-plan-fields"):
                for field in FIELDS:
                    html.Label(field.label + (" *" if field.required else ""), title=field.help)
                    _input_of(field)
                    html.Span(field.help, classes="ds-dim")
            html.P("{{ message }}", v_if="message", classes="ds-study-message", **aria("status"))
            html.P("{{ progress }}", v_if="busy")
            with html.Div(classes="ds-buttons"):
                html.Button(
                    "Preview",
                    classes="ds-button ds-plain",
                    disabled=("busy",),
                    click=do("preview", _filled_in()),
                )
                html.Button(
                    "Make the study",
                    classes="ds-button ds-strong",
                    disabled=("busy",),
                    click=do("create", _filled_in()),
                )
            html.Pre("{{ done }}", v_if="done", classes="ds-plan-done")
            html.P(DISCLAIMER, classes="ds-research")


def _key(field: Field) -> str:
    """The state that holds a field. The page alone changes it: an echo would undo typing."""
    return f"plan_{field.name}"


def _empty(field: Field) -> str | bool:
    return False if field.kind == "switch" else field.default


def _filled_in() -> str:
    """The page's expression for all fields."""
    return "{" + ", ".join(f"{field.name}: {_key(field)}" for field in FIELDS) + "}"


def _fits(values: Any) -> bool:
    """Whether what came from the page is a filled-in form."""
    if not isinstance(values, dict) or set(values) != {field.name for field in FIELDS}:
        return False
    switches = [values[field.name] for field in FIELDS if field.kind == "switch"]
    texts = [values[field.name] for field in FIELDS if field.kind != "switch"]
    return all(isinstance(value, bool) for value in switches) and all(
        isinstance(value, str) and len(value) <= LONGEST and value.isprintable() for value in texts
    )


def _input_of(field: Field) -> None:
    key, identity = (_key(field),), f"plan-{field.name}"
    if field.kind == "choice":
        with html.Select(v_model=key, id=identity):
            for value, label in field.choices:
                html.Option(label, value=value)
    elif field.kind == "switch":
        html.Input(type="checkbox", v_model=key, id=identity)
    else:
        html.Input(type="text", v_model=key, maxlength=str(LONGEST), id=identity)
