"""The suite that a driver has to pass, with pytest and pytest-asyncio.

    class TestMine(DriverConformance):
        @pytest.fixture
        def driver(self):
            return Mine()

A driver that keeps its dead letters, as `dead`, passes LettersConformance too. A driver names
the CONFORMANCE_VERSION that it has passed.
"""

from typing import Final

from pgqueue.testing.conformance.claims import Claims
from pgqueue.testing.conformance.leases import Leases
from pgqueue.testing.conformance.letters import Letters
from pgqueue.testing.conformance.mourning import Mourning
from pgqueue.testing.conformance.options import Options
from pgqueue.testing.conformance.outcomes import Outcomes
from pgqueue.testing.conformance.producer import ProducerConformance
from pgqueue.testing.conformance.waiting import Waiting

__all__ = ["CONFORMANCE_VERSION", "DriverConformance", "LettersConformance", "ProducerConformance"]

CONFORMANCE_VERSION: Final = 1


class DriverConformance(ProducerConformance, Options, Claims, Leases, Outcomes, Waiting):
    """Everything that a worker relies on; the fixture `driver` gives a new driver, without jobs."""


class LettersConformance(Letters, Mourning):
    """What a driver with `dead` has to show besides: to tools, and to processors of the dead."""
