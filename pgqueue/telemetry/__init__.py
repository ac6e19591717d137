"""What OpenTelemetry is told of a worker; needs the extra `otel`."""

try:
    from pgqueue.telemetry.depths import observe_dead
    from pgqueue.telemetry.tracing import Tracing
except ModuleNotFoundError as error:
    if not str(error.name).startswith("opentelemetry"):
        raise
    raise ModuleNotFoundError(
        "pgqueue.telemetry needs OpenTelemetry: install pgqueue-driver[otel]", name=error.name
    ) from error

__all__ = ["Tracing", "observe_dead"]
