"""A gauge of the dead letters, for OpenTelemetry to read when it exports."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation

from pgqueue.stats import Stats


def observe_dead(read: Callable[[], Stats], *, meter_provider: MeterProvider | None = None) -> None:
    """Offer the gauge `pgqueue.dead_letters`, by queue and reason, of what `read` returns.

    `read` is called at every export, in the exporter's thread: give it a connection of its own.
    Without `meter_provider`, the global one.
    """

    def observe(_: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(
                one.count,
                {"messaging.destination.name": one.queue, "pgqueue.reason": one.reason},
            )
            for one in read().dead
        ]

    meter = metrics.get_meter("pgqueue", meter_provider=meter_provider)
    meter.create_observable_gauge(
        "pgqueue.dead_letters",
        [observe],
        unit="{job}",
        description="Jobs that will not run by themselves.",
    )
