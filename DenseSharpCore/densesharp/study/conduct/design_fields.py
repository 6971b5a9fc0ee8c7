"""What is asked when a study is planned: one list of fields for command line, browser and Slicer.

Front ends draw `FIELDS` and hand what was filled in, as texts and switches, to `planning.create`.
"""

from dataclasses import dataclass
from typing import Literal

from densesharp.study.conduct.design import DEFAULT_WASHOUT_DAYS

FieldKind = Literal["file", "folder", "text", "number", "choice", "switch"]


@dataclass(frozen=True)
class Field:
    """One thing to fill in.

    Attributes:
        name: stable name; the command line's option is `--name` with dashes.
        label: what a form shows.
        help: one line that explains it.
        kind: what is filled in.
        default: the text it begins with.
        choices: (value, label) of a choice.
        required: whether it must be filled in.
    """

    name: str
    label: str
    help: str
    kind: FieldKind = "text"
    default: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    required: bool = False


FIELDS = (
    Field("study", "Study folder", "folder to make", "folder", required=True),
    Field("cases", "Cases", "table case,image,x,y,z[,space][,practice][,patient][,properties to "
          "balance by]", "file", required=True),
    Field("readers", "Readers", "table reader,group", "file", required=True),
    Field("truth", "Truth", "table case,class: balances the order; only its hash is kept, the "
          "file is not copied", "file"),
    Field("key", "Key", "file to write the key of the order to, not in the study's folder; "
          "default: beside the truth"),
    Field("results", "Model's results", "one folder per case as 'densesharp predict' writes them",
          "folder"),
    Field("kind", "Kind", "each case alone and with the model a washout apart, or one after the "
          "other at once, or alone only", "choice", "crossover",
          (("crossover", "Crossover"), ("sequential", "Sequential"), ("unaided", "Unaided"))),
    Field("name", "Short name", "default: the folder's name"),
    Field("title", "Title", "what readers see; default: the short name"),
    Field("seed", "Seed", "of the random order; default: drawn and recorded", "number"),
    Field("washout_days", "Washout in days", "shortest time between a reader's sessions",
          "number", str(DEFAULT_WASHOUT_DAYS)),
    Field("reveal", "The model appears", "crossover: when a reading with the model shows it",
          "choice", "with_image",
          (("with_image", "With the image"), ("after_first_answer", "After a first answer"))),
    Field("repeats", "Repeated cases", "read again, unaided, in a last session", "number", "0"),
    Field("mask", "Own outline", "whether readers outline the nodule", "choice", "optional",
          (("none", "Not asked for"), ("optional", "Optional"), ("required", "Required"))),
    Field("hanging", "Window and zoom", "as readers like; that, noted with each answer; or fixed "
          "to the lung window and 120 mm across", "choice", "free",
          (("free", "Free"), ("logged", "Noted"), ("fixed", "Fixed"))),
    Field("going_back", "Corrections", "let readers correct answers of the running session",
          "switch"),
    Field("instructions", "Instructions", "text file that readers see before they start", "file"),
    Field("practice_feedback", "Feedback in practice", "tell the class after each practice case; "
          "the truth table must hold it", "switch"),
    Field("teaching", "Teaching", "tell the class after every case: a set to learn from, no trial; "
          "the study's folder then holds the truth", "switch"),
    Field("figure", "Endpoint", "figure of merit of the primary analysis", "choice", "auc",
          (("auc", "AUC"), ("sensitivity", "Sensitivity of the class"),
           ("specificity", "Specificity of the class"), ("accuracy", "Three-class accuracy"),
           ("quadratic_kappa", "Quadratic kappa against pathology"),
           ("vus", "Volume under the ROC surface"), ("dice", "Readers' Dice with each other"))),
    Field("task", "Task", "of AUC, sensitivity and specificity", "choice", "invasive",
          (("invasive", "Invasive against AAH-AIS"), ("iac", "IAC against the rest"))),
    Field("fixed_readers", "These readers only", "the primary analysis is about these readers, "
          "not about readers in general", "switch"),
    Field("margin", "Margin", "for non-inferiority, in units of the endpoint; empty: a test of "
          "difference", "number"),
    Field("equivalence", "Equivalence", "the margin holds on both sides: neither better nor worse",
          "switch"),
)  # fmt: skip
