"""The trace that a push takes along; without OpenTelemetry in the process there is none."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from importlib import import_module

Carrier = Mapping[str, str]
"""Trace context beside the payload: traceparent, tracestate, baggage."""

logger = logging.getLogger("pgqueue.push")


def active() -> Carrier:
    """Return the caller's span and baggage in W3C form; empty when no span is active.

    Whatever is wrong with them costs the correlation, never the push.
    """
    # An application that traces has imported it; for all others this look-up is the whole cost.
    if sys.modules.get("opentelemetry.trace") is None:
        return {}
    try:
        return _injected()
    except Exception as error:
        logger.warning("a push goes without its trace: %s in OpenTelemetry", type(error).__name__)
        return {}


def _injected() -> Carrier:
    trace = import_module("opentelemetry.trace")
    if not trace.get_current_span().get_span_context().is_valid:
        return {}
    # Not the globally configured propagators: the envelope has these keys and no others.
    w3c = import_module("opentelemetry.trace.propagation.tracecontext")
    baggage = import_module("opentelemetry.baggage.propagation")
    carrier: dict[str, str] = {}
    w3c.TraceContextTextMapPropagator().inject(carrier)
    baggage.W3CBaggagePropagator().inject(carrier)
    return carrier
