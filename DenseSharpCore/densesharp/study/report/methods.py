"""The methods paragraph: what was computed, by which formula, of which source."""

from densesharp.study.analysis.study_results import StudyResults

_ALWAYS = (
    "Areas under the empirical ROC curve (Mann-Whitney) of single readers and of the model have "
    "DeLong's variance (DeLong et al. 1988) and intervals on the logit scale. Readers and "
    "conditions were compared by the Obuchowski-Rockette method with Hillis' degrees of freedom "
    "(Obuchowski & Rockette 1995; Hillis 2007; Hillis et al. 2008), the error covariance by the "
    "jackknife over cases, and max(Cov2 - Cov3, 0) in the denominators of the tests with random "
    "cases as in the Iowa program. Results are given for random readers and random cases, for "
    "these readers and random cases, and for random readers and these cases; U-statistics (Gallas "
    "et al. 2009), which also take missing readings, are shown beside them. Intervals are "
    "two-sided 95 %."
)


_OBUCHOWSKI_ROCKETTE = (
    "Figures of merit A of treatment i (of t) and reader j (of r); error covariances Var, Cov1 "
    "(same reader), Cov2 (same treatment), Cov3 (neither), averaged from the jackknife "
    "(K−1)/K Σ (θ(k) − mean)(θ(k) − mean)' over K cases",
    "Random readers and cases: F = MS(T) / D, D = MS(T×R) + r max(Cov2 − Cov3, 0), df t−1 and "
    "D² / {MS(T×R)² / [(t−1)(r−1)]}; difference ± t √(2 D / r)",
    "These readers: χ² = (t−1) MS(T) / [Var − Cov1 + (r−1) max(Cov2 − Cov3, 0)]",
    "One treatment: mean ± t √(Dᵢ / r), Dᵢ = MSᵢ(R) + r max(Cov2ᵢ, 0), df Dᵢ² / [MSᵢ(R)² / (r−1)]",
)
_AREA = (
    "AUC = Σ ψ(x, y) / (n₁ n₀), ψ 1, ½ or 0 for x above, equal to or below y; DeLong's variance "
    "S₁₀ / n₁ + S₀₁ / n₀ from the placement values"
)
_STANDALONE = (
    "Model alone: ψⱼ = A(model) − Aⱼ; SE = √{[MS + r max(Cov2, 0)] / r}, MS the variance of ψⱼ and "
    "Cov2 the jackknife covariance of ψⱼ and ψₗ; df (r−1) {[MS + r max(Cov2, 0)] / MS}²; "
    "non-inferior by margin δ: t = (mean ψ + δ) / SE, one-sided"
)
_KAPPA = (
    "Quadratic kappa = 1 − Σ d o / Σ d e, d = (i − j)²; alpha = 1 − (n−1) Σ o d / Σ nᵢ nⱼ d; "
    "Fleiss and Gwet: κ = (pa − pe) / (1 − pe), Var = Σ (κᵢ* − κ)² / [n(n−1)], κᵢ* = κᵢ − "
    "2 (1 − κ)(peᵢ − pe) / (1 − pe), κᵢ = (n / n₂)(paᵢ − pe) / (1 − pe) for the n₂ of n cases "
    "rated twice or more, else 0"
)
_VUS = "Volume under the ROC surface = P(x₁ < x₂ < x₃), ties ½ and 1/6"
_CALIBRATION = (
    "Brier = mean (p − y)²; calibration error = Σ nᵦ / n |mean y − mean p|; net benefit = TP / n − "
    "FP / n · pₜ / (1 − pₜ)"
)
_OUTLINES = (
    "Dice = 2 |A∩B| / (|A| + |B|); NSD(τ) = area of both surfaces within τ of the other / area of "
    "both; limits of agreement = bias ± 1.96 √[s²(case means) + (1 − 1/m) s²(within)], m the "
    "harmonic mean of readers per case"
)
_TIME = (
    "log(seconds) = aided + period + position + aided × group + reader + case + reader × aided + "
    "case × aided"
)


def formulas(results: StudyResults) -> list[str]:
    """The formulas behind what this study has."""
    tasks = list(results.tasks.values())
    out = [_AREA] if tasks else []
    out += _OBUCHOWSKI_ROCKETTE
    wanted = (
        (any(task.model for task in tasks), _STANDALONE),
        (results.classes, _KAPPA),
        (results.classes and tasks, _VUS),
        (any(task.calibration for task in tasks), _CALIBRATION),
        (results.outlines, _OUTLINES),
        (results.time, _TIME),
    )
    return out + [text for has, text in wanted if has]


_MODEL_ALONE = (
    "The model alone was compared with the readers as a single treatment with random "
    "readers and cases (1T-RRRC; Hillis 2007), and with each reader by DeLong's test with "
    "Holm's correction."
)
_BINORMAL = (
    "Binormal curves (maximum likelihood: Dorfman & Alf 1969; Metz, Herman & Shen 1998) "
    "stand beside the empirical ones; no comparison uses them."
)
_MARKS = (
    "Marks at and off lesions: areas under the AFROC and weighted AFROC curves "
    "(Chakraborty & Berbaum 2004; Chakraborty & Zhai 2016) or under the LROC curve "
    "(Swensson 1996) went through the same multi-reader analysis. The ROC analysis takes "
    "each case's highest rating; a case without mark is rated below all others."
)
_NON_INFERIORITY = (
    "Non-inferiority of the primary endpoint was tested one-sided at level 0.025 with the "
    "design's margin and the standard error and degrees of freedom of the comparison "
    "(Chen, Petrick & Sahiner 2012); this is the same as the two-sided 95 % interval above "
    "minus the margin. All other p-values are two-sided."
)
_PROBABILITIES = (
    "Probabilities were judged by the Brier score, the expected calibration error in ten "
    "bins, logistic recalibration (Cox 1958) and decision curves (Vickers & Elkin 2006)."
)
_CLASSES = (
    "Three-class accuracy, quadratically weighted kappa against pathology and the volume "
    "under the ROC surface (Mossman 1999; Nakas & Yiannoutsos 2004; P(invasive) + P(IAC) "
    "as rating) went through the same multi-reader analysis. Three-class probabilities: "
    "Hand & Till 2001, one-vs-rest AUC, concordance (Obuchowski 2005), Brier. Weighted F1: "
    "bootstrap over cases within pathology, readers fixed, t on the logit scale. "
    "Paired calls: McNemar, Newcombe 1998, Tango 1998, Durkalski 2003, Obuchowski 1998, "
    "Stuart-Maxwell; generalized estimating equations with cases as clusters (Liang & "
    "Zeger 1986; below 100 of them Mancl & DeRouen 2001 and t), sessions coded -1/2 and "
    "1/2 and their interaction with the condition centred. "
    "Automation bias: right answers changed to the model's wrong class, against changes "
    "where the model was right; clusters are readers and cases (Cameron, Gelbach & Miller "
    "2011), or cases alone where that is wider. Agreement: Fleiss 1971, Gwet 2008 and "
    "2014 (cases rated once count in the use of the classes only), Krippendorff "
    "(bootstrap), Cohen 1968 (jackknife, Fisher's z), ICC (McGraw & Wong 1996; of "
    "two-way random raters with the generalized interval, Weerahandi 1993)."
)
_OUTLINES_HOW = (
    "Outlines: Dice; HD95, average symmetric surface distance and normalized surface Dice "
    "from {definition}; consensus by STAPLE (Warfield 2004) in a "
    "box around the nodule and by majority, leaving out the reader who is compared. "
    "Volumes (log ratios) and mean diameters (mm; Bankier 2017): limits of agreement with "
    "any reader like these and their intervals (random readers and cases; Zou 2013), Lin's "
    "concordance of model and mean reader, ICC of the readers (generalized interval). Where "
    "readers outlined in both conditions, mean Dice with the other readers went through the "
    "multi-reader analysis."
)
_TIME_HOW = (
    "Active reading time (window in front, last input less than 60 s ago) was analysed on "
    "the log scale by a linear mixed model with crossed readers and cases, reader by "
    "condition and case by condition, REML, Satterthwaite's degrees of freedom; spreads by "
    "restricted maximum likelihood with profile intervals (those of readers cover about 92 % with "
    "four readers). With four readers whose gain differs the test rejects in 6 to 7 %, not 5 %."
)
_EQUIVALENCE = (
    "Equivalence of the primary endpoint was tested by two one-sided tests at level 0.025 "
    "each with the design's margin (Schuirmann 1987), of two conditions by intervals made "
    "from those on the logit scale (Zou & Donner 2008); this is the same as the two-sided "
    "95 % interval within the margin on both sides (ICH E9). All other p-values are "
    "two-sided."
)
_NOT_ESTIMABLE = (
    "What the data do not determine is reported as not estimable. Missing readings were not "
    "replaced in the main analysis, which takes the cases that all readers read; worst and "
    "best case (every missing reading wrong, or right) and the U-statistics, which use all "
    "readings, stand beside it. Subgroups of readers hold for these readers only, and those "
    "of cases are descriptive."
)


def estimand(results: StudyResults) -> str:
    """What the primary comparison is an estimate of (the attributes of ICH E9(R1))."""
    primary = next((row for row in results.endpoints if row.primary), None)
    fixed = primary is not None and primary.form == "frrc"
    readers = "exactly these readers" if fixed else "readers like these"
    if primary is None:
        what, compared = "each figure of merit", "one condition minus another"
    else:
        what, compared = primary.figure, f"{primary.first} minus {primary.second}"
    return (
        f"Estimand: the difference in {what}, {compared}, averaged over {readers} and over cases "
        "like these, against the reference standard. Every planned reading counts as it was "
        "submitted, also one begun before the washout was over, one that was paused and one that "
        "was corrected; a reading that was not made is missing, whatever the reason."
    )


def methods(results: StudyResults) -> list[str]:
    """Paragraphs for what this study has."""
    software, tasks = results.software, results.tasks.values()
    definition = results.outlines.definition if results.outlines else ""
    wanted = (
        (any(task.model for task in tasks), _MODEL_ALONE),
        (any(task.binormal for task in tasks), _BINORMAL),
        (results.marks, _MARKS),
        (any(row.non_inferiority for row in results.endpoints), _NON_INFERIORITY),
        (any(task.calibration for task in tasks), _PROBABILITIES),
        (results.classes, _CLASSES),
        (results.outlines, _OUTLINES_HOW),
        (results.time, _TIME_HOW),
        (any(row.equivalence for row in results.endpoints), _EQUIVALENCE),
    )
    told = [text.replace("{definition}", definition) for has, text in wanted if has]
    last = f"{_NOT_ESTIMABLE} Software: {software.name} {software.version}."
    return [_ALWAYS, *told, last]
