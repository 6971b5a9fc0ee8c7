"""An export folder of a made-up crossover study, whose truth about readers is known."""

import csv
import json
from pathlib import Path

import numpy as np

from densesharp.image.grid import Grid
from densesharp.study.conduct.reader_masks import encode

CLASSES = ("AAH-AIS", "MIA", "IAC")
READERS = {"J1": "junior", "J2": "junior", "S1": "senior", "S2": "senior"}
GRID = Grid((24, 24, 16), (0.0, 0.0, 0.0), (1.0, 1.0, 1.25), np.eye(3))


def write_csv(path: Path, rows: list[dict]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def ball(radius: float) -> np.ndarray:
    k, j, i = np.indices(GRID.shape)
    return (i - 12) ** 2 + (j - 12) ** 2 + (1.25 * (k - 8)) ** 2 <= radius**2


def ratings_of(score: float) -> tuple[str, float, float]:
    """Class and percentages for a score on the axis AAH-AIS 0, MIA 1, IAC 2."""
    invasive = 100 / (1 + np.exp(-2.5 * (score - 0.5)))
    iac = min(invasive, 100 / (1 + np.exp(-2.5 * (score - 1.5))))
    return CLASSES[int(score > 0.5) + int(score > 1.5)], round(invasive), round(iac)


def write_example(folder: Path, cases: int = 60, masks: int = 12, seed: int = 7) -> Path:
    """Write `folder/export` and `folder/truth.csv`; aided readings lean on the model."""
    rng = np.random.default_rng(seed)
    export = folder / "export"
    (export / "masks").mkdir(parents=True)
    truth = rng.choice(3, cases, p=[0.35, 0.45, 0.2])
    names = [f"C{n:03d}" for n in range(cases)]
    difficulty = 0.45 * rng.normal(size=cases)
    model_score = truth + difficulty + 0.35 * rng.normal(size=cases)
    radius = 5 + 2 * rng.random(cases)
    model, answers = [], []
    for n, case in enumerate(names):
        odds = np.exp(-2.5 * (model_score[n] - np.arange(3)) ** 2)
        chance = np.round(100 * odds / odds.sum(), 8)
        mask = f"masks/model_{case}.nrrd" if n < masks else ""
        if mask:
            (export / mask).write_bytes(encode(ball(radius[n]).astype(np.uint8), GRID))
        model.append({
            "case": case, "class": CLASSES[int(chance.argmax())], "p_aah_ais": chance[0],
            "p_mia": chance[1], "p_iac": chance[2], "p_invasive": chance[1] + chance[2],
            "trained_on": "made-up nodules",
            "model_sha256": "ab" * 32, "mask": mask,
        })  # fmt: skip
    for r, (reader, group) in enumerate(READERS.items()):
        noise = 0.75 if group == "junior" else 0.55
        first_aided = (np.arange(cases) + r) % 2 == 0
        order = rng.permutation(cases)
        for condition in ("unaided", "aided"):
            for n, case in enumerate(names):
                score = truth[n] + 0.7 * difficulty[n] + noise * rng.normal()
                if condition == "aided":
                    score = 0.55 * score + 0.45 * model_score[n]
                name, invasive, iac = ratings_of(score)
                session = 1 if (condition == "aided") == first_aided[n] else 2
                position = int(order[n]) + 1
                seconds = np.exp(3.6 + 0.2 * r - 0.002 * position + 0.3 * rng.normal())
                seconds *= 0.85 if condition == "aided" else 1
                mask = f"masks/{reader}_{case}_{condition}.nrrd" if n < masks else ""
                if mask:
                    drawn = ball(radius[n] + 0.5 * rng.normal())
                    (export / mask).write_bytes(encode(drawn.astype(np.uint8), GRID))
                answers.append({
                    "reader": reader, "group": group, "session": session, "position": position,
                    "role": "main", "case": case, "condition": condition, "step": 1, "final": 1,
                    "class": name, "p_invasive": invasive, "p_iac": iac, "confidence": 3,
                    "mask": mask, "active_s": round(float(seconds), 1),
                })  # fmt: skip
        for n in range(0, cases, 6):
            again = answers[-cases + n] | {"role": "repeat", "condition": "unaided", "mask": ""}
            answers.append(again | {"session": 3})
        answers.append(answers[-1] | {"role": "practice", "case": "P0"})
    write_csv(export / "answers.csv", answers)
    write_csv(export / "model.csv", model)
    pathology = [{"case": c, "class": CLASSES[t]} for c, t in zip(names, truth, strict=True)]
    write_csv(folder / "truth.csv", [*pathology, {"case": "C999", "class": "MIA"}])
    endpoint = {"figure": "auc", "task": "invasive", "readers": "random", "margin": 0.05}
    design = {
        "schema": 1, "study": "example", "title": "Made-up example study", "kind": "crossover",
        "washout_days": 28, "reveal": "with_image", "endpoint": endpoint,
        "aid": {"model": "example model", "model_sha256": "ab" * 32}, "truth_sha256": "",
    }  # fmt: skip
    (export / "design.json").write_text(json.dumps(design))
    return export
