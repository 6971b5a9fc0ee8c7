"""The list of nodules of the open CT."""

from trame.widgets import html
from trame.widgets import vuetify3 as v

from densesharp.report.labels import VERDICT_WORDS

from .page_tools import do

COLUMNS = ("", "Nodule", "Class", "Inv.", "mm", "mm³", "CTR", "", "")

_IN_SIGHT = "utils.densesharp?.inSight($event.el, nodule.id)"


def build_list() -> None:
    """A line for each nodule; click jumps there."""
    with html.Section(classes="ds-list"):
        with html.Div(classes="ds-rows"), html.Table():
            with html.Thead(), html.Tr():
                for title in COLUMNS:
                    html.Th(title)
            with (
                html.Tbody(),
                html.Tr(
                    v_for="nodule in nodules",
                    key="nodule.id",
                    classes=(
                        "(nodule.id === selected ? 'ds-selected ' : '') + 'ds-' + nodule.decision",
                    ),
                    click="utils.densesharp.select(nodule.id)",
                    # That a row shows `came` has it looked at again with each answer.
                    raw_attrs=[
                        ':data-came="nodule.id === selected ? came : 0"',
                        *(f'@vue:{when}="{_IN_SIGHT}"' for when in ("mounted", "updated")),
                    ],
                ),
            ):
                with html.Td():
                    html.Span(classes="ds-dot", style=("{background: nodule.color}",))
                html.Td("{{ nodule.name }}", classes="ds-name")
                html.Td("{{ nodule.predicted }}")
                html.Td("{{ nodule.invasive }}")
                html.Td("{{ nodule.diameter }}")
                html.Td("{{ nodule.volume }}")
                html.Td("{{ nodule.ctr }}")
                with html.Td():
                    _state_icons()
                with (
                    html.Td(),
                    html.Button(
                        classes="ds-icon ds-once",
                        # The row under the button would select the nodule that it deletes.
                        delete=do("delete", "nodule.id"),
                        __events=[("delete", "click.stop")],
                        title="Delete (Delete)",
                    ),
                ):
                    v.VIcon("mdi-trash-can-outline", size="x-small")
        html.P(
            "No nodule yet: click one in a slice view.",
            v_if="opened && !nodules.length",
            classes="ds-dim",
        )
        html.P("{{ notice }}", v_for="notice in notices", key="notice", classes="ds-notice")


def _state_icons() -> None:
    icons = (
        ("nodule.state === 'busy'", "mdi-progress-clock", "is computed"),
        ("nodule.state === 'outdated'", "mdi-history", "outdated"),
        ("nodule.decision === 'accepted'", "mdi-check-bold", "accepted"),
        ("nodule.decision === 'rejected'", "mdi-close-thick", "rejected"),
        ("nodule.verdict === 'refused'", "mdi-cancel", VERDICT_WORDS["refused"]),
        ("nodule.verdict === 'caution'", "mdi-alert-outline", VERDICT_WORDS["caution"]),
    )
    for condition, icon, title in icons:
        v.VIcon(icon, v_if=condition, size="x-small", title=title)
