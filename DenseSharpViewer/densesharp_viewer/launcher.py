"""Answers what trame's page asks for first: who starts the program, and which picture its tab has.

Without these a browser tells of an error at each load, and the tab shows another project's sign.
"""

from aiohttp import web

ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
    "%3Crect width='32' height='32' rx='7' fill='%23161b21'/%3E"
    "%3Ccircle cx='16' cy='16' r='8' fill='%234ea1e0'/%3E"
    "%3Cpath d='M16 2v7M16 23v7M2 16h7M23 16h7' stroke='%23d5dce4' stroke-width='2'/%3E%3C/svg%3E"
)
"""A nodule in a cross, for the browser's tab."""

ADDRESS = "/paraview/"
SESSION = {"sessionURL": "ws://use_host/ws"}
"""The program runs already; the client puts its own protocol and host in."""


def install(web_server: object) -> None:
    """Add the route; called by trame before the server listens."""
    web_server.app.router.add_post(ADDRESS, _answer)  # type: ignore[attr-defined]


async def _answer(_request: web.Request) -> web.Response:
    return web.json_response(SESSION)
