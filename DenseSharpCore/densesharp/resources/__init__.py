"""Files that come with the package: the model and the simulated sample CT."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent


def model_path() -> Path:
    """The bundled model file."""
    return FOLDER / "model.safetensors"


def sample_path() -> Path:
    """The bundled chest CT; simulated, no patient."""
    return FOLDER / "sample_ct.nrrd"


def sample_truth() -> dict[str, Any]:
    """What was put into the sample CT: its nodules with class, place (LPS mm) and measurements."""
    content: dict[str, Any] = json.loads((FOLDER / "sample.json").read_text(encoding="utf-8"))
    return content
