"""The methods paragraph: what was computed, by which formula, of which source."""

from __future__ import annotations

from typing import Any

_ALWAYS = (
    "Areas under the empirical ROC curve (Mann-Whitney) of single readers and of the model have "
    "DeLong's variance (DeLong et al. 1988). Readers and conditions were compared by the "
    "Obuchowski-Rockette method with Hillis' degrees of freedom (Obuchowski & Rockette 1995; "
    "Hillis 2007; Hillis et al. 2008), the error covariance by the jackknife over cases, and "
    "max(Cov2 - Cov3, 0) in the denominators of the tests with random cases as in the Iowa "
    "program. Results are given for random readers and random cases, for these readers and random "
    "cases, and for random readers and these cases; U-statistics (Gallas et al. 2009), which also "
    "take missing readings, are shown beside them. Intervals are two-sided 95 %."
)


def methods(results: dict[str, Any]) -> list[str]:
    """Paragraphs for what this study has."""
    software = results["software"]
    out = [_ALWAYS]
    tasks = results["tasks"].values()
    if any(task.get("model") for task in tasks):
        out.append(
            "The model alone was compared with the readers as a single treatment with random "
            "readers and cases (1T-RRRC; Hillis 2007), and with each reader by DeLong's test with "
            "Holm's correction; non-inferiority one-sided (Chen, Petrick & Sahiner 2012)."
        )
    if any(task.get("calibration") for task in tasks):
        out.append(
            "Probabilities were judged by the Brier score, the expected calibration error in ten "
            "bins, logistic recalibration (Cox 1958) and decision curves (Vickers & Elkin 2006)."
        )
    if results["classes"]:
        out.append(
            "Three-class accuracy, quadratically weighted kappa against pathology and the volume "
            "under the ROC surface (Mossman 1999; Nakas & Yiannoutsos 2004; P(invasive) + P(IAC) "
            "as rating) went through the same multi-reader analysis. Weighted F1: bootstrap over "
            "cases within pathology, readers fixed. Paired calls: McNemar, Newcombe 1998, "
            "Tango 1998, Durkalski 2003, Obuchowski 1998, Stuart-Maxwell; generalized estimating "
            "equations with cases as clusters (Liang & Zeger 1986). Agreement: Fleiss 1971, Gwet "
            "2008, Krippendorff (bootstrap), Cohen 1968 (Fleiss, Cohen & Everitt 1969), ICC "
            "(McGraw & Wong 1996)."
        )
    if results["outlines"]:
        out.append(
            "Outlines: Dice; HD95, average symmetric surface distance and normalized surface Dice "
            f"from {results['outlines']['definition']}; consensus by STAPLE (Warfield 2004) in a "
            "box around the nodule and by majority, leaving out the reader who is compared. "
            "Volumes: limits of agreement of log ratios with several readers per case (Bland & "
            "Altman 2007), Lin's concordance."
        )
    if results["time"]:
        out.append(
            "Active reading time (window in front, last input less than 60 s ago) was analysed on "
            "the log scale by a linear mixed model with crossed readers and cases and reader by "
            "condition, REML, Satterthwaite's degrees of freedom."
        )
    out.append(
        "What the data do not determine is reported as not estimable. Missing readings were not "
        "replaced. Subgroups of readers are descriptive and hold for these readers only. "
        f"Software: {software['name']} {software['version']}."
    )
    return out
