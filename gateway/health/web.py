"""``/health/live``, ``/health/ready`` and ``/metrics``: for the machine that watches the machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import redis
from flask import Blueprint, Response, jsonify
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from gateway.health import state
from gateway.kernel.faults import Unavailable
from gateway.sms.aggregators import Trouble
from gateway.store.unit import Store

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

ANSWERS = Counter("cotisa_http_answers_total", "Answers by route and status", ["route", "status"])
SECONDS = Histogram(
    "cotisa_http_seconds",
    "Seconds to answer, by route",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10),
)


class _Figures(Collector):
    """Gauges that are read from the database when they are asked for."""

    def __init__(self, store: Store, client: redis.Redis) -> None:
        self._store = store
        self._redis = client

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("cotisa_part_up", "1 when a part answers", labels=["part"])
        parts = state.look(self._store, self._redis)
        for part in parts:
            up.add_metric([part.name], 0 if part.state == "down" else 1)
        yield up
        if not all(part.state == "ok" for part in parts if part.name == "database"):
            return
        try:
            found, late = state.figures(self._store), state.lag(self._store)
            alone = state.left_alone(self._store)
        except Unavailable:
            return
        for name, counts in found.items():
            family = GaugeMetricFamily(f"cotisa_{name}", f"{name.capitalize()} by state", labels=["state"])
            for each, count in sorted(counts.items()):
                family.add_metric([each], count)
            yield family
        yield from _lag(late)
        yield _left_alone(alone, self._store.clock.now())


def _left_alone(troubles: list[Trouble], now: datetime) -> Metric:
    family = GaugeMetricFamily(
        "cotisa_sms_trouble_seconds",
        "For how long an SMS aggregator has been in trouble that is left alone, by why",
        labels=["aggregator", "reason"],
    )
    for one in troubles:
        family.add_metric([one.name, one.reason], (now - one.since).total_seconds())
    return family


def _lag(late: state.Lag) -> Iterable[Metric]:
    older = GaugeMetricFamily(
        "cotisa_undecided", "Undecided payments that are older than so many seconds", labels=["older_than_s"]
    )
    for age_s, count in late.older_than.items():
        older.add_metric([str(age_s)], count)
    yield older
    lag = GaugeMetricFamily(
        "cotisa_posting_lag_seconds",
        "How long after it was paid, by the operator's time, or asked for, money was posted in the last hour",
        labels=["since", "which"],
    )
    for since, found in (("paid", late.after_paid), ("asked", late.after_asked)):
        for which, seconds in zip(("largest", "mean"), found or (), strict=False):
            lag.add_metric([since, which], seconds)
    yield lag


def health_blueprint(store: Store, client: redis.Redis) -> Blueprint:
    """The three routes; none of them shows anything of a person."""
    web = Blueprint("health", __name__)

    @web.get("/health/live")
    def live() -> Response:
        return jsonify(status="ok")

    @web.get("/health/ready")
    def ready() -> tuple[Response, int]:
        parts = state.look(store, client)
        worst = next((each for each in ("down", "late") if any(part.state == each for part in parts)), "ok")
        answer = jsonify(
            status=worst, parts={part.name: {"state": part.state, "detail": part.detail} for part in parts}
        )
        # Work that is late is a reason to look, not to take the web away from those who dial.
        return answer, 503 if worst == "down" else 200

    @web.get("/metrics")
    def metrics() -> Response:
        registry = CollectorRegistry()
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        else:
            registry.register(_Own())
        registry.register(_Figures(store, client))
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    return web


class _Own(Collector):
    """This process's own counters, when it is the only one."""

    def collect(self) -> Iterable[Metric]:
        yield from ANSWERS.collect()
        yield from SECONDS.collect()


# The first words of our own paths; whatever else is asked for counts as one.
ROUTES = frozenset({"ussd", "sms", "payments", "health", "metrics"})


class Counted:
    """Counts every answer of a WSGI application, and how long it took."""

    def __init__(self, inner: WSGIApplication) -> None:
        self._inner = inner

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        begun = time.perf_counter()
        route = environ["PATH_INFO"].lstrip("/").partition("/")[0]

        def started(status: str, headers: list[tuple[str, str]], failure: Any = None) -> Callable[[bytes], object]:
            answers, seconds = _counters(route if route in ROUTES else "other", status[:3])
            answers.inc()
            seconds.observe(time.perf_counter() - begun)
            if failure:
                return start_response(status, headers, failure)
            return start_response(status, headers)

        return self._inner(environ, started)


@cache
def _counters(route: str, status: str) -> tuple[Counter, Histogram]:
    return ANSWERS.labels(route, status), SECONDS.labels(route)
