"""What tests of applications and of drivers are made with; needs pytest."""

import pytest

# Before they are imported, so that a failing assertion shows its values.
pytest.register_assert_rewrite("pgqueue.testing.conformance")
