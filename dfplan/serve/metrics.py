"""Metrics of a policy server, in Prometheus's text format."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)

ANSWERED = "answered"
INVALID = "invalid"
FAILED = "failed"
REFUSED = "refused"
OUTCOMES = (ANSWERED, INVALID, FAILED, REFUSED)
"""Outcomes of a request: a reply, an error of the robot, one of the server, a full queue."""


class Metrics:
    """Counters of one server, in a registry of their own.

    Attributes:
        requests: Requests by outcome.
        seconds: Time from a request to its reply, for those that were answered.
        batch: Plans per batch.
        connections: Connections since the start.
        closed: Connections that the server closed or refused, by reason.
    """

    def __init__(self):
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "dfplan_requests", "Requests by outcome.", ["outcome"], registry=self._registry
        )
        for outcome in OUTCOMES:
            self.requests.labels(outcome)  # so that each is exported from the start
        self.seconds = Histogram(
            "dfplan_request_seconds",
            "Time from a request to its reply.",
            buckets=SECONDS,
            registry=self._registry,
        )
        self.batch = Histogram(
            "dfplan_plan_batch", "Plans made together.", buckets=BATCHES, registry=self._registry
        )
        self.connections = Counter(
            "dfplan_connections", "Connections since the start.", registry=self._registry
        )
        self.closed = Counter(
            "dfplan_connections_closed",
            "Connections that the server closed or refused, by reason.",
            ["reason"],
            registry=self._registry,
        )

    def watch(self, *, robots: Callable[[], int], waiting: Callable[[], int]) -> None:
        """Add gauges.

        Args:
            robots: Function that returns the number of connected robots.
            waiting: Function that returns the number of requests that wait or are computed.
        """
        gauges = (
            ("dfplan_robots", "Connected robots.", robots),
            ("dfplan_requests_waiting", "Requests that wait or are computed.", waiting),
        )
        for name, text, function in gauges:
            Gauge(name, text, registry=self._registry).set_function(function)

    def text(self) -> str:
        """Return all metrics as text."""
        return generate_latest(self._registry).decode()
