"""What browser tests share besides what all tests do."""

import pytest

from playground.models import runtimes


@pytest.fixture(scope="session", autouse=True)
def first_way():
    """The page's engines take the first way that works: which is the fastest here is no test's business."""
    ways = ((runtimes.bfloat16,), (runtimes.frozen,), (runtimes.traced,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(runtimes.WAYS, "cpu", ways)
        yield
