"""From files to a `Volume`: NRRD, NIfTI, MetaImage and DICOM series, judged before trusted.

Nothing is repaired in silence. An image whose geometry or values cannot be trusted is refused with
one sentence; one that can be used with care carries notices (`Volume.notices`).
"""

from pathlib import Path

from densesharp.errors import ImageError
from densesharp.files import why_missing
from densesharp.image.volume import Volume
from densesharp.io.checks import thickness_notices
from densesharp.io.image_files import is_volume_file, read_volume_file
from densesharp.io.series_choice import SeriesChoice, SeriesChoiceError
from densesharp.progress import Progress, silent

__all__ = ["SeriesChoice", "SeriesChoiceError", "read_volume", "thickness_notices"]


def read_volume(path: str | Path, series: str | None = None, progress: Progress = silent) -> Volume:
    """Read a CT.

    Args:
        path: an NRRD, NIfTI or MetaImage file, a folder with DICOM files (searched with its
            sub-folders), or one DICOM file of a series (its whole series is read).
        series: which DICOM series, as `SeriesChoice.key` or as Series Instance UID; needed only
            where there are several.
        progress: called while pixels are read; may cancel.

    Returns:
        The CT in HU on its own grid; int16 where the values allow it.

    Raises:
        SeriesChoiceError: there are several CT series; it carries the list.
        GeometryError: slices are missing, doubled, tilted, unevenly spaced, ...
        ImageError: not readable, damaged, too large, or not a CT in HU.

    Examples:
        >>> volume = densesharp.read_volume(sample_path())
        >>> volume.array.shape, volume.array.dtype.name
        ((196, 226, 312), 'int16')
        >>> volume.grid.spacing.tolist()
        [1.0, 1.0, 1.25]
        >>> densesharp.read_volume("missing.nrrd")
        Traceback (most recent call last):
        densesharp.errors.ImageError: 'missing.nrrd' does not exist: check the path.
    """
    source = Path(path)
    try:
        is_folder, is_file = source.is_dir(), source.is_file()
        exists = source.exists()
    except (OSError, ValueError) as error:
        message = f"'{source.name}' is no usable path: check its name and your rights."
        raise ImageError(message) from error
    if not exists and source.is_symlink():
        raise ImageError(f"'{source}' is a link to nothing: check where it leads.")
    if not exists:
        raise ImageError(why_missing(source))
    if not is_folder and not is_file:  # opening a pipe would wait for ever
        raise ImageError(f"'{source}' is no file but a pipe or a device: give a file or a folder.")
    if not is_folder and is_volume_file(source):
        return read_volume_file(source, progress)

    # pydicom takes time to load and is not needed for the other formats.
    from densesharp.io.dicom import read_series

    return read_series(source, series, progress)
