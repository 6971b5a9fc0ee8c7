"""The reader's own files that a page takes for granted: CTs, tables, studies."""

import itertools
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pages import ROOT, tables

from densesharp.image.grid import Grid
from densesharp.resources import model_path, sample_path, sample_truth
from densesharp.simulate.simulated_set import BALANCED, Recipe, write_dataset
from dicom_phantom import write_series


def sample_at(path: Path, ras: tuple[float, float, float], nodule: int = 1) -> None:
    """The sample CT, moved so that one of its nodules lies at a place (RAS mm)."""
    image = sitk.ReadImage(str(sample_path()))
    _move(image, ras, nodule)
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path), useCompression=False)


def _move(image: sitk.Image, ras: tuple[float, float, float], nodule: int) -> None:
    lps = np.array(ras) * (-1, -1, 1)
    shift = lps - sample_truth()["nodules"][nodule - 1]["center_lps"]
    image.SetOrigin((np.array(image.GetOrigin()) + shift).tolist())


def cube_of_sample(nodule: int = 1, ras: tuple[float, float, float] | None = None) -> sitk.Image:
    """80 mm of the sample CT around one of its nodules."""
    image = sitk.ReadImage(str(sample_path()))
    center = sample_truth()["nodules"][nodule - 1]["center_lps"]
    middle = image.TransformPhysicalPointToIndex(center)
    size = [80, 80, 64]
    start = [int(np.clip(m - s // 2, 0, n - s))
             for m, s, n in zip(middle, size, image.GetSize(), strict=True)]  # fmt: skip
    cube = sitk.RegionOfInterest(image, size, start)
    if ras:
        _move(cube, ras, nodule)
    return cube


def write_dicom(folder: Path, ras: tuple[float, float, float], nodule: int = 1) -> None:
    """A CT series with one of the sample's nodules at a place (RAS mm)."""
    cube = cube_of_sample(nodule, ras)
    grid = Grid(cube.GetSize(), cube.GetOrigin(), cube.GetSpacing(), np.eye(3))
    write_series(folder, sitk.GetArrayFromImage(cube), grid)


def write_pair(folder: Path, name: str, nodule: int) -> None:
    """A CT of 80 mm and the mask of its nodule."""
    mask_file = Path(sample_path()).with_name("sample_mask.nrrd")
    cube = cube_of_sample(nodule)
    labels = sitk.Resample(
        sitk.ReadImage(str(mask_file)), cube, interpolator=sitk.sitkNearestNeighbor
    )
    for part, image in (("ct", cube), ("masks", labels == nodule)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        sitk.WriteImage(image, str(folder / part / f"{name}.nrrd"))


def readings(path: Path, treatments: tuple[str, ...] = ("alone", "aided")) -> None:
    """Ratings from 1 to 5 of four readers on 60 cases, better with each treatment."""
    rng = np.random.default_rng(1)
    truth = np.arange(60) % 2
    lines = ["reader,treatment,case,truth,rating"]
    for number, treatment in enumerate(treatments):
        for reader in range(4):
            score = truth * (1.2 + 0.6 * number) + rng.normal(size=60)
            rated = np.clip(np.round(2.5 + score), 1, 5).astype(int)
            lines += [f"R{reader},{treatment},{case},{truth[case]},{rated[case]}"
                      for case in range(60)]  # fmt: skip
    path.write_text("\n".join(lines) + "\n")


def readme(folder: Path) -> None:
    sample_at(folder / "CT.nrrd", (-52, -31, 118))


def viewer(folder: Path) -> None:
    sample_at(folder / "path" / "to" / "ct.nrrd", (0, 0, 0))
    write_dicom(folder / "path" / "to" / "dicom-folder", (0, 0, 0))


def reader_study(folder: Path) -> None:
    page = ROOT / "docs" / "tutorial" / "reader-study.md"
    for name, table in zip(("cases", "readers", "truth"), tables(page), strict=True):
        (folder / f"{name}.csv").write_text(table)


def read_the_study(folder: Path) -> None:
    """All readers answer every case, in minutes, with the reason that early sessions need."""
    from densesharp.study.conduct.reading_session import Reading
    from densesharp.study.conduct.store import open_store
    from densesharp.study.conduct.study_folder import open_study

    helpers = runpy.run_path(str(ROOT / "Testing" / "study" / "conduct" / "study_simulation.py"))
    study = open_study(folder / "lung-study")
    store = open_store(str(study.default_store), study.design.study, study.design.sha256)
    for reader in study.design.readers:
        reading = Reading(study, store, reader.id)
        for session in reading.sessions():
            helpers["read_session"](reading, session.number, "a test of the pages")
    store.close()


def write_marks(path: Path) -> None:
    """One mark a case of four readers under two treatments, in the layout of JAFROC."""
    import openpyxl

    rng = np.random.default_rng(4)
    cases = [(f"C{n}", n % 2) for n in range(40)]
    sheets = {
        "TRUTH": [("CaseID", "LesionID", "Weight"), *((c, ill, ill) for c, ill in cases)],
        "NL": [("ReaderID", "ModalityID", "CaseID", "NL_Rating")],
        "LL": [("ReaderID", "ModalityID", "CaseID", "LesionID", "LL_Rating")],
    }
    for treatment, skill in (("alone", 0.8), ("aided", 1.6)):
        for reader, (case, ill) in itertools.product("ABCD", cases):
            found = ill and rng.uniform() < 0.7
            rating = round(skill * found + rng.normal(), 3)
            row = (
                (reader, treatment, case, 1, rating) if found else (reader, treatment, case, rating)
            )
            sheets["LL" if found else "NL"].append(row)
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)


def analysis(folder: Path) -> None:
    """Tables of readings from elsewhere."""
    write_marks(folder / "marks.xlsx")
    write_marks(folder / "regions.xlsx")
    readings(folder / "readings.csv")
    readings(folder / "pilot.csv")
    rng = np.random.default_rng(2)
    names = np.array(["AAH-AIS", "MIA", "IAC"])
    truth = np.arange(30) % 3
    (folder / "truth.csv").write_text(
        "case,class\n" + "".join(f"C{n:02d},{names[t]}\n" for n, t in enumerate(truth))
    )
    answers = ["reader,case,condition,class"]
    for reader in range(3):
        for condition in ("unaided", "aided"):
            given = np.clip(truth + rng.integers(-1, 2, 30), 0, 2)
            answers += [f"R{reader},C{n:02d},{condition},{names[g]}" for n, g in enumerate(given)]
    (folder / "answers.csv").write_text("\n".join(answers) + "\n")
    percent = np.full((30, 3), 20) + 40 * np.eye(3, dtype=int)[truth]
    rows = (f"C{n:02d},{a},{b},{c}\n" for n, (a, b, c) in enumerate(percent))
    (folder / "model.csv").write_text("case,p_aah_ais,p_mia,p_iac\n" + "".join(rows))


def agreement(folder: Path) -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(1, 6, 40)
    for name, column in (("ratings", "rating"), ("lidc", "malignancy")):
        lines = [f"reader,case,{column}"]
        for reader in range(4):
            rated = np.clip(truth + rng.integers(-1, 2, 40), 1, 5)
            lines += [f"R{reader},C{n},{value}" for n, value in enumerate(rated)]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")


def cohort(folder: Path) -> None:
    (table,) = tables(ROOT / "docs" / "how-to" / "cohort.md")
    (folder / "cases.csv").write_text(table)
    sample_at(folder / "p001" / "ct.nrrd", (-61.1, -19.5, -99.3))
    write_dicom(folder / "p002" / "dicom", (0, 0, 0))


def dicom(folder: Path) -> None:
    write_dicom(folder / "CT_FOLDER", (-61.1, -19.5, -99.3))


def report(folder: Path) -> None:
    sample_at(folder / "CT.nrrd", (-61.1, -19.5, -99.3))
    for name in ("first", "second"):
        shutil.copy(folder / "CT.nrrd", folder / f"{name}.nrrd")


def keras_weights(folder: Path) -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    helpers = runpy.run_path(str(ROOT / "Testing" / "model" / "original_keras.py"))
    network = helpers["original_network"]()
    helpers["randomise"](network)
    helpers["write_as_keras_2"](network, folder / "best.h5")
    sample_at(folder / "ct.nrrd", (-62.1, 30.5, -118))


def public_sets(folder: Path) -> None:
    lines = ["name,image,mask,patient"]
    for nodule in (1, 3):
        write_pair(folder, f"lndb{nodule}", nodule)
        lines.append(f"lndb{nodule},ct/lndb{nodule}.nrrd,masks/lndb{nodule}.nrrd,p{nodule}")
    (folder / "lndb.csv").write_text("\n".join(lines) + "\n")
    (table,) = tables(ROOT / "docs" / "how-to" / "public-data-sets.md")
    (folder / "luna25.csv").write_text(table)
    sample_at(folder / "images" / "0001.mha", (61.1, -19.5, -99.3))


def training(folder: Path) -> None:
    (table,) = tables(ROOT / "docs" / "how-to" / "train-on-your-own-nodules.md")
    (folder / "nodules.csv").write_text(table)
    write_pair(folder, "0001", 2)
    write_pair(folder, "0002", 1)
    sample_at(folder / "CT.nrrd", (-52, -31, 118))
    for run in range(5):
        (folder / f"run{run}").mkdir()
        shutil.copy(model_path(), folder / f"run{run}" / "model.safetensors")


def scenes(folder: Path) -> None:
    """A CT series with the outline of its nodule as DICOM SEG."""
    write_dicom(folder / "scenes" / "ct", (0, 0, 0))
    for line in ("predict scenes/ct --seed 0,0,0 --no-stability --out outlined",
                 "dicom seg outlined --dicom scenes/ct --out scenes/seg"):  # fmt: skip
        command = [sys.executable, "-m", "densesharp", *line.split()]
        subprocess.run(command, cwd=folder, check=True)


def grown_sets(folder: Path) -> None:
    """A set with five subsets, and one whose patients no run has seen."""
    shutil.rmtree(folder / "my-set")
    write_dataset(folder / "my-set", 10, Recipe(0, BALANCED, 40))
    write_dataset(folder / "held-out-set", 6, Recipe(1, BALANCED, 40))
