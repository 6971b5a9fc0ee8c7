"""Writing results so that nobody ever meets half a file."""

import atexit
import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from densesharp.errors import OutputError


def sha256(content: Path | str | bytes) -> str:
    """The SHA-256 in hexadecimal digits of a file, of a text in UTF-8, or of bytes.

    Raises:
        OSError: the file cannot be read.
    """
    if not isinstance(content, Path):
        raw = content.encode() if isinstance(content, str) else content
        return hashlib.sha256(raw).hexdigest()
    digest = hashlib.sha256()
    with content.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def why_missing(path: str | Path) -> str:
    """What to say of a path that does not exist; an address on the web is none."""
    address = re.search(r"(?:^|[\\/])(https?|ftp|s3):[\\/]+(.*)", str(path))
    if address:
        return (
            f"'{address[1]}://{address[2]}' is an address, not a file on this computer: download "
            "it first. 'densesharp view --worklist ADDRESS' opens the cases of a DICOMweb server."
        )
    return f"'{path}' does not exist: check the path."


def ensure_folder(folder: str | Path) -> Path:
    """Make `folder` (with parents) if needed and check that files can be created in it.

    Raises:
        OutputError: it cannot be made or written to.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise _cannot_write(path, error) from error
    return path


def check_folder(folder: str | Path) -> None:
    """Check that `ensure_folder` will succeed, before hours are spent; nothing is made.

    Raises:
        OutputError: the folder, or the one it is to be made in, cannot be written to.
    """
    path = Path(folder).absolute()
    while not path.exists() and path != path.parent:
        path = path.parent
    try:
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise _cannot_write(folder, error) from error


def _cannot_write(folder: str | Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    message = f"Results cannot be written to '{folder}' ({reason}): choose another folder."
    return OutputError(message)


HIDDEN = ".densesharp-"
"""The beginning of the folders in which results are made before they move to where they belong."""


def final_place(path: Path) -> Path:
    """Where a file that is made in a hidden folder will lie; for messages."""
    return Path(*(part for part in path.parts if not part.startswith(HIDDEN)))


_unfinished: set[Path] = set()


@atexit.register
def _remove_unfinished() -> None:
    """Files of a program that ends inside their blocks."""
    for path in _unfinished:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Give a temporary path with the target's ending; on success it becomes the target.

    The temporary file lies in the target's folder, so that the final rename is atomic. When the
    block raises, the temporary file is removed and an existing target stays as it was. A link is
    followed; a device or pipe, such as /dev/null, is written into and never replaced.

    Raises:
        OutputError: the folder is not writable, or the disk is full.
    """
    path = Path(target)
    suffix = _plain_ending(path)
    temporary: Path | None = None
    try:
        path = path.resolve() if path.is_symlink() else path
        special = path.exists() and not (path.is_file() or path.is_dir())
        folder = None if special else path.parent
        descriptor, name = tempfile.mkstemp(prefix=".", suffix=".part" + suffix, dir=folder)
        os.close(descriptor)
        temporary = Path(name)
        _unfinished.add(temporary)
        yield temporary
        if special:
            with path.open("wb") as device:
                device.write(temporary.read_bytes())
            return
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        # mkstemp makes the file private; results get the permissions any new file would have.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"'{final_place(path)}' cannot be written ({reason}): choose another folder or free "
            "space."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
            _unfinished.discard(temporary)


def write_text(target: str | Path, text: str) -> None:
    """Write `text` as UTF-8 with line feeds, atomically."""
    with atomic_path(target) as path:
        path.write_bytes(text.encode("utf-8", "replace"))


def _is_plain(path: str | Path) -> bool:
    """Whether libraries written in C++ can be given this name: it is text, not only bytes."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


@contextlib.contextmanager
def plain_names(paths: Sequence[str | Path]) -> Iterator[list[str]]:
    """Names of the same files that any library can be given.

    A file system may hold names that are no text in UTF-8, and ITK ends the process on them; such
    a file is given a second name in a temporary folder.
    """
    if all(map(_is_plain, paths)):
        yield [str(path) for path in paths]
        return
    with tempfile.TemporaryDirectory() as folder:
        links = [Path(folder) / f"{n}{_plain_ending(path)}" for n, path in enumerate(paths)]
        for link, path in zip(links, paths, strict=True):
            try:
                link.symlink_to(Path(path).absolute())
            except OSError:  # Windows may allow no links
                shutil.copyfile(path, link)
        yield [str(link) for link in links]


@contextlib.contextmanager
def plain_target(path: Path) -> Iterator[str]:
    """A name to write to that any library can be given; the file moves to `path` at the end."""
    if _is_plain(path):
        yield str(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        name = Path(folder) / f"out{_plain_ending(path)}"
        yield str(name)
        shutil.move(name, path)


def _plain_ending(path: str | Path) -> str:
    """What follows the name's last dots, such as `.nii.gz`, where that is short and text."""
    endings = Path(path).suffixes[-2:]
    return "".join(ending for ending in endings if len(ending) <= 9 and _is_plain(ending))


_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_FORBIDDEN = set('<>:"/\\|?*')
_LONGEST_NAME = 100
_LONGEST_FOLDER = 80
"""Bytes; a folder's name takes an ending, such as `-earlier` or `_overview.png`."""


def why_no_name(name: str) -> str | None:
    """Why a file or folder cannot be named so on every system, None where it can.

    Windows reserves names of devices, whatever their ending, and drops dots and blanks at the end;
    a name needs room for an ending and for the folders above it.
    """
    if not name or name in (".", ".."):
        return "it is empty"
    if any(c in _FORBIDDEN or not c.isprintable() for c in name):
        return "it holds a character that no name of a file can have on Windows"
    if _RESERVED.fullmatch(name):
        return "Windows keeps this name for a device"
    if name[-1] in ". " or name[0] == " ":
        return "it begins or ends with a blank or a dot"
    if len(name.encode("utf-8")) > _LONGEST_NAME:
        return f"it is longer than {_LONGEST_NAME} bytes"
    return None


def folder_name(text: str) -> str:
    """A name for a file or folder on every system, from what a header or a reader says.

    Letters, digits, `-`, `_` and `.` of it, never empty, hidden, or a device of Windows.
    """
    plain = re.sub(r"[^\w.-]+", "_", text).encode("utf-8")[:_LONGEST_FOLDER]
    name = plain.decode("utf-8", "ignore").strip("._-")
    return f"{name}_" if not name or _RESERVED.fullmatch(name) else name
