"""The page of study mode: views at the left, work list or answer form at the right.

Everything drawn comes from `screen`, which the presenter makes and which holds only what a reader
may see now.
"""

from typing import Any

from trame.ui.vuetify3 import VAppLayout
from trame.widgets import html
from trame_slicer import module as trame_slicer_module

from densesharp.report.labels import CLASS_TITLES, DISCLAIMER
from densesharp.study.conduct.answer_form import CONFIDENCE_LEVELS, LONGEST_COMMENT
from densesharp.study.conduct.answer_keys import (
    CLASS_KEYS,
    CONFIDENCE_KEYS,
    IAC_KEYS,
    INVASIVE_KEYS,
    KEYS,
    PAUSE,
    TAKE_OUTLINE,
    shown,
)
from densesharp_scene.study_case import MODEL, OWN, outline_color

from .aria import aria
from .launcher import ICON
from .page import ASSETS
from .page_dialogs import lost_page
from .page_tools import WINDOWS, do, icon_button
from .rendered_once import rendered_once
from .study_viewer import FIRST_LAYOUT

MODULE = {
    "serve": {"densesharp_assets": str(ASSETS)},
    "scripts": [f"densesharp_assets/{name}.js" for name in ("order", "study", "lost")],
    "styles": ["densesharp_assets/page.css", "densesharp_assets/study.css"],
}

LOST = lost_page(
    "The study does not answer any more",
    "Every submitted answer is saved. The form of the open case is saved as it was about two "
    "seconds before, and will be there again.",
    "start it again as before (<code>densesharp study read</code>) and open the address that it "
    "prints.",
)
"""Takes the place of the page when the connection ends."""

VIEW_KEYS = (
    ("Wheel, ↑ ↓", "scroll through the slices"),
    ("Ctrl + wheel, right drag", "zoom"),
    ("Middle drag, left drag", "pan, window and level"),
    ("L  M  B", "lung, mediastinum or bone window"),
    ("1 2 3 4", "axial, coronal, sagittal or 3D alone; again for three planes"),
    ("J", "jump to the marked nodule"),
    ("O", "the nodule's mark on or off"),
    ("N  P  E  V", "outline by a click or with the brush, erase, look only"),
    ("[  ]", "smaller, larger brush"),
    ("Ctrl + Z", "undo the last stroke"),
    ("?", "this list"),
)

LAYOUTS = (
    (FIRST_LAYOUT, "mdi-view-split-vertical", "Three planes"),
    ("four", "mdi-view-grid-outline", "Three planes and 3D"),
)

TOOLS = (
    ("look", "mdi-cursor-default-outline", "Look (V)"),
    ("click", "mdi-target-variant", "Click into the nodule: what is connected is outlined (N)"),
    ("paint", "mdi-brush", "Outline the nodule with the brush (P)"),
    ("erase", "mdi-eraser", "Erase (E)"),
)


SHOWN = "`${screen.page}/${screen.confirming}`"
"""What the page shows as something is pressed on it; see `study_actions`."""


def build_study_page(server: Any, layout_manager: Any) -> None:
    """Make the page."""
    server.enable_module(trame_slicer_module)
    server.enable_module(MODULE)
    server.state.trame__title = "Reader study"
    server.state.trame__favicon = ICON
    server.state.trame__template_error = LOST
    with rendered_once(), VAppLayout(server) as layout:
        layout.root.theme = "dark"
        with html.Div(classes="ds-page"):
            with html.Header(classes="ds-bar"):
                html.Div("{{ screen.title }}", classes="ds-brand")
                html.Span("{{ screen.heading }}", v_if="screen.heading")
                html.Progress(max="1", value=("screen.progress",), v_if="screen.heading")
                html.Div(classes="ds-grow")
                _build_view_tools()
            with html.Div(classes="ds-middle"):
                with html.Main(classes="ds-views"):
                    layout_manager.initialize_layout_grid(layout)
                    _build_cover()
                with html.Aside(classes="ds-panel ds-study"):
                    _build_sessions()
                    _build_between()
                    _build_case()
            _build_foot()
        _build_help()


def _build_view_tools() -> None:
    with html.Div(v_if="screen.page === 'case'", classes="ds-study-tools"):
        with html.Span(v_if="screen.hanging !== 'fixed'"):
            for name, title in WINDOWS:
                _switch(title, do("window", f"'{name}'"), f"window === '{name}'")
        html.Span(classes="ds-gap")
        for name, icon, title in LAYOUTS:
            _icon_switch(icon, title, do("layout", f"'{name}'"), f"layout === '{name}'")
        _icon_switch("mdi-circle-small", "Mark of the nodule (O)", do("toggle", "'mark'"), "mark")
        _icon_switch("mdi-target", "Back to the marked nodule (J)", do("nodule"), "false")
        html.Span(classes="ds-gap")
    _icon_switch("mdi-help-circle-outline", "Keys (?)", "utils.densesharp_study.help()", "false")


def _build_cover() -> None:
    """Hides the views whenever no case is read."""
    with html.Div(v_if="screen.page !== 'case' || loading", classes="ds-welcome"):
        html.H2("Reading the image …", v_if="loading")
        html.H2("Paused", v_if="screen.page === 'paused' && !loading")


def _build_sessions() -> None:
    with html.Section(v_if="screen.page === 'sessions' || screen.page === 'finished'"):
        html.H2("Thank you: everything is read.", v_if="screen.page === 'finished'")
        html.H2("Your sessions", v_else=True)
        html.P("Reader {{ screen.reader }}", classes="ds-dim")
        html.P(
            "{{ screen.instructions }}",
            v_if="screen.instructions && screen.page === 'sessions'",
            classes="ds-study-instructions",
        )
        with html.Div(v_for="line in screen.sessions", key="line.number", classes="ds-session"):
            html.P("{{ line.text }}")
            html.Progress(max="1", value=("line.progress",))
            with html.Div(v_if="line.startable"):
                html.Input(
                    v_if="line.needs_reason", type="text", maxlength="500",
                    id=("'reason-' + line.number",), placeholder="Reason for starting early",
                )  # fmt: skip
                html.Button(
                    "Start session {{ line.number }}{{ line.needs_reason ? ' early' : '' }}",
                    classes=("'ds-button' + (line.needs_reason ? '' : ' ds-strong')",),
                    click=do("start", "line.number", "utils.densesharp_study.reason(line.number)"),
                )
        _build_progress()
        _build_message()


def _build_progress() -> None:
    with html.Details(v_if="screen.own_progress.length", classes="ds-study-progress"):
        html.Summary("Your progress")
        html.P("{{ line }}", v_for="line in screen.own_progress", key="line")


def _build_between() -> None:
    with html.Section(v_if="screen.page === 'next' || screen.page === 'paused'"):
        html.H2("{{ screen.heading }}")
        _build_message()
        with html.Div(v_if="screen.page === 'next'", classes="ds-study-buttons"):
            html.Button("Next case (Enter)", classes="ds-button ds-strong", click=do("next", SHOWN))
            html.Button(
                "Correct the answer before",
                v_if="screen.can_go_back",
                classes="ds-button",
                click=do("correct", SHOWN),
            )
        html.P("You can stop here: reading goes on at this place.", v_if="screen.page === 'next'")
        _build_progress()
        html.Button(
            f"Go on ({PAUSE.upper()})",
            v_if="screen.page === 'paused'",
            classes="ds-button ds-strong",
            click=do("resume"),
        )


def _build_case() -> None:
    with html.Section(v_if="screen.page === 'case'"):
        html.P("{{ screen.instruction }}", classes="ds-study-instruction")
        _build_aid()
        _build_class()
        _build_rating(
            "p_invasive", "How probable is invasive (MIA or IAC)?", shown({**INVASIVE_KEYS})
        )
        _build_rating("p_iac", "How probable is IAC?", shown({**IAC_KEYS}))
        _build_confidence()
        _build_outline()
        html.H3("Comment (optional)")
        html.Textarea(
            v_model=("comment",), maxlength=str(LONGEST_COMMENT), rows="2",
            input=do("comment", "$event.target.value"), **aria(label="Comment"),
        )  # fmt: skip
        _build_submit()


def _build_aid() -> None:
    with html.Div(v_if="screen.aid", classes="ds-study-aid"):
        with html.H3():
            html.Span(classes="ds-dot", style=f"background: {outline_color(MODEL)}")
            html.Span(" The model: {{ screen.aid.nodule_class }}")
        with html.Div(
            v_for="share in screen.aid.shares",
            key="share[0]",
            classes=("'ds-bar-line' + (share[0] === screen.aid.nodule_class ? ' ds-most' : '')",),
        ):
            html.Span("{{ share[0] }}", classes="ds-bar-title")
            with html.Span(classes="ds-bar-track"):
                html.Span(classes="ds-bar-fill", style=("{width: share[1] + '%'}",))
            html.Span("{{ share[2] }}", classes="ds-bar-text")
        html.P("Invasive {{ screen.aid.invasive }}, IAC {{ screen.aid.iac }}", classes="ds-dim")
        html.P("{{ screen.aid.verdict }}", v_if="screen.aid.verdict", classes="ds-study-verdict")
        with html.Ul(classes="ds-reasons", v_if="screen.aid.reasons.length"):
            html.Li("{{ reason }}", v_for="reason in screen.aid.reasons", key="reason")
        for words in ("volume", "spread"):
            shown = f"screen.aid.{words}"
            html.P(f"{{{{ {shown} }}}}", v_if=shown, classes="ds-dim ds-small")
        html.P("Trained on: {{ screen.aid.trained_on }}", classes="ds-dim ds-small")


def _build_class() -> None:
    html.H3("Class")
    with html.Div(classes="ds-study-choice", **aria("radiogroup", label="Class")):
        for key, name in CLASS_KEYS.items():
            chosen = f"screen.answer.nodule_class === '{name}'"
            _choice(name, key.upper(), do("class", f"'{name}'"), chosen, CLASS_TITLES[name])


def _build_rating(name: str, question: str, keys: str) -> None:
    html.H3(question)
    with html.Div(
        classes=(f"'ds-study-rating' + (screen.answer.{name} === null ? ' ds-unset' : '')",)
    ):
        html.Input(
            type="range", min="0", max="100", step="1",
            value=(f"screen.answer.{name} ?? 50",),
            input=do("rating", f"'{name}'", "Number($event.target.value)"),
            **aria(label=question), title=f"Keys {keys}",
        )  # fmt: skip
        html.Input(
            type="number", min="0", max="100", step="1",
            value=(f"screen.answer.{name}",), placeholder="–",
            change="$event.target.value !== '' && "
            + do("rating", f"'{name}'", "Number($event.target.value)"),
            **aria(label=f"{question} in percent"),
        )  # fmt: skip
        html.Span("%")


def _build_confidence() -> None:
    html.H3("How confident are you?")
    with html.Div(classes="ds-study-choice ds-five", **aria("radiogroup", label="Confidence")):
        for key, level in CONFIDENCE_KEYS.items():
            chosen = f"screen.answer.confidence === {level}"
            action = do("confidence", str(level))
            _choice(CONFIDENCE_LEVELS[level], key, action, chosen, f"Confidence {level} of 5")


def _build_outline() -> None:
    with html.Div(v_if="screen.mask_rule !== 'none'"):
        with html.H3():
            html.Span(classes="ds-dot", style=f"background: {outline_color(OWN)}")
            html.Span(" Your outline ({{ screen.mask_rule }})")
        with html.Div(classes="ds-study-outline"):
            for name, icon, title in TOOLS:
                _icon_switch(icon, title, do("tool", f"'{name}'"), f"tool === '{name}'")
            html.Input(
                type="range", min="1", max="40", step="0.5", value=("brush_mm",),
                input=do("brush", "Number($event.target.value)"),
                **aria(label="Diameter of the brush, or how far a click may reach"),
                title="Diameter of the brush, or how far a click may reach",
            )  # fmt: skip
            html.Span("{{ brush_mm }} mm")
            with html.Label():
                html.Input(
                    type="checkbox",
                    checked=("brush_3d",),
                    change=do("brush_3d", "$event.target.checked"),
                )
                html.Span("3D")
            _icon_switch("mdi-undo", "Undo the last stroke (Ctrl + Z)", do("undo"), "false")
            _icon_switch(
                "mdi-trash-can-outline", "Remove the outline", do("remove_outline"), "false"
            )
            html.Button(
                f"Take the model's ({TAKE_OUTLINE})",
                v_if="screen.can_take_outline",
                classes="ds-button",
                click=do("take_outline"),
            )
        html.P("{{ screen.has_mask ? 'Outlined.' : 'Not outlined yet.' }}", classes="ds-dim")


def _build_submit() -> None:
    with html.Ul(classes="ds-reasons"):
        html.Li("{{ problem }}", v_for="problem in screen.problems", key="problem")
    with html.Div(classes="ds-study-submit"):
        _build_message()
        with html.Div(classes="ds-study-buttons"):
            html.Button(
                "{{ screen.confirming ? 'Yes, submit (Enter)' : 'Submit (Enter)' }}",
                classes="ds-button ds-strong",
                disabled=("screen.problems.length > 0",),
                click=do("submit", SHOWN),
            )
            html.Button(
                "Not yet (Esc)", v_if="screen.confirming", classes="ds-button", click=do("cancel")
            )
            html.Button(
                f"Pause ({PAUSE.upper()})", v_else=True, classes="ds-button", click=do("pause")
            )


def _build_message() -> None:
    html.P(
        "{{ screen.message }}", v_if="screen.message", classes="ds-study-message", **aria("status")
    )


def _build_foot() -> None:
    with html.Footer(classes="ds-foot"):
        html.Span(DISCLAIMER, classes="ds-research")
        html.Span("Reader {{ screen.reader }}")
        html.Span("Answers are saved when you submit.", classes="ds-grow ds-dim")
        html.Span("Pictures are compressed.", classes="ds-dim")


def _build_help() -> None:
    with html.Dialog(classes="ds-help", id="ds-help"):
        html.H2("Keys and mouse")
        with html.Div(classes="ds-keys"):
            for keys, meaning in (*KEYS, *VIEW_KEYS):
                html.Kbd(keys)
                html.Span(meaning)
        html.Button("Close", classes="ds-button ds-strong", click="utils.densesharp_study.help()")


def _choice(name: str, key: str, click: str, on: str, title: str) -> None:
    with html.Button(
        classes=(f"'ds-button' + (({on}) ? ' ds-on' : '')",),
        click=click,
        title=f"{title} (key {key})",
        **aria("radio", checked=(f"({on}) ? 'true' : 'false'",)),
    ):
        html.Span(name)
        html.Kbd(key)


def _switch(text: str, click: str, on: str) -> None:
    html.Button(text, classes=(f"'ds-button' + (({on}) ? ' ds-on' : '')",), click=click)


def _icon_switch(icon: str, title: str, click: str, on: str) -> None:
    icon_button(
        icon, classes=(f"'ds-button' + (({on}) ? ' ds-on' : '')",), click=click, title=title,
        **aria(label=title),
    )  # fmt: skip
