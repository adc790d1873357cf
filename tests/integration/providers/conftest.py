"""Every behaviour of the transport is shown over each of them."""

from __future__ import annotations

import pytest

from support.transports import KINDS, Over


@pytest.fixture(params=KINDS)
def over(request: pytest.FixtureRequest) -> Over:
    """A kind of transport."""
    return Over(request.param)


@pytest.fixture(params=[kind for kind in KINDS if kind.startswith("lean")])
def lean(request: pytest.FixtureRequest) -> Over:
    """The lean transport, on either loop."""
    return Over(request.param)
