"""The web page: bar above, views, panel at the right, standing line below.

Buttons call the one trigger of `actions`; nothing typed or clicked is ever taken over as state.
"""

from pathlib import Path
from typing import Any

from trame.ui.vuetify3 import VAppLayout
from trame.widgets import html
from trame.widgets import vuetify3 as v
from trame_slicer import module as trame_slicer_module

from densesharp.report.labels import DISCLAIMER
from densesharp_scene.evidence import LOWEST_SHOWN, css_scale

from .aria import aria
from .launcher import ICON
from .page_card import build_card
from .page_cases import build_cases, build_worklist
from .page_change import build_prior_dialog
from .page_dialogs import ASKED, LOST, build_dialogs
from .page_export import build_export
from .page_list import build_list
from .page_tools import build_help, build_tools, do, icon_button
from .rendered_once import rendered_once
from .views import COLORS, PAIR, PRIOR, PRIOR_COLOR, SLICE_VIEWS

ASSETS = Path(__file__).with_name("assets")

MODULE = {
    "serve": {"densesharp_assets": str(ASSETS)},
    "scripts": [f"densesharp_assets/{name}.js" for name in ("order", "page", "lost")],
    "styles": ["densesharp_assets/page.css"],
}

_TITLES = {"axial": "Axial", "coronal": "Coronal", "sagittal": "Sagittal", "threed": "3D"}


def build_page(server: Any, layout_manager: Any) -> None:
    """Make the page of a viewer."""
    server.enable_module(trame_slicer_module)
    server.enable_module(MODULE)
    server.state.trame__title = "DenseSharp"
    server.state.trame__favicon = ICON
    server.state.trame__template_error = LOST
    with rendered_once(), VAppLayout(server) as layout:
        layout.root.theme = "dark"
        with html.Div(classes="ds-page", raw_attrs=[f':inert="Boolean({ASKED})"']):
            with html.Header(classes="ds-bar"):
                html.Div("DenseSharp", classes="ds-brand")
                build_tools()
            with html.Div(classes="ds-middle"):
                with html.Main(classes="ds-views"):
                    layout_manager.initialize_layout_grid(layout)
                    _build_welcome()
                with html.Aside(classes="ds-panel"):
                    with html.Div(classes="ds-scroll"):
                        _build_hint()
                        build_cases()
                        build_list()
                        build_card()
                    build_export()
            _build_foot()
        _build_message()
        _build_shown()
        build_dialogs()
        build_help()
        build_worklist()
        build_prior_dialog()


def decorate_case_view(server: Any, view_id: str, view: Any) -> None:
    """The same, and whose CT it is: not for a reader study, whose readers must not know."""
    if view_id == PRIOR:
        _name(view_id)
        decorate_prior_view()
        return
    decorate_view(server, view_id, view)
    if view_id not in SLICE_VIEWS.values():
        return
    with html.Div(classes="ds-over ds-case"):
        html.Span("{{ exam.patient }}", classes="ds-patient", title=("exam.patient",))
        html.Span("{{ exam.study }}")
        html.Span("{{ exam.series }}", title=("exam.series",))
    with html.Div(classes="ds-over"):
        html.Span("{{ levels }}", classes="ds-levels")
        if view_id == SLICE_VIEWS["axial"]:
            _build_evidence_scale()


def _name(view_id: str) -> None:
    """Tell the page's scripts which view it is."""
    html.Div(classes="ds-over", raw_attrs=[f'data-view="{view_id}"'])


def _build_evidence_scale() -> None:
    """Which color is how much of the evidence's maximum, and how much of the CT it covers."""
    with html.Div(v_if="evidence", classes="ds-evidence"):
        html.Span("Evidence, % of maximum")
        html.Div(classes="ds-evidence-colors", style=f"background: {css_scale()}")
        with html.Div(classes="ds-evidence-ends"):
            html.Span(f"{100 * LOWEST_SHOWN:.0f}")
            html.Span("100")
        html.Input(
            type="range", min="0", max="1", step="0.05", value=("evidence_opacity",),
            input=do("fade_evidence", "Number($event.target.value)"),
            title="How much of the CT the map covers", **aria(label="Opacity of the evidence map"),
        )  # fmt: skip


def decorate_prior_view() -> None:
    """Over the view of an earlier CT: whose it is, how long ago, and which slice is seen."""
    with html.Div(v_if="prior", classes="ds-over"):
        with html.Button(
            classes="ds-view-name", style=f"border-color: {PRIOR_COLOR}",
            click=do("layout", f"'{PAIR}'"), title="Show the open CT alone again (G)",
        ):  # fmt: skip
            html.Span("Earlier CT{{ prior.ago }}")
        for side in ("left", "right", "top", "bottom"):
            html.Span(f"{{{{ prior_slice.{side} }}}}", classes=f"ds-side ds-{side}")
        html.Span("{{ prior_slice.text }} · {{ prior_slice.number }}", classes="ds-where")
    with html.Div(v_if="prior", classes="ds-over ds-case"):
        html.Span("{{ prior.patient }}", classes="ds-patient", title=("prior.patient",))
        html.Span("{{ prior.study }}")
        html.Span("{{ prior.series }}", title=("prior.series",))


def decorate_view(_server: Any, view_id: str, _view: Any) -> None:
    """Small texts over a view: name, side letters, slice and slider."""
    tags = {tag: name for name, tag in SLICE_VIEWS.items()}
    name = tags.get(view_id, "threed")
    _name(view_id)
    with html.Div(classes="ds-over"):
        with html.Button(
            classes="ds-view-name",
            style=f"border-color: {COLORS[name]}",
            click=do("layout", f"'{name}'"),
            title="Show this view alone, or all four again",
        ):
            html.Span(_TITLES[name])
        if name == "threed":
            return
        for side in ("left", "right", "top", "bottom"):
            html.Span(f"{{{{ slices.{name}?.{side} }}}}", classes=f"ds-side ds-{side}")
        html.Span(
            f"{{{{ slices.{name}?.text }}}} · {{{{ slices.{name}?.number }}}}", classes="ds-where"
        )
        html.Input(
            type="range",
            min="0",
            max="1",
            step="0.0005",
            classes="ds-slider",
            style=f"accent-color: {COLORS[name]}",
            value=(f"slices.{name}?.fraction ?? 0.5",),
            input=do("slice", f"'{name}'", "Number($event.target.value)"),
            **aria(label=f"{_TITLES[name]} slice"),
        )


def _build_welcome() -> None:
    with html.Div(v_if="!opened && !busy", classes="ds-welcome"):
        html.H2("Open a chest CT")
        html.P(
            "Choose one NRRD, NIfTI or MHA file, or the folder of a DICOM study. They stay on this "
            "computer."
        )
        with html.Div(classes="ds-buttons"):
            for text, icon, click in (
                ("Open …", "mdi-file-outline", "utils.densesharp.choose()"),
                ("DICOM folder …", "mdi-folder-open-outline", "utils.densesharp.choose(true)"),
            ):
                icon_button(icon, text, classes="ds-button ds-strong", click=click)


def _build_hint() -> None:
    with html.Div(v_if="hint", classes="ds-hint"):
        v.VIcon("mdi-cursor-default-click-outline", size="small")
        html.Span("{{ hint }}")
        icon_button("mdi-close", classes="ds-icon", click=do("no_hint"), title="Close the hint")


def _build_message() -> None:
    with html.Div(
        v_if="message.text", classes=("`ds-message ds-${message.kind}`",), **aria("status")
    ):
        html.Span("{{ message.text }}")
        icon_button(
            "mdi-close", classes="ds-icon", click="utils.densesharp.forget()", title="Close"
        )


def _build_shown() -> None:
    """Tells the program which CT the page shows."""
    shows = "utils.densesharp?.shows(ct)"
    html.Div(
        hidden=True,
        raw_attrs=[':data-ct="ct"', f'@vue:mounted="{shows}"', f'@vue:updated="{shows}"'],
    )


def _build_foot() -> None:
    with html.Footer(classes="ds-foot"):
        html.Span(DISCLAIMER, classes="ds-research")
        html.Span("{{ model ? 'Model: ' + model : 'Loading the model …' }}", title=("model",))
        html.Button(
            "{{ device || 'No device yet' }}",
            classes="ds-device",
            click="utils.densesharp.settings()",
            title="What computes: this computer or a server",
        )
        html.Span("{{ seen }}", v_if="seen && pointer", classes="ds-seen")
        html.Span("{{ pointer || opened }}", classes="ds-grow ds-pointer", title=("opened",))
        with html.Div(v_if="busy", classes="ds-progress"):
            html.Span("{{ progress_text }}")
            html.Progress(max="100", value=("progress",), **aria(label="How far the work is"))
            html.Button("Cancel", classes="ds-button", click=do("cancel"), title="Esc")
        html.Span("Pictures are compressed; measurements come from the voxels.", classes="ds-dim")
