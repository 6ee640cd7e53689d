"""Plain HTTP beside the websocket: health, metrics, and who may connect."""

import hmac
from collections.abc import Callable
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from dfplan.serve.metrics import CONTENT_TYPE, Metrics
from dfplan.wire import keys


class HttpHandler:
    """Answers HTTP requests, and decides whether a connection becomes a websocket.

    Args:
        api_key: Key that robots and readers of the metrics must send; empty for none.
        metrics: Metrics of the server.
        is_full: Function that returns whether all connections are taken.
    """

    def __init__(self, *, api_key: str, metrics: Metrics, is_full: Callable[[], bool]):
        self._api_key = api_key.encode()
        self._metrics = metrics
        self._is_full = is_full

    def __call__(self, connection: ServerConnection, request: Request) -> Response | None:
        """Return a response, or None to continue with the websocket handshake."""
        path = request.path.partition("?")[0]
        if path == keys.HEALTH_PATH:
            return connection.respond(HTTPStatus.OK, "OK\n")
        if not self._has_key(request.headers):
            self._metrics.closed.labels("key").inc()
            needed = f"needed: the header {keys.API_KEY_HEADER}: {keys.API_KEY_SCHEME} KEY\n"
            return connection.respond(HTTPStatus.UNAUTHORIZED, needed)
        if path == keys.METRICS_PATH:
            response = connection.respond(HTTPStatus.OK, self._metrics.text())
            del response.headers["Content-Type"]
            response.headers["Content-Type"] = CONTENT_TYPE
            return response
        if self._is_full():
            self._metrics.closed.labels("full").inc()
            text = "all connections of this server are taken; try again later\n"
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, text)
        return None

    def _has_key(self, headers: Headers) -> bool:
        if not self._api_key:
            return True
        scheme, _, key = "".join(headers.get_all(keys.API_KEY_HEADER)).partition(" ")
        is_equal = hmac.compare_digest(key.strip().encode(), self._api_key)
        return is_equal and scheme.lower() == keys.API_KEY_SCHEME.lower()
