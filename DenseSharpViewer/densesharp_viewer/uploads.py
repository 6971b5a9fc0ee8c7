"""Takes image files from the page: streamed to disk, counted, under names that do no harm."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from aiohttp import BodyPartReader, web

from densesharp.files import folder_name

LIMIT = 4 * 2**30
"""Bytes of one upload; a thin-slice chest CT has about 0.5 GB."""

FILE_LIMIT = 5000
"""Files of one upload; a DICOM series has one for each slice."""

IMAGE_ENDINGS = (".nrrd", ".nii", ".nii.gz", ".mha")
"""Endings that the reader needs to see; everything else is taken for a DICOM file. Scenes and
headers that point to other files are not among them."""

REFUSED = (".mrb", ".mrml", ".nhdr", ".mhd", ".zip", ".html", ".py")

SEVERAL = "chosen files"
"""What a sentence calls them: a browser does not tell their folder."""

_CHUNK = 1 << 20


class Uploads:
    """The route `/upload`; each upload gets a folder of its own and is opened when complete.

    Args:
        opened: called on the event loop with the path to open.
        earlier: the same for an earlier CT to compare with.
        limit: bytes that one upload may have.
    """

    def __init__(
        self,
        opened: Callable[[Path], None],
        limit: int = LIMIT,
        earlier: Callable[[Path], None] = lambda _path: None,
    ) -> None:
        self._opened, self._earlier, self._limit = opened, earlier, limit
        self._base = Path(tempfile.mkdtemp(prefix="densesharp-"))
        self._count = 0
        self._complete: list[Path] = []

    def install(self, web_server: object) -> None:
        """Add the route; called by trame before the server listens."""
        web_server.app.router.add_post("/upload", self._receive)  # type: ignore[attr-defined]

    def remove(self) -> None:
        """Delete everything that was uploaded."""
        shutil.rmtree(self._base, ignore_errors=True)

    def keep(self, path: Path) -> None:
        """Delete what was uploaded before the CT that is open now, read from this path."""
        kept = [folder for folder in self._complete if folder in path.parents]
        while kept and self._complete[0] != kept[0]:
            shutil.rmtree(self._complete.pop(0), ignore_errors=True)

    async def _receive(self, request: web.Request) -> web.Response:
        if not request.content_type.startswith("multipart/"):
            return web.Response(status=415, text="Choose image files to upload.")
        self._count += 1
        folder = self._base / f"upload_{self._count:03d}"
        folder.mkdir()
        files: list[Path] = []
        try:
            files = await self._store_all(request, folder)
        except _RefusedError as error:
            return web.Response(status=413, text=str(error))
        finally:
            if not files:  # refused, empty, or broken off on its way
                shutil.rmtree(folder, ignore_errors=True)
        if not files:
            return web.Response(status=400, text="No file arrived.")
        self._complete.append(folder)
        as_earlier = request.query.get("as") == "earlier"
        opened = self._earlier if as_earlier else self._opened
        opened(files[0] if len(files) == 1 else files[0].parent)
        return web.Response(text="ok")

    async def _store_all(self, request: web.Request, folder: Path) -> list[Path]:
        files: list[Path] = []
        left, name = self._limit, ""
        inside = folder / SEVERAL
        inside.mkdir()
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader):
                raise _RefusedError("Nested uploads are refused.")
            if len(files) >= FILE_LIMIT:
                raise _RefusedError(f"More than {FILE_LIMIT} files: choose one series.")
            name = part.filename or ""
            target = inside / f"{len(files) + 1:05d}{_kept_ending(name)}"
            left -= await _store(part, target, left)
            files.append(target)
        # One file is a case, and its reader knows it by this name.
        return [files[0].rename(inside / _case_name(name))] if len(files) == 1 else files


class _RefusedError(Exception):
    """The upload breaks a limit; the text goes to the reader."""


async def _store(part: BodyPartReader, target: Path, left: int) -> int:
    size = 0
    with target.open("wb") as file:
        while chunk := await part.read_chunk(_CHUNK):
            size += len(chunk)
            if size > left:
                raise _RefusedError("The files are too large: start 'densesharp view' on them.")
            file.write(chunk)
    return size


def _kept_ending(name: str) -> str:
    """Our ending for a client's file name."""
    lower = name.lower()
    if lower.endswith(REFUSED):
        raise _RefusedError(
            "Only CT images can be uploaded (NRRD, NIfTI, MHA, DICOM); start 'densesharp view' "
            "on a saved scene."
        )
    return _ending(lower) or ".dcm"


def _case_name(name: str) -> str:
    """A client's file name with letters that lead nowhere."""
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    ending = _ending(name.lower())
    return folder_name(name[: len(name) - len(ending)]) + ending


def _ending(name: str) -> str:
    return next((ending for ending in IMAGE_ENDINGS[::-1] if name.endswith(ending)), "")
