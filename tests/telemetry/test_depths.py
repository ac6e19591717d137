"""The gauge of dead letters."""

from __future__ import annotations

import psycopg
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from pgqueue import Postgres
from pgqueue.telemetry import observe_dead
from tests.drivers.letters import bury


def test_the_dead_are_a_gauge_by_queue_and_reason(dsn: str) -> None:
    """D28: read anew at every export."""
    reader = InMemoryMetricReader()
    pg = Postgres(dsn)
    with psycopg.connect(dsn, autocommit=True) as conn:
        observe_dead(lambda: pg.stats(on=conn), meter_provider=MeterProvider([reader]))
        assert found(reader) == {}
        for number, reason in enumerate(["lost", "exhausted", "lost"], 1):
            bury(conn, number, reason=reason)
        assert found(reader) == {("audio", "exhausted"): 1, ("audio", "lost"): 2}


def found(reader: InMemoryMetricReader) -> dict[tuple[object, object], object]:
    data = reader.get_metrics_data()
    points = [
        point
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "pgqueue.dead_letters"
        for point in metric.data.data_points
    ]
    return {
        (
            (point.attributes or {})["messaging.destination.name"],
            (point.attributes or {})["pgqueue.reason"],
        ): getattr(point, "value", None)
        for point in points
    }
