"""The test run itself: tests of one server run in one worker."""

from __future__ import annotations

import pytest


@pytest.mark.xdist_group("alone")
def test_groups_are_known(request: pytest.FixtureRequest) -> None:
    """Else nothing fails, and everything is started twice."""
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("not with --dist loadgroup")
    assert request.node.nodeid.endswith("@alone"), "this pytest and this pytest-xdist do not fit"
