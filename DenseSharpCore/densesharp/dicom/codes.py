"""The codes that DenseSharp writes into DICOM objects, and its private scheme.

Public codes: SNOMED CT (SCT), DICOM (DCM), RadLex (RADLEX), NCI Thesaurus (NCIt) and the Image
Biomarker Standardisation Initiative (IBSI), as in the context groups of DICOM PS3.16. What has no
public code (invasiveness classes, consolidation-to-tumor ratio, mass, verdict) is written under
`SCHEME`, which docs/reference/dicom.md describes.
"""

from pydicom.sr.coding import Code

from densesharp.nodule.records import CLASS_NAMES, Review
from densesharp.report.labels import VERDICT_WORDS

SCHEME = "99DENSESHARP"
SCHEME_NAME = "DenseSharp for 3D Slicer private codes"

CATEGORY = Code("49755003", "SCT", "Morphologically Altered Structure")
NODULE = Code("27925004", "SCT", "Nodule")
LUNG = Code("39607008", "SCT", "Lung")
SIDES = {"right": Code("24028007", "SCT", "Right"), "left": Code("7771000", "SCT", "Left")}
CT_CHEST = Code("169069000", "SCT", "Computed tomography of chest")
AI = Code("123109", "DCM", "Artificial Intelligence")

LONG_AXIS = Code("103339001", "SCT", "Long Axis")
SHORT_AXIS = Code("103340004", "SCT", "Short Axis")
VOLUME = Code("118565006", "SCT", "Volume")
VOLUME_METHOD = Code("126030", "DCM", "Sum of segmented voxel volumes")
MAX_3D_DIAMETER = Code("L0JK", "IBSI", "Maximum 3D Diameter of a Mesh")
ATTENUATION = Code("112031", "DCM", "Attenuation Coefficient")
MEAN = Code("373098007", "SCT", "Mean")
MINIMUM = Code("255605001", "SCT", "Minimum")
MAXIMUM = Code("56851009", "SCT", "Maximum")
DEVIATION = Code("386136009", "SCT", "Standard Deviation")

TEXTURE = Code("C41144", "NCIt", "Texture")
NODULE_TYPES = {
    "ground-glass": Code("RID50153", "RADLEX", "Non-solid pulmonary nodule"),
    "part-solid": Code("RID50152", "RADLEX", "Part-solid pulmonary nodule"),
    "solid": Code("RID50151", "RADLEX", "Solid pulmonary nodule"),
}

MM = Code("mm", "UCUM", "millimeter")
MM3 = Code("mm3", "UCUM", "cubic millimeter")
MG = Code("mg", "UCUM", "milligram")
HU = Code("[hnsf'U]", "UCUM", "Hounsfield unit")
RATIO = Code("1", "UCUM", "no units")

ALGORITHM_PARAMETERS = Code("111002", "DCM", "Algorithm Parameters")
TRACKING_ID = Code("112039", "DCM", "Tracking Identifier")
TRACKING_UID = Code("112040", "DCM", "Tracking Unique Identifier")


def private(value: str, meaning: str) -> Code:
    """A code of our own scheme; the meaning is cut to the 64 characters DICOM allows."""
    return Code(value, SCHEME, meaning.replace("\\", "/")[:64])


def decision(review: Review) -> Code:
    """What a reader decided, by whom and when."""
    words = " ".join(filter(None, (review.decision.capitalize(), review.time, review.reader)))
    return private(f"DS-{review.decision.upper()}", words)


PREDICTED_CLASS = private("DS-CLASS", "Predicted invasiveness class")
CLASSES = {
    name: private(f"DS-{name}", f"Predicted: {meaning}")
    for name, meaning in zip(
        CLASS_NAMES,
        (
            "atypical adenomatous hyperplasia or AIS",
            "minimally invasive adenocarcinoma",
            "invasive adenocarcinoma",
        ),
        strict=True,
    )
}
PROBABILITIES = {
    name: private(f"DS-P-{name}", f"Probability of class {name}") for name in CLASS_NAMES
}
PROBABILITY_INVASIVE = private("DS-P-INVASIVE", "Probability of MIA or IAC")
VERDICT = private("DS-VERDICT", "Reliability verdict of the software")
VERDICTS = {
    verdict: private(f"DS-V-{verdict.upper()}", words) for verdict, words in VERDICT_WORDS.items()
}
REASON = private("DS-REASON", "Reason for the verdict")
DECISION = private("DS-DECISION", "Decision of the reader")
OWN_NAME = private("DS-NAME", "Name that the reader gave the nodule")
BY_READER = private("DS-BY-READER", "Measured by the reader")
MASS = private("DS-MASS", "Nodule mass")
CTR = private("DS-CTR", "Consolidation-to-tumor ratio")
SOLID_VOLUME = private("DS-SOLID-VOLUME", "Volume of the solid part")
SOLID_LONG_AXIS = private("DS-SOLID-LONG", "Long axis of the solid part")
