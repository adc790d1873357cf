"""Settings for every test: how hard the property tests look.

No deadline for one example: a busy machine is not a bug. ``make test-all`` looks harder (``thorough``).
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("quick", deadline=None)
settings.register_profile("thorough", max_examples=400, deadline=None)
settings.load_profile("quick")
