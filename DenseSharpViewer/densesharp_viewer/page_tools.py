"""The bar of tools and the list of keys."""

from typing import Any

from trame.widgets import html
from trame.widgets import vuetify3 as v

from .aria import aria
from .labels import KEYS
from .security import TRIGGER

TOOLS = (
    ("seed", "mdi-target", "Seed: click a nodule (N)"),
    ("more", "mdi-plus-circle-outline", "More: a click takes a part into the outline (+)"),
    ("less", "mdi-minus-circle-outline", "Less: a click takes a part out of the outline (-)"),
    ("ruler", "mdi-tape-measure", "Ruler: two clicks measure a distance (Z)"),
    ("move", "mdi-cursor-move", "Move: clicks place nothing (V)"),
    ("paint", "mdi-brush", "Paint on the selected nodule (P)"),
    ("erase", "mdi-eraser", "Erase from the selected nodule (E)"),
)

WINDOWS = (("lung", "Lung"), ("mediastinum", "Mediast."), ("bone", "Bone"))

LAYOUTS = (
    ("four", "mdi-view-grid-outline", "Four views"),
    ("large", "mdi-view-split-vertical", "Large axial view beside the others"),
)

SWITCHES = (
    ("outlines", "mdi-vector-polygon", "Outlines and seeds (O)"),
    ("evidence", "mdi-fire", "Evidence map of the selected nodule (H)"),
    ("axes", "mdi-arrow-expand", "Long and short axis of the selected nodule (T)"),
    ("crosshair", "mdi-crosshairs", "Crosshair; hold Shift to move it (X)"),
)


def do(name: str, *arguments: str) -> str:
    """The page's expression that runs an action; arguments are expressions of the page."""
    return f"trigger('{TRIGGER}', ['{name}'{''.join(', ' + each for each in arguments)}])"


def icon_button(icon: str, text: str = "", **button: Any) -> None:
    """A button with a sign and perhaps words; `button` is what trame's own takes."""
    with html.Button(**button):
        v.VIcon(icon, size="small")
        if text:
            html.Span(text)


def build_tools() -> None:
    """Buttons above the views."""
    _button("mdi-file-outline", "Open …", "utils.densesharp.choose()", "Open a CT")
    _button("mdi-folder-open-outline", "", "utils.densesharp.choose(true)", "Open a DICOM folder")
    _button("mdi-content-save-outline", "Save", do("save"), "Save results and scene (Ctrl + S)")
    _gap()
    for name, icon, title in TOOLS:
        _switch(icon, title, do("tool", f"'{name}'"), f"tool === '{name}'")
    icon_button(
        "mdi-trash-can-outline", v_if="tool === 'ruler'", classes="ds-button",
        click=do("clear_rulers"), title="Remove all rulers",
    )  # fmt: skip
    with html.Label(v_if="tool === 'paint' || tool === 'erase'", classes="ds-brush"):
        html.Span("{{ brush_mm }} mm")
        html.Input(
            type="range", min="1", max="20", step="0.5", value=("brush_mm",),
            input=do("brush", "Number($event.target.value)"), **aria(label="Brush diameter"),
        )  # fmt: skip
        html.Input(
            type="checkbox",
            checked=("brush_3d",),
            change=do("brush_3d", "$event.target.checked"),
            **aria(label="Paint a ball"),
        )
        html.Span("3D")
    _gap()
    for name, title in WINDOWS:
        html.Button(
            title,
            classes=(f"'ds-button' + (window === '{name}' ? ' ds-on' : '')",),
            click=do("window", f"'{name}'"),
            title=f"{name.capitalize()} window",
        )
    _gap()
    for name, icon, title in LAYOUTS:
        _switch(icon, title, do("layout", f"'{name}'"), f"layout === '{name}'")
    _switch(
        "mdi-compare", "Earlier CT beside (G)", "utils.densesharp.compare()", "layout === 'pair'"
    )
    for name, icon, title in SWITCHES:
        _switch(icon, title, do("toggle", f"'{name}'"), name)
    _button("mdi-fit-to-screen-outline", "", do("fit"), "Fit the views (F)")
    _button("mdi-undo", "", do("undo"), "Undo the last step (Ctrl + Z)", "!can_undo")
    _button("mdi-redo", "", do("redo"), "Redo (Ctrl + Y)", "!can_redo")
    html.Div(classes="ds-grow")
    with html.Label(classes="ds-reader"):
        html.Span("Reader")
        html.Input(
            type="text", maxlength="60", placeholder="your name", id="ds-reader",
            **aria(label="Reader"),
            value=("utils.densesharp?.kept('ds-reader', reader) ?? reader",),
            change=do("reader", "$event.target.value"),
        )  # fmt: skip
    _button("mdi-cog-outline", "", "utils.densesharp.settings()", "This computer or a server")
    _button("mdi-help-circle-outline", "", "utils.densesharp.help()", "Keys and mouse (?)")


def build_help() -> None:
    """The list of keys, shown on `?`."""
    with html.Dialog(classes="ds-help", id="ds-help"):
        html.H2("Keys and mouse")
        with html.Div(classes="ds-keys"):
            for keys, meaning in KEYS:
                html.Kbd(keys)
                html.Span(meaning)
        html.P("Pictures are compressed; measurements come from the voxels.", classes="ds-dim")
        html.Button("Close", classes="ds-button ds-strong", click="utils.densesharp.help()")


def _button(icon: str, text: str, click: str, title: str, off: str = "false") -> None:
    icon_button(icon, text, classes="ds-button", click=click, title=title, disabled=(off,))


def _switch(icon: str, title: str, click: str, on: str) -> None:
    icon_button(
        icon, classes=(f"'ds-button' + (({on}) ? ' ds-on' : '')",), click=click, title=title,
        **aria(pressed=(f"({on}) ? 'true' : 'false'",)),
    )  # fmt: skip


def _gap() -> None:
    html.Span(classes="ds-gap")
