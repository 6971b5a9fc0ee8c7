"""What both front ends show of a nodule: the words, and what is left out."""

from dataclasses import replace

import numpy as np
import pytest

from densesharp.image.volume import Notice, Volume
from densesharp.nodule.guidelines import Context, all_hints
from densesharp.nodule.records import Uncertainty
from densesharp.report.labels import (
    VERDICT_WORDS,
    Phrase,
    measurement_rows,
    name_words,
    stability_sentence,
)
from densesharp_scene.card import list_row, result_card
from densesharp_scene.nodule import Nodule, Review
from nodule_results import nodule as a_result_at
from phantoms import grid_around


@pytest.fixture(scope="module")
def result():
    volume = Volume(
        np.full((24, 24, 24), -850, np.int16),
        grid_around((0, 0, 0), (24, 24, 24), (1, 1, 1), np.eye(3)),
    )
    found = a_result_at(volume, (12, 12, 12))
    hints = all_hints(found.measurements, Context())
    return replace(found, guidelines={name: hint.to_json() for name, hint in hints.items()})


@pytest.fixture
def nodule(result):
    return Nodule.first(result, "1")


def test_a_phrase_reads_finished_and_keeps_what_a_translator_needs():
    phrase = Phrase("Solid above {hu:.0f} HU", hu=-300.0)
    assert phrase == "Solid above −300 HU"
    assert Phrase("Fest über {hu:.0f} HE", **phrase.values) == "Fest über −300 HE"
    assert phrase.template == "Solid above {hu:.0f} HU"


def test_one_form_of_a_name():
    assert name_words("nodule_001") == "Nodule 1"
    assert name_words("nodule_120") == "Nodule 120"
    assert name_words("odd") == "odd"


def test_no_spread_is_shown_where_none_was_estimated(result, nodule):
    single = replace(result, uncertainty=Uncertainty.of_one_run(0.5))
    one, several = result_card(replace(nodule, result=single)), result_card(nodule)
    assert all(bar.spread == "" for bar in (*one.classes, *one.questions))
    assert all(bar.spread.startswith("± ") for bar in (*several.classes, *several.questions))
    assert one.spread == "Spread: not estimated from a single run."
    assert f"over {result.uncertainty.samples} runs" in several.spread
    assert not any("±" in row.value for row in one.measurements)


def test_a_spread_that_rounds_to_nothing_is_not_said_to_be_none(result, nodule):
    known = result.uncertainty
    tiny = replace(known, sd_class=dict.fromkeys(known.sd_class, 0.004), sd_iac=0.0, sd_invasive=0)
    tiny = replace(tiny, sd_measurements={"volume_mm3": 0.3, "long_axis_mm": 0.04, "ctr": 0.06})
    card = result_card(replace(nodule, result=replace(result, uncertainty=tiny)))
    assert {bar.spread for bar in (*card.classes, *card.questions)} == {"± <1"}
    values = {row.key: row.value for row in card.measurements}
    assert values["volume"].endswith(" ± <1")
    assert values["long_axis"].endswith(" ± <0.1")
    assert "± <1% over" in card.sentence
    assert "P(invasive) ± <0.01, P(IAC) ± <0.01" in card.spread


def test_the_verdict_says_the_same_in_every_place(nodule, result):
    from densesharp.dicom import codes

    for verdict, words in VERDICT_WORDS.items():
        card = result_card(replace(nodule, result=replace(result, verdict=verdict)))
        assert card.verdict.text == words == codes.VERDICTS[verdict].meaning


def test_reasons_come_gravest_first_with_their_tone(nodule, result):
    notices = (Notice("a", "Thin.", "info"), Notice("b", "Odd.", "caution"))
    card = result_card(replace(nodule, result=replace(result, notices=notices, verdict="caution")))
    assert [(each.text, each.tone) for each in card.reasons] == [
        ("Odd.", "caution"),
        ("Thin.", "quiet"),
    ]


def test_a_refused_answer_shows_its_reasons_only(nodule, result):
    notices = (Notice("c", "Air.", "refused"),)
    card = result_card(replace(nodule, result=replace(result, notices=notices, verdict="refused")))
    assert card.title == "Nodule 1: no result"
    assert (card.classes, card.questions, card.measurements, card.advice) == ((), (), (), ())
    assert "Air." in card.sentence


@pytest.mark.parametrize(("ratio", "shown"), [(0.0, False), (0.4, True), (1.0, False)])
def test_a_solid_part_is_shown_where_there_is_one_and_something_else(result, ratio, shown):
    measured = result.measurements
    part = replace(measured, solid=replace(measured.solid, ctr=ratio))
    keys = {row.key for row in measurement_rows(replace(result, measurements=part))}
    solid = {"solid", "solid_volume", "ctr"}
    assert solid & keys == (solid if shown else set())


def test_rules_that_do_not_apply_are_left_out(nodule, result):
    hint = next(iter(result.guidelines.values()))
    hints = {"one": {**hint, "applies": False}, "two": {**hint, "applies": True}}
    card = result_card(replace(nodule, result=replace(result, guidelines=hints)))
    assert len(card.advice) == 1


def test_a_decision_names_reader_and_local_time(nodule):
    from datetime import datetime, timezone

    stamp = datetime(2026, 1, 2, 3, 4, tzinfo=timezone.utc)
    decided = replace(nodule, review=Review("accepted", "Dr. A", stamp.isoformat()))
    local = stamp.astimezone().strftime("%Y-%m-%d %H:%M")
    assert result_card(decided).decided == f"Accepted by Dr. A on {local}."
    assert result_card(nodule).decided == "Not decided yet."


def test_the_line_of_the_list(nodule, result):
    row = list_row(nodule)
    assert row.name == "Nodule 1"
    assert row.volume == f"{result.measurements.volume_mm3:.0f}"
    assert row.predicted == result.predicted_class


def test_stability_counts_the_clicks(result):
    found = result.stability
    text = stability_sentence(found)
    assert f"{found.found} of {found.seeds} clicks moved by {found.offset_mm:g} mm" in text
    assert stability_sentence(None, running=True).endswith("being tested.")
    assert stability_sentence(None).endswith("not estimated.")
