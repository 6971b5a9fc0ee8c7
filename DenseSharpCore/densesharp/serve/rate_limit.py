"""What stands before the model: size and rate limits, counters. No request content is kept."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from densesharp.serve.messages import HEALTH_PATH, MAX_BYTES, METRICS_PATH, RUN_PATH

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ANSWER_S = 15.0
"""How long a request may take altogether; less than a client waits."""

_MAX_CLIENTS = 10_000


@dataclass
class Metrics:
    """Counters since the start, as Prometheus reads them."""

    started: float = field(default_factory=time.time)
    answers: Counter[int] = field(default_factory=Counter)
    seconds: Counter[float] = field(default_factory=Counter)
    seconds_sum: float = 0.0
    running: int = 0

    def finished(self, status: int, seconds: float) -> None:
        """Count one answered run."""
        self.answers[status] += 1
        self.seconds_sum += seconds
        self.seconds[next((edge for edge in BUCKETS_S if seconds <= edge), float("inf"))] += 1

    def text(self) -> str:
        """Prometheus text format 0.0.4."""
        lines = ["# TYPE densesharp_requests_total counter"]
        for status, count in sorted(self.answers.items()):
            lines.append(f'densesharp_requests_total{{status="{status}"}} {count}')
        lines += ["# TYPE densesharp_request_seconds histogram"]
        below = 0
        for edge in (*BUCKETS_S, float("inf")):
            below += self.seconds[edge]
            label = "+Inf" if edge == float("inf") else f"{edge:g}"
            lines.append(f'densesharp_request_seconds_bucket{{le="{label}"}} {below}')
        lines += [
            f"densesharp_request_seconds_sum {self.seconds_sum:.6f}",
            f"densesharp_request_seconds_count {below}",
            "# TYPE densesharp_requests_running gauge",
            f"densesharp_requests_running {self.running}",
            "# TYPE densesharp_start_time_seconds gauge",
            f"densesharp_start_time_seconds {self.started:.3f}",
        ]
        return "\n".join(lines) + "\n"


class RateLimit:
    """ASGI middleware: refuses what is too large or comes too fast, and counts the rest.

    Args:
        app: what comes behind.
        metrics: where to count.
        rate: requests per second that one client address may send for long; twice as many at once.
    """

    def __init__(self, app: App, metrics: Metrics, rate: float) -> None:
        self._app = app
        self._metrics = metrics
        self._rate = rate
        self._tokens: dict[str, tuple[float, float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection event."""
        if scope["type"] != "http" or scope["path"] in (HEALTH_PATH, METRICS_PATH):
            await self._app(scope, receive, send)
            return
        if not self._may_pass((scope.get("client") or ("",))[0]):
            message = "Too many requests from this computer: try again in a second."
            await _refuse(send, 429, message, [(b"retry-after", b"1")])
            return
        length = dict(scope["headers"]).get(b"content-length", b"")
        if scope["path"] == RUN_PATH and not length.isdigit():
            await _refuse(send, 411, "The request does not say how long it is.")
            return
        if length.isdigit() and int(length) > MAX_BYTES:
            message = f"The request is larger than {MAX_BYTES} bytes: send fewer patches at once."
            await _refuse(send, 413, message)
            return
        await self._counted(scope, receive, send)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        begin, status = time.perf_counter(), 500

        async def note_status(event: MutableMapping[str, Any]) -> None:
            nonlocal status
            status = event.get("status", status)
            await send(event)

        self._metrics.running += 1
        try:
            await asyncio.wait_for(self._app(scope, receive, note_status), ANSWER_S)
        except asyncio.TimeoutError:
            # The worker that had this request has ended; a new one is being started.
            status = 503
            await _refuse(send, status, "The server lost this request: send it again.")
        finally:
            self._metrics.running -= 1
            if scope["path"] == RUN_PATH:
                self._metrics.finished(status, time.perf_counter() - begin)

    def _may_pass(self, client: str) -> bool:
        """Token bucket per client address."""
        now = time.monotonic()
        if len(self._tokens) > _MAX_CLIENTS:
            self._tokens.clear()
        tokens, last = self._tokens.get(client, (2 * self._rate, now))
        tokens = min(2 * self._rate, tokens + (now - last) * self._rate)
        self._tokens[client] = (max(tokens - 1, 0.0), now)
        return tokens >= 1


async def _refuse(
    send: Send, status: int, message: str, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    body = json.dumps({"detail": message}).encode()
    # The body of the request is not read, so the connection cannot be used again.
    kept = [(b"content-type", b"application/json"), (b"connection", b"close")]
    start = {"type": "http.response.start", "status": status, "headers": kept + (headers or [])}
    await send(start)
    await send({"type": "http.response.body", "body": body})
