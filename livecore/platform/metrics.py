"""Prometheus metrics of one process, in a registry of its own.

Names get the prefix `livecore_`. A label is a small closed set (a route, a reason, a rule), never a person: label
names that could hold one are refused when the metric is made.
"""

from collections.abc import Sequence
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

PREFIX = "livecore_"
# From an answer out of memory to a request that waited for two password hashes.
REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# Label names under which a person could end up in a metric, and with it in somebody else's database for good.
PERSONAL_LABELS = frozenset(
    [
        "account",
        "account_id",
        "address",
        "birth_date",
        "conversation",
        "device",
        "device_id",
        "email",
        "host",
        "ip",
        "login",
        "message",
        "name",
        "phone",
        "session",
        "session_id",
        "subject",
        "target",
        "text",
        "to",
        "token",
        "user",
        "user_id",
        "username",
        "who",
    ]
)

M = TypeVar("M", Counter, Gauge, Histogram)


class Metrics:
    """Makers answer the metric that is already there when the name is known, so that each user may ask for its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._made: dict[str, Counter | Gauge | Histogram] = {}
        self._requests = self.histogram(
            "request_seconds", "Time to answer a REST request.", ("method", "route", "status"), buckets=REQUEST_SECONDS
        )

    def counter(self, name: str, help: str, labels: Sequence[str] = ()) -> Counter:
        """A count that only grows; shown with the suffix `_total`."""
        return self._known(Counter, name) or self._keep(name, Counter(PREFIX + name, help, _checked(labels), registry=self.registry))

    def gauge(self, name: str, help: str, labels: Sequence[str] = ()) -> Gauge:
        return self._known(Gauge, name) or self._keep(name, Gauge(PREFIX + name, help, _checked(labels), registry=self.registry))

    def histogram(self, name: str, help: str, labels: Sequence[str] = (), *, buckets: Sequence[float] = REQUEST_SECONDS) -> Histogram:
        return self._known(Histogram, name) or self._keep(
            name, Histogram(PREFIX + name, help, _checked(labels), registry=self.registry, buckets=tuple(buckets))
        )

    def _known(self, kind: type[M], name: str) -> M | None:
        made = self._made.get(name)
        if made is not None and not isinstance(made, kind):
            raise ValueError(f"{name} is a {type(made).__name__} already")
        return made

    def _keep(self, name: str, made: M) -> M:
        self._made[name] = made
        return made

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One REST request; `route` is the declared path with its braces, never the one that was asked for."""
        self._requests.labels(method, route, str(status)).observe(seconds)

    def render(self) -> tuple[bytes, str]:
        """The text of `/metrics` and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST


def _checked(labels: Sequence[str]) -> Sequence[str]:
    personal = PERSONAL_LABELS.intersection(labels)
    if personal:
        raise ValueError(f"a metric is not labelled by {', '.join(sorted(personal))}: that could name a person")
    return labels
