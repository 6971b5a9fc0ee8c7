"""Every number of every expected file is reproduced, or excluded for a reason that is said here."""

import json
from pathlib import Path

import pytest
import reference_accuracy as accuracy
import reference_agreement as agreement
import reference_imrmc as imrmc
import reference_mrmcaov as mrmcaov
import reference_rjafroc as rjafroc
from reference_tree import Outcome, Rule, compare, leaves, rule_for

# What is asked for is all printed digits. Where a program prints few, the rule is half a step of
# the last one; where it stops early, what is known about it.
PRINTED = "the program prints this many digits"
RULES: dict[str, tuple[Rule, ...]] = {
    "anxiety_expected": (
        Rule("irrCAC/*/ci/?", 0, 5.1e-4, PRINTED),
        Rule("irrCAC/*/value", 0, 5.1e-6, PRINTED),
        Rule("irrCAC/*/se", 0, 5.1e-6, PRINTED),
        Rule("irrCAC/*/p", 1e-6, 1e-14, "irrCAC takes 1 minus a probability, so tiny ones are 0"),
    ),
    "fleiss1971_expected": (
        Rule("irr_fleiss/per_category/*", 0, 5.1e-4, PRINTED),
        Rule("irrCAC/*/ci/?", 0, 5.1e-4, PRINTED),
        Rule("irrCAC/*/value", 0, 5.1e-6, PRINTED),
        Rule("irrCAC/*/se", 0, 5.1e-6, PRINTED),
        Rule("irrCAC/*/p", 1e-6, 1e-14, "irrCAC takes 1 minus a probability"),
    ),
    "penicillin_expected": (
        Rule("reml_criterion", 0, 1e-7, "lme4's optimiser stops 9e-9 above our minimum"),
        Rule("profile_ci/*", 5e-5, 0, "lme4 interpolates the profile by a spline"),
        Rule("fixed/0/Pr(>|t|)", 2e-3, 0, "follows the variances where lme4's optimiser stops"),
        Rule("fixed/0/df", 2e-4, 0, "follows the variances where lme4's optimiser stops"),
        Rule("fixed/0/Estimate", 1e-6, 0, "all digits"),
        Rule("*", 1e-4, 0, "lme4's optimiser stops 9e-9 above our minimum of the criterion"),
    ),
    "staple4_expected": (
        Rule("sensitivity/*", 0, 5e-7, "SimpleITK's iteration stops earlier than ours"),
        Rule("specificity/*", 0, 5e-7, "SimpleITK's iteration stops earlier than ours"),
    ),
    "vandyke_expected": (
        Rule("iMRMC/*/pValueNormal", 1e-6, 1e-14, "iMRMC takes 1 minus a probability"),
        Rule("iMRMC/*/pValueBDG", 1e-4, 0, "iMRMC takes 1 minus a probability"),
    ),
    "vandyke_iowa_ordbm": (
        Rule("auc/*", 0, 5.1e-9, PRINTED),
        Rule("anova/*", 0, 5.1e-9, PRINTED),
        Rule("OR_components/*", 0, 5.1e-9, PRINTED),
        Rule("DBM_components/*", 0, 5.1e-9, PRINTED),
        Rule("RRRC/error_MS", 0, 5.1e-9, PRINTED),
        Rule("RRRC/single/?/2", 0, 5.1e-3, PRINTED),
        Rule("*RC/single/*", 0, 5.1e-9, PRINTED),
        Rule("FRRC/X2", 0, 5.1e-6, PRINTED),
        Rule("RRFC/p", 0, 5.1e-4, PRINTED),
        Rule("RRFC/diff/rest/2", 0, 5.1e-4, PRINTED),
        Rule("*/diff/rest/?", 0, 5.1e-3, PRINTED),
        Rule("*/p", 0, 5.1e-5, PRINTED),
        Rule("RRRC/F", 0, 5.1e-3, PRINTED),
        Rule("RRRC/ddf", 0, 5.1e-3, PRINTED),
        Rule("RRFC/F", 0, 5.1e-3, PRINTED),
        Rule("FRRC/per_reader/?/3", 0, 5.1e-3, PRINTED),
        Rule("FRRC/per_reader/?/4", 0, 5.1e-5, PRINTED),
        Rule("*", 0, 5.1e-6, PRINTED),
    ),
}

BORDER_VOXELS = (
    "MONAI counts border voxels where the product, as its reports say, weighs surface elements by "
    "their area (DeepMind's definition); the data folder's README: the tools disagree by definition"
)
EXCLUSIONS: dict[str, dict[str, str]] = {
    "anxiety_expected": {
        "cohen_ci_statsmodels_raters_1_2/linear/2": (
            "a slip in the file: 0.44662 is not the kappa plus the half width of its own lower "
            "limit (0.44652), which is also what statsmodels gives"
        ),
    },
    "giavarina2015_expected": {
        "A_vs_B/exact_noncentral_*": (
            "the data folder's README: no independent check, R warned about the tail, not a gate; "
            "the product offers no exact limits"
        ),
    },
    "segmetrics_expected": {
        "values/*/monai/assd": BORDER_VOXELS,
        "values/*/monai/nsd_?mm": BORDER_VOXELS,
        "values/*/sitk/avg": (
            "SimpleITK's average Hausdorff distance runs over all voxels of a mask, not over its "
            "surface: another measure, which the product does not offer"
        ),
    },
}


@pytest.fixture(scope="module")
def outcomes(reader_study_folder: Path, rows_of, van_dyke) -> dict[str, Outcome]:
    found = {
        "anxiety_expected": agreement.anxiety(rows_of("anxiety")),
        "asah_expected": accuracy.asah(rows_of("asah"), rows_of("asah_prob")),
        "asah_prob_expected": accuracy.asah_prob(rows_of("asah_prob")),
        "fleiss1971_expected": agreement.fleiss1971(rows_of("fleiss1971")),
        "giavarina2015_expected": agreement.giavarina2015(rows_of("giavarina2015")),
        "handtill_glass_expected": accuracy.handtill_glass(rows_of("handtill_glass")),
        "lidc_expected": agreement.lidc(rows_of("lidc_ratings")),
        "mcnemar_expected": agreement.approval_ratings(),
        "penicillin_expected": agreement.penicillin(rows_of("penicillin")),
        "segmetrics_expected": accuracy.segmetrics(),
        "staple4_expected": accuracy.staple4(rows_of("staple4")),
        "vandyke_binary_expected": mrmcaov.binary(van_dyke),
        "vandyke_expected": {
            "MRMCaov": mrmcaov.mrmcaov(van_dyke),
            "MRMCaov_binary": mrmcaov.mrmcaov_binary(van_dyke),
            "RJafroc_DBM": rjafroc.dorfman_berbaum_metz(van_dyke),
            "RJafroc_OR": rjafroc.obuchowski_rockette(van_dyke),
            "iMRMC": imrmc.imrmc(van_dyke),
            "pROC_DeLong_per_reader": imrmc.proc(van_dyke),
            "RJafroc_power": rjafroc.power_of_studies(van_dyke),
            "RJafroc_standalone_reader1_vs_readers2to5_treatment1": rjafroc.model_alone(van_dyke),
        },
        "vandyke_iowa_ordbm": mrmcaov.published(van_dyke),
    }
    return {
        path.stem: compare(
            json.loads(path.read_text()),
            found.get(path.stem),
            RULES.get(path.stem, ()),
            EXCLUSIONS.get(path.stem, {}),
        )
        for path in sorted(reader_study_folder.glob("*.json"))
    }


def test_every_computed_number_agrees(outcomes):
    wrong = {f"{name}: {k}": v for name, one in outcomes.items() for k, v in one.wrong.items()}
    assert wrong == {}


def test_no_number_is_neither_computed_nor_excluded(outcomes):
    missing = [f"{name}: {path}" for name, one in outcomes.items() for path in one.missing]
    assert missing == []
    assert sum(one.checked for one in outcomes.values()) > 2000
    assert all(one.checked for one in outcomes.values())


def test_every_exclusion_is_needed_and_has_a_reason(outcomes):
    used = {(name, p) for name, one in outcomes.items() for p in one.excluded.values()}
    assert used == {(name, p) for name, table in EXCLUSIONS.items() for p in table}
    assert all(len(why) > 40 for table in EXCLUSIONS.values() for why in table.values())
    assert sum(len(one.excluded) for one in outcomes.values()) == 17


def test_every_rule_fits_a_number_and_no_rule_is_loose(reader_study_folder):
    for name, rules in RULES.items():
        wanted = json.loads((reader_study_folder / f"{name}.json").read_text())
        used = {rule_for(path, rules).pattern for path, _ in leaves(wanted)}
        assert {rule.pattern for rule in rules} <= used, name
        assert all(rule.relative <= 2e-3 and rule.absolute <= 5.1e-3 for rule in rules)


def test_the_comparison_notices_wrong_and_missing_numbers():
    wanted = {"a": [1.0, {"b": 2}], "c": "(0.1,0.2)", "d": None, "e": True, "f": "text"}
    assert dict(leaves(wanted)) == {"a/0": 1, "a/1/b": 2, "c/0": 0.1, "c/1": 0.2}
    found = compare(wanted, {"a": [1.0, {"b": 2.01}], "c": [0.1]}, (), {})
    assert set(found.wrong) == {"a/1/b"}
    assert found.missing == ["c/1"]
    assert found.checked == 2
    assert compare(wanted, None, (), {"c/*": "x"}).excluded == {"c/0": "c/*", "c/1": "c/*"}
