"""The paper's own observer study, rebuilt from its published tables."""

import json

import numpy as np
import pytest

from densesharp.cli import study
from densesharp.stats.proportions import mcnemar
from densesharp.study.analysis.paper_study import (
    MEAN_READER,
    MODEL,
    NODULES,
    READERS_RIGHT,
    largest_significant_discordance,
    rebuild,
)


def test_published_counts_fit_together():
    assert MODEL.sum() == MEAN_READER.sum() == NODULES
    assert (MODEL.sum(1) == MEAN_READER.sum(1)).all()
    assert sum(READERS_RIGHT.values()) == 4 * np.trace(MEAN_READER)
    printed = {"Senior 1": 55.4, "Senior 2": 56.3, "Junior 1": 53.9, "Junior 2": 50.8}
    for reader, percent in printed.items():
        assert 100 * READERS_RIGHT[reader] / NODULES == pytest.approx(percent, abs=0.08)


def test_what_can_be_rebuilt_has_the_published_values():
    found = rebuild()
    model, reader = found.model, found.mean_reader
    assert model.accuracy.value == pytest.approx(0.641, abs=5e-4)
    assert model.accuracy.ci == pytest.approx((0.555, 0.719), abs=5e-4)
    assert model.weighted_f1.value == pytest.approx(0.633, abs=5e-4)
    assert model.mcc.value == pytest.approx(0.407, abs=5e-4)
    assert reader.kappa["linear"].value == pytest.approx(0.358, abs=5e-4)
    assert reader.kappa["quadratic"].value == pytest.approx(0.460, abs=5e-4)
    assert reader.balanced_accuracy.value == pytest.approx(0.555, abs=5e-4)
    assert found.largest_class.value == 0.5
    invasive, iac = found.questions["invasive"], found.questions["iac"]
    assert invasive.model.sensitivity.value == pytest.approx(0.933, abs=5e-4)
    assert invasive.model.specificity.value == pytest.approx(0.447, abs=5e-4)
    assert invasive.mean_reader.sensitivity.value == pytest.approx(0.683, abs=5e-4)
    assert invasive.mean_reader.accuracy.value == pytest.approx(0.652, abs=5e-4)
    assert iac.mean_reader.accuracy.value == pytest.approx(0.855, abs=5e-4)
    assert invasive.auc.ci == pytest.approx((0.71, 0.87), abs=5e-3)
    assert iac.auc.ci == pytest.approx((0.79, 0.97), abs=5e-3)


def test_means_of_readers_have_no_interval():
    found = rebuild()
    assert found.mean_reader.accuracy.ci is None
    assert found.mean_reader.kappa["quadratic"].ci is None
    assert found.questions["invasive"].mean_reader.specificity.ci is None


def test_the_lead_over_the_best_reader_is_undecided():
    lead = rebuild().model_against_best_reader
    assert (lead.lead, lead.significant_up_to) == (10, 26)
    assert lead.test.value is None
    assert lead.test.reason
    assert lead.p["fewest discordant"] < 0.05 < lead.p["most discordant"]
    assert mcnemar(18, 8, exact=False).p < 0.05 < mcnemar(19, 9, exact=False).p
    assert largest_significant_discordance(0) == 0


def test_the_command_says_what_cannot_be_concluded(tmp_path, capsys):
    import argparse

    parser = argparse.ArgumentParser()
    study.configure(parser)
    target = tmp_path / "paper.json"
    assert study.run(parser.parse_args(["paper", "--json", str(target)])) == 0
    text = capsys.readouterr().out
    assert "No p-value" in text
    assert "cannot be concluded" in text
    found = json.loads(target.read_text())
    assert found["model_against_best_reader"]["test"]["value"] is None
    assert found["model"]["counts"][1] == [6, 49, 9]
