"""Everything that an analysis writes of the example study is what it wrote before."""

from stored_example import differences, stored, written


def test_results_tables_figures_and_page_are_those_that_were_stored(folder):
    before, now = stored(), written(folder / "out")
    assert list(now) == list(before)
    changed = {name: list(differences(now[name], before[name]))[:3] for name in now}
    assert {name: what for name, what in changed.items() if what} == {}


def test_a_changed_number_word_or_line_is_noticed():
    text = '{"auc": 0.812345678, "reader": "S1"}\n'
    assert list(differences(text, text)) == []
    assert list(differences(text.replace("0.812345678", "0.8123456789"), text)) == []
    for old, new in (("0.8123", "0.8125"), ("S1", "S2"), ("auc", "AUC"), ("}\n", "}\n\n1")):
        assert list(differences(text.replace(old, new), text)), new
