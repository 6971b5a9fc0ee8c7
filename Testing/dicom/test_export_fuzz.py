"""Results, reports and segmentations as accidents leave them: read, or refused in a sentence."""

import numpy as np
import pytest

from damage import stays_calm
from densesharp.cli.dicom import load_dicom
from densesharp.dicom.rerun import load_results, run_again
from densesharp.dicom.run_record import read_report as read_structured_report
from densesharp.dicom.run_record import run_of
from densesharp.dicom.write import SEG_NAME, SR_NAME, write_dicom
from densesharp.io import read_volume
from densesharp.nodule.pipeline import analyse, update_mask
from densesharp.nodule.records import Seed
from densesharp.nodule.settings import AnalysisSettings
from densesharp.report.document import read_report
from densesharp.report.result_files import write_results
from dicom_phantom import write_ball
from phantoms import ThresholdEngine

CENTER = (-60.0, 20.0, -100.0)
ENGINE, SETTINGS = ThresholdEngine(), AnalysisSettings(1, stability=False)


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ct")
    write_ball(folder, CENTER, (48, 46, 30))
    return read_volume(folder)


@pytest.fixture
def written(volume, tmp_path):
    """A result folder with DICOM objects of a corrected outline, which is read from the SEG."""
    result = analyse(volume, Seed(np.array(CENTER)), ENGINE, settings=SETTINGS)
    result = update_mask(volume, result, result.mask, ENGINE, SETTINGS)
    write_results([result], volume, ENGINE, tmp_path)
    write_dicom([result], volume, run_of(ENGINE, SETTINGS), tmp_path)
    return tmp_path


def test_changed_results_are_read_or_refused(written, volume):
    path = written / "result.json"
    stays_calm(path, lambda: (read_report(written), load_results(written, volume)), as_json=True)


def test_a_changed_mask_is_read_or_refused(written, volume):
    stays_calm(written / "nodule_001_mask.nrrd", lambda: load_results(written, volume))


@pytest.mark.parametrize("name", [SR_NAME, SEG_NAME])
def test_changed_dicom_objects_are_read_or_refused(written, volume, name):
    def repeat():
        (nodule,) = read_structured_report(load_dicom(written / SR_NAME))
        run_again(nodule, volume, ENGINE, load_dicom(written / SEG_NAME))

    stays_calm(written / name, repeat)
