"""The card of the selected nodule."""

from trame.widgets import html
from trame.widgets import vuetify3 as v

from .aria import aria
from .page_change import build_change
from .page_tools import do, icon_button
from .patient_form import build_form

SHOWN = 6
"""Measurements in sight: the axes, the diameters of the guidelines and in 3D, and the volume."""


def build_card() -> None:
    """Verdict, classes, certainty, measurements, hints and sentence."""
    with html.Section(v_if="card", classes="ds-card"):
        _build_title()
        _build_verdict()
        _build_bars()
        _build_certainty()
        _build_sizes()
        build_change()
        _build_hints()
        build_form()
        _build_sentence()
    with html.Section(v_if="!card && opened", classes="ds-card ds-dim"):
        html.P("The result of a click appears here.")


def _build_title() -> None:
    with html.Div(classes="ds-title"):
        # What is typed stays, whatever the card shows meanwhile, until the field is left.
        html.Input(
            type="text", maxlength="60", classes="ds-rename", **aria(label="Name of the nodule"),
            value=("utils.densesharp?.nameOf(card) ?? card.name",),
            focus="utils.densesharp.naming(card)", input="utils.densesharp.typed($event)",
            blur="utils.densesharp.named($event, card)",
        )  # fmt: skip
        icon_button(
            "mdi-refresh", classes="ds-button", click=do("again", "card.id"),
            title="Compute again from the seed",
        )  # fmt: skip
    html.Div("{{ card.decided }}", classes="ds-dim")


def _build_verdict() -> None:
    with html.Div(v_if="card.outdated", classes="ds-outdated"):
        v.VIcon("mdi-history", size="small")
        html.Span("{{ card.outdated }}")
    with html.Div(classes=("`ds-verdict ds-${card.kind}`",)):
        v.VIcon("{{ card.icon }}", size="small")
        html.B("{{ card.verdict.text }}")
    with html.Ul(v_if="card.reasons.length", classes="ds-reasons"):
        html.Li(
            "{{ reason.text }}",
            v_for="reason in card.reasons",
            key="reason.text",
            classes=("'ds-' + reason.tone",),
        )


def _build_bars() -> None:
    with html.Div(v_if="card.classes.length", classes="ds-bars"):
        _build_bar("card.classes", "(bar.chosen ? 'ds-most' : '')")
        html.Hr()
        _build_bar("card.questions", "''")
        html.P("{{ card.training }}", classes="ds-dim ds-small")


def _build_bar(bars: str, extra: str) -> None:
    with html.Div(
        v_for=f"bar in {bars}",
        key="bar.label",
        classes=(f"'ds-bar-line ' + {extra}",),
        title=("bar.long",),
    ):
        html.Span("{{ bar.label }}", classes="ds-bar-title")
        with html.Span(classes="ds-bar-track"):
            html.Span(classes="ds-bar-fill", style=("{width: 100 * bar.value + '%'}",))
        html.Span("{{ bar.text }}", classes="ds-bar-text")
        html.Span("{{ bar.spread }}", classes="ds-bar-spread")


def _build_certainty() -> None:
    with html.Div(classes="ds-certainty"):
        with html.P():
            html.Span(
                v_if="card.stability.tone !== 'quiet'",
                classes=("`ds-light ds-${card.stability.tone}`",),
            )
            html.Span("{{ card.stability.text }}")
        html.P("{{ card.spread }}", classes="ds-dim")


def _build_sizes() -> None:
    with html.Div(v_if="card.measurements.length"):
        html.H3("Measurements")
        html.P("{{ lengths }}", v_if="lengths", classes="ds-reader-lengths")
        _build_lines(f"card.measurements.slice(0, {SHOWN})")
        with html.Details(v_if=f"card.measurements.length > {SHOWN}", classes="ds-more"):
            html.Summary(f"{{{{ card.measurements.length - {SHOWN} }}}} more")
            _build_lines(f"card.measurements.slice({SHOWN})")


def _build_lines(lines: str) -> None:
    with html.Dl(classes="ds-lines"), html.Template(v_for=f"line in {lines}", key="line.label"):
        html.Dt("{{ line.label }}")
        html.Dd("{{ line.text }}")


def _build_hints() -> None:
    with html.Div(v_if="card.advice.length"):
        html.H3("Guideline hints and baselines")
        with html.Details(v_for="hint in card.advice", key="hint.title", classes="ds-hints"):
            with html.Summary():
                html.B("{{ hint.title }}")
                html.Span("{{ hint.answer }}")
            html.P("{{ hint.details }}", classes="ds-dim")


def _build_sentence() -> None:
    html.H3("For the report")
    html.P("{{ card.sentence }}", classes="ds-sentence")
