"""What a nodule of each diagnosis may look like: the distributions that every nodule is drawn from.

Each diagnosis has its own distribution of CT type, size, density, solid part, margin, outline and
surroundings. They overlap on purpose: `posterior` gives the class probabilities of a reader who
sees these quantities without any error, so that its accuracy is the ceiling for every reader.

Sources. Numbers of cases and CT types: Zhao et al., Cancer Research 2018;78:6881 (39 AAH, 166 AIS,
316 MIA, 130 IAC; 346 pure ground-glass, 284 part-solid, 21 solid). Diameter: log-normal, set so
that diameter alone separates IAC from the rest with an AUC of about 0.85 (meta-analysis of 16
studies, Diagnostics 2024;14:147). Solid part: WHO 2021 and TNM (invasion up to 5 mm in MIA, more
in IAC). The remaining numbers are choices in the direction the literature agrees on (denser, more
lobulated, spiculated and vascular with invasion); no public table fixes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from densesharp.nodule.records import NoduleType

DIAGNOSES = ("AAH", "AIS", "MIA", "IAC")
UNLABELLED = ""
"""Diagnosis of nodules that are drawn for outlining only, by `draw_any`; they have no class."""

CLASS_OF = {"AAH": 0, "AIS": 0, "MIA": 1, "IAC": 2}
"""Class index, as in `densesharp.nodule.records.CLASS_NAMES`, of each diagnosis."""

CASES = {"AAH": 39, "AIS": 166, "MIA": 316, "IAC": 130}
"""Cases of each diagnosis in the paper."""

TYPES: tuple[NoduleType, NoduleType, NoduleType] = ("ground-glass", "part-solid", "solid")

DIAMETER_LIMITS = (4.0, 28.0)
"""mm; smaller nodules are micronodules, larger ones do not fit the network's 32 mm cube."""


@dataclass(frozen=True)
class Latents:
    """The quantities one nodule was made from.

    Attributes:
        diagnosis: `AAH`, `AIS`, `MIA`, `IAC`, or `UNLABELLED`.
        nodule_type: CT type.
        diameter_mm: diameter of the ball of the same volume.
        ground_glass_hu: density of the ground-glass part (also given, but unused, when solid).
        solid_ratio: solid over whole diameter; 0 for ground-glass, 1 for solid.
        margin_mm: width over which the density falls from nodule to lung.
        lobulation: 0..1, depth of the broad bumps of the outline.
        spiculation: 0..1, length of the thin spikes.
        vessels: vessels that end in the nodule.
        pleural: whether the nodule touches the pleura.
        bubble: whether it holds a bubble of air.
    """

    diagnosis: str
    nodule_type: NoduleType
    diameter_mm: float
    ground_glass_hu: float
    solid_ratio: float
    margin_mm: float
    lobulation: float
    spiculation: float
    vessels: int
    pleural: bool
    bubble: bool

    @property
    def class_index(self) -> int:
        """Index into `densesharp.nodule.records.CLASS_NAMES`."""
        return CLASS_OF[self.diagnosis]

    @property
    def solid_diameter_mm(self) -> float:
        """Diameter of the solid part."""
        return self.solid_ratio * self.diameter_mm


@dataclass(frozen=True)
class DiagnosisModel:
    """Distributions of one diagnosis; independent of each other given diagnosis and CT type.

    Attributes:
        types: shares of ground-glass, part-solid, solid.
        diameter: median in mm and standard deviation of the logarithm.
        ground_glass: mean and standard deviation in HU.
        solid_ratio: the two parameters of a beta distribution.
        margin: the same for the margin's width, scaled to 0.6..3.0 mm.
        lobulation: the same.
        spiculation: the same.
        vessels: mean of a Poisson distribution.
        pleural: probability.
        bubble: probability.
    """

    types: tuple[float, float, float]
    diameter: tuple[float, float]
    ground_glass: tuple[float, float]
    solid_ratio: tuple[float, float]
    margin: tuple[float, float]
    lobulation: tuple[float, float]
    spiculation: tuple[float, float]
    vessels: float
    pleural: float
    bubble: float


# AAH-AIS to IAC: 0.80, 0.52 and 0.13 ground-glass and 0, 0.02 and 0.11 solid give the paper's
# 346 / 284 / 21 when weighted with its cases.
MODELS: Mapping[str, DiagnosisModel] = {
    "AAH": DiagnosisModel(
        types=(0.92, 0.08, 0.0), diameter=(5.8, 0.24), ground_glass=(-660, 65),
        solid_ratio=(2.0, 6.0), margin=(2.2, 2.2), lobulation=(1.3, 3.5), spiculation=(1.0, 6.0),
        vessels=0.6, pleural=0.06, bubble=0.03,
    ),
    "AIS": DiagnosisModel(
        types=(0.77, 0.23, 0.0), diameter=(7.8, 0.32), ground_glass=(-630, 70),
        solid_ratio=(2.2, 5.5), margin=(2.2, 2.2), lobulation=(1.5, 3.0), spiculation=(1.1, 5.0),
        vessels=0.8, pleural=0.08, bubble=0.06,
    ),
    "MIA": DiagnosisModel(
        types=(0.52, 0.46, 0.02), diameter=(9.0, 0.33), ground_glass=(-585, 75),
        solid_ratio=(3.0, 5.0), margin=(2.0, 2.6), lobulation=(1.9, 2.6), spiculation=(1.3, 3.8),
        vessels=1.3, pleural=0.14, bubble=0.11,
    ),
    "IAC": DiagnosisModel(
        types=(0.13, 0.76, 0.11), diameter=(14.4, 0.38), ground_glass=(-525, 90),
        solid_ratio=(4.5, 3.5), margin=(1.8, 3.2), lobulation=(2.6, 2.0), spiculation=(1.9, 2.4),
        vessels=2.0, pleural=0.28, bubble=0.18,
    ),
}  # fmt: skip

MARGIN_LIMITS = (0.6, 3.0)


def draw(rng: np.random.Generator, diagnosis: str) -> Latents:
    """Draw one nodule of a diagnosis.

    Returns:
        What the nodule is made from.
    """
    model = MODELS[diagnosis]
    nodule_type = TYPES[int(rng.choice(3, p=model.types))]
    low, high = (_standard_log(model, d) for d in DIAMETER_LIMITS)
    z = stats.norm.ppf(rng.uniform(stats.norm.cdf(low), stats.norm.cdf(high)))
    narrow, wide = MARGIN_LIMITS
    ratio = {"ground-glass": 0.0, "solid": 1.0}.get(nodule_type)
    return Latents(
        diagnosis=diagnosis,
        nodule_type=nodule_type,
        diameter_mm=float(model.diameter[0] * np.exp(model.diameter[1] * z)),
        ground_glass_hu=float(rng.normal(*model.ground_glass)),
        solid_ratio=float(rng.beta(*model.solid_ratio)) if ratio is None else ratio,
        margin_mm=float(narrow + (wide - narrow) * rng.beta(*model.margin)),
        lobulation=float(rng.beta(*model.lobulation)),
        spiculation=float(rng.beta(*model.spiculation)),
        vessels=int(rng.poisson(model.vessels)),
        pleural=bool(rng.random() < model.pleural),
        bubble=bool(rng.random() < model.bubble),
    )


def draw_any(rng: np.random.Generator) -> Latents:
    """Draw a nodule without a class from far wider ranges (domain randomisation).

    Real nodules come in sizes, densities and shapes that no subcentimetre adenocarcinoma has; a
    network that shall outline them must have seen such ones.

    Returns:
        What the nodule is made from.
    """
    nodule_type = TYPES[int(rng.choice(3, p=(0.3, 0.25, 0.45)))]
    low, high = DIAMETER_LIMITS
    narrow, wide = MARGIN_LIMITS
    ratio = {"ground-glass": 0.0, "solid": 1.0}.get(nodule_type)
    return Latents(
        diagnosis=UNLABELLED,
        nodule_type=nodule_type,
        diameter_mm=float(low * (high / low) ** rng.beta(1.1, 1.3)),
        ground_glass_hu=float(rng.uniform(-780, -350)),
        solid_ratio=float(rng.uniform(0.2, 0.95)) if ratio is None else ratio,
        margin_mm=float(rng.uniform(narrow, wide)),
        lobulation=float(rng.beta(1.2, 1.2)),
        spiculation=float(rng.beta(1.0, 2.0)),
        vessels=int(rng.poisson(1.5)),
        pleural=bool(rng.random() < 0.3),
        bubble=bool(rng.random() < 0.12),
    )


def draw_diagnosis(rng: np.random.Generator) -> str:
    """Draw a diagnosis with the paper's shares."""
    cases = np.array([CASES[name] for name in DIAGNOSES], dtype=np.float64)
    return DIAGNOSES[int(rng.choice(len(DIAGNOSES), p=cases / cases.sum()))]


def log_density(latents: Latents, diagnosis: str) -> float:
    """Logarithm of the density of a nodule's latents under a diagnosis."""
    model = MODELS[diagnosis]
    share = model.types[TYPES.index(latents.nodule_type)]
    if share == 0:
        return -np.inf
    margin = (latents.margin_mm - MARGIN_LIMITS[0]) / (MARGIN_LIMITS[1] - MARGIN_LIMITS[0])
    terms = [
        np.log(share),
        _log_diameter_density(model, latents.diameter_mm),
        stats.beta.logpdf(margin, *model.margin),
        stats.beta.logpdf(latents.lobulation, *model.lobulation),
        stats.beta.logpdf(latents.spiculation, *model.spiculation),
        stats.poisson.logpmf(latents.vessels, model.vessels),
        np.log(model.pleural if latents.pleural else 1 - model.pleural),
        np.log(model.bubble if latents.bubble else 1 - model.bubble),
    ]
    if latents.nodule_type != "solid":  # no reader can see the ground glass of a solid nodule
        terms.append(stats.norm.logpdf(latents.ground_glass_hu, *model.ground_glass))
    if latents.nodule_type == "part-solid":
        terms.append(stats.beta.logpdf(latents.solid_ratio, *model.solid_ratio))
    return float(np.sum(terms))


def posterior(latents: Latents, cases: Mapping[str, float] = CASES) -> NDArray[np.float64]:
    """Class probabilities (3,) by Bayes' rule from the latents themselves: the perfect reader.

    Args:
        latents: a nodule.
        cases: prior weight of each diagnosis; default the paper's numbers of cases.
    """
    logs = np.array([np.log(cases[d]) + log_density(latents, d) for d in DIAGNOSES])
    weights = np.exp(logs - logs.max())
    classes = np.bincount([CLASS_OF[d] for d in DIAGNOSES], weights=weights)
    return np.asarray(classes / classes.sum())


def _standard_log(model: DiagnosisModel, diameter: float) -> float:
    return float(np.log(diameter / model.diameter[0]) / model.diameter[1])


def _log_diameter_density(model: DiagnosisModel, diameter: float) -> float:
    low, high = (stats.norm.cdf(_standard_log(model, d)) for d in DIAMETER_LIMITS)
    z = _standard_log(model, diameter)
    return float(stats.norm.logpdf(z) - np.log(model.diameter[1] * diameter * (high - low)))
