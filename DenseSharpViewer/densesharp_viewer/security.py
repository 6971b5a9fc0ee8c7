"""Closes what a trame server leaves open: one reader, one page, one computer.

A web page open in the same browser can reach any local port, so listening on 127.0.0.1 protects
nothing by itself. Asked of everyone: our Host, our Origin, and a token made at each start. Once in,
a client may call a few remote procedures with checked arguments and nothing else, whatever the
libraries below register: the list of what is allowed is here.
"""

import asyncio
import hmac
import inspect
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CONTENT_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' {websocket}; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""Vue compiles its templates in the browser and needs 'unsafe-eval'; nothing foreign is allowed."""

HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

TRIGGER = "act"
"""Name of the one door from the page; what comes through is checked behind it."""

MESSAGE_LIMIT = 1_000_000
"""Bytes of one message from the page; files come over their own route."""

MOUSE_EVENTS = frozenset(
    [
        f"{part}{kind}"
        for part in ("LeftButton", "MiddleButton", "RightButton")
        for kind in ("Press", "Release")
    ]
    + ["MouseMove", "MouseEnter", "MouseLeave", "StartMouseMove", "EndMouseMove"]
    + ["MouseWheel", "StartMouseWheel", "EndMouseWheel"]
    + ["MouseWheelForward", "MouseWheelBackward"]
    + ["StartInteractionEvent", "EndInteractionEvent", "InteractionEvent"]
)
"""What may reach VTK from the page; keys may not, VTK ends its loop on some."""

NOBODY_THERE = 499
"""Status of an answer that nobody reads any more."""

LARGEST_VIEW = 4096
"""Pixels of a view's edge."""


def new_token() -> str:
    """A secret for one start; begins with a letter, as the client turns numbers into numbers."""
    return "t" + secrets.token_urlsafe(32)


class PageGuard:
    """Checks every request and every remote call of one server.

    Args:
        token: what the page must know.
        hosts: names this server is reached by, without port.
        triggers: names of the triggers the page may call.
        private: paths that only the page may get.
        leaving: whether the page that is open may be about to be loaded anew.
    """

    def __init__(
        self,
        token: str,
        hosts: tuple[str, ...],
        triggers: frozenset[str],
        private: frozenset[str] = frozenset(),
        leaving: Callable[[], bool] = lambda: False,
    ) -> None:
        self._token = token
        self._hosts = hosts
        self._triggers = triggers
        self._private = private
        self._leaving = leaving
        self._handlers: list[Any] = []
        self._port = 0

    @property
    def cookie(self) -> str:
        """Name of the cookie; cookies are shared between ports, so the port is part of it."""
        return f"densesharp_{self._port}"

    def install(self, web_server: Any) -> None:
        """Put the checks in place; called by trame before the server listens."""
        self._handlers = web_server._ws_handlers
        web_server.app.middlewares.append(self._middleware())
        for handler in self._handlers:
            self._restrict(handler)

    def open_on(self, port: int) -> None:
        """Tell which port was taken in the end."""
        self._port = port

    # Requests

    def _middleware(self) -> Any:
        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            refusal = self._refuse_address(request) or await self._refuse_reader(request)
            if refusal is not None:
                return self._with_headers(refusal, request)
            try:
                response = await handler(request)
            except web.HTTPException as error:
                # A redirect or "not found" is an answer too and needs the same headers.
                self._with_headers(error, request)
                raise
            except ConnectionResetError:  # the page went away as it was answered: no fault of ours
                return web.Response(status=NOBODY_THERE)
            return self._with_headers(response, request)

        return check

    def _refuse_address(self, request: web.Request) -> web.Response | None:
        allowed = {f"{host}:{self._port}" for host in self._hosts}
        if request.headers.get("Host", "") not in allowed:
            return web.Response(status=421, text="This address is not served here.")
        origin = request.headers.get("Origin")
        if origin is not None and origin not in {f"http://{host}" for host in allowed}:
            return web.Response(status=403, text="Requests from other pages are refused.")
        if origin is None and (_is_websocket(request) or request.method not in ("GET", "HEAD")):
            return web.Response(status=403, text="Requests from outside a page are refused.")
        return None

    async def _refuse_reader(self, request: web.Request) -> web.Response | None:
        """Refuse who does not know the token, and a second reader."""
        if request.path == SOCKET or _is_websocket(request):
            if not self._knows_cookie(request):
                return web.Response(status=403, text="The token is missing.")
            if not _is_complete(request):
                # The library would count it as a connected page for good.
                return web.Response(status=426, text="Only the page's connection comes here.")
            return None if await self._free() else _page(409, SECOND_READER)
        if request.path in ("/", "/index.html"):
            if self._equal(request.query.get("secret", "")):
                # The browser ends a page that it loads anew only after this answer.
                if await self._free(self._leaving):
                    return None
                return _page(409, SECOND_READER)
            if self._knows_cookie(request):
                return web.Response(status=302, headers={"Location": f"/?secret={self._token}"})
            return _page(403, NO_TOKEN)
        open_to_all = request.method in ("GET", "HEAD") and request.path not in self._private
        if not open_to_all and not self._knows_cookie(request):
            return web.Response(status=403, text="The token is missing.")
        return None

    def _knows_cookie(self, request: web.Request) -> bool:
        return self._equal(request.cookies.get(self.cookie, ""))

    def _equal(self, offered: str) -> bool:
        return hmac.compare_digest(offered.encode(), self._token.encode())

    async def _free(self, leaving: Callable[[], bool] = lambda: False) -> bool:
        """Whether no page is connected; a page being reloaded gets a moment to leave."""
        for _ in range(15):
            if leaving() or not any(handler.connections for handler in self._handlers):
                return True
            await asyncio.sleep(0.1)
        return False

    def _with_headers(self, response: Any, request: web.Request) -> Any:
        if response.prepared:
            return response
        websocket = " ".join(f"ws://{host}:{self._port}" for host in self._hosts)
        response.headers.update(HEADERS)
        response.headers["Content-Security-Policy"] = CONTENT_POLICY.format(websocket=websocket)
        if self._equal(request.query.get("secret", "")):
            response.set_cookie(
                self.cookie, self._token, httponly=True, samesite="Strict", path="/"
            )
        return response

    # Remote calls

    def _restrict(self, handler: Any) -> None:
        """Replace a connection handler's table of procedures by the few that are allowed."""
        checks: dict[str, Callable[..., bool]] = {
            "trame.state.get": lambda: True,
            "trame.error.client": lambda message: isinstance(message, (str, dict, list)),
            "trame.lifecycle.update": lambda name: name in LIFE_CYCLE,
            "trame.trigger": self._trigger_allowed,
            "trame.rca.size": _size_allowed,
            "trame.rca.event": _event_allowed,
            "trame.rca.reset": lambda area: isinstance(area, str),
        }
        table = handler.functionMap
        handler.functionMap = {
            name: (table[name][0], _checked(name, table[name][1], allowed))
            for name, allowed in checks.items()
            if name in table
        }
        # What the page thinks of the state is never taken over: it acts through triggers only.
        handler.functionMap["trame.state.update"] = (self, lambda _self, *_args: None)
        _limit_messages(handler)

    def _trigger_allowed(self, name: object, args: object = None, kwargs: object = None) -> bool:
        return name in self._triggers and isinstance(args, list) and not kwargs


SOCKET = "/ws"
"""Where the page's connection comes in."""

LIFE_CYCLE = frozenset(["client_connected", "client_mounted", "client_unmounted", "client_exited"])

NO_TOKEN = (
    "DenseSharp is running, but this address lacks its token. "
    "Open the address that was printed when it started."
)
SECOND_READER = (
    "This DenseSharp viewer is already open in another window. One viewer serves one reader: "
    "close the other window and reload, or start a second viewer."
)


def _page(status: int, text: str) -> web.Response:
    body = (
        "<!doctype html><meta charset=utf-8><title>DenseSharp</title><body style='background:"
        "#14181d;color:#dde3ea;font:16px/1.5 system-ui,sans-serif;padding:15vh 10vw'>"
        f"<h1 style='font-size:20px'>DenseSharp</h1><p>{text}</p>"
    )
    return web.Response(status=status, text=body, content_type="text/html")


def _is_websocket(request: web.Request) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"


def _is_complete(request: web.Request) -> bool:
    """Whether a WebSocket can be opened, by the same check as when it is."""
    return web.WebSocketResponse().can_prepare(request).ok


def _checked(name: str, function: Any, allowed: Callable[..., bool]) -> Any:
    """A procedure that refuses wrong arguments and tells a client nothing about failures."""

    async def call(target: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            if not allowed(*args, **kwargs):
                log.info("Refused a call of %s", name)
                return None
            value = function(target, *args, **kwargs)
            return await value if inspect.isawaitable(value) else value
        except Exception:  # else the library sends the traceback to the client
            log.exception("A call of %s failed", name)
            return None

    return call


def _size_allowed(area: object, _origin: object, size: object) -> bool:
    if not isinstance(area, str) or not isinstance(size, dict):
        return False
    edges = [size.get("w", 1), size.get("h", 1)]
    ratio = size.get("p", 1)
    return (
        all(_is_number(edge) and 0 <= edge <= LARGEST_VIEW for edge in edges)
        and _is_number(ratio)
        and 0 < ratio <= 4
    )


def _event_allowed(area: object, _origin: object, event: object) -> bool:
    if not isinstance(area, str) or not isinstance(event, dict):
        return False
    numbers = [value for value in event.values() if not isinstance(value, (str, dict, list))]
    return event.get("type") in MOUSE_EVENTS and all(
        value is None or _is_number(value) or isinstance(value, bool) for value in numbers
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e6


def _limit_messages(handler: Any) -> None:
    """Keep the size limit on messages; the library lifts it to 4 GB after the log-in."""
    greet = handler.handleSystemMessage

    async def handle(rpcid: Any, method: Any, args: Any, client_id: str) -> bool:
        known: bool = await greet(rpcid, method, args, client_id)
        if client_id in handler.unchunkers:
            handler.unchunkers[client_id].set_max_message_size(MESSAGE_LIMIT)
        return known

    handler.handleSystemMessage = handle
