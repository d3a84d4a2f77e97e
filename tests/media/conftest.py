"""Both ways of sealing and sending."""

import pytest

from livecore.native.build import compiler

VARIABLE = "LIVECORE_TEST_NATIVE"


@pytest.fixture(params=["auto", "off"] if compiler() else ["off"])
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test runs through the native helper, and in pure Python (`virtual` and `worker_process` look at the variable)."""
    monkeypatch.setenv(VARIABLE, request.param)
    return str(request.param)
