"""Gives the page the report that was saved last; nothing else of the results folder is served."""

from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from densesharp.report.pdf import HTML_NAME, PDF_NAME

REPORTS = {"/report.html": (HTML_NAME, "text/html"), "/report.pdf": (PDF_NAME, "application/pdf")}


class Downloads:
    """The routes `/report.html` and `/report.pdf`.

    Args:
        folder: gives the results folder.
        written: whether this viewer wrote a report for the CT that is open now.
    """

    def __init__(self, folder: Callable[[], Path], written: Callable[[], bool]) -> None:
        self._folder, self._written = folder, written

    def install(self, web_server: object) -> None:
        """Add the routes; called by trame before the server listens."""
        for route in REPORTS:
            web_server.app.router.add_get(route, self._give)  # type: ignore[attr-defined]

    async def _give(self, request: web.Request) -> web.StreamResponse:
        name, kind = REPORTS[request.path]
        path = self._folder() / name
        if not self._written() or not path.is_file():
            return web.Response(status=404, text="No report was saved for this CT yet.")
        return web.FileResponse(path, headers={"Content-Type": kind})
