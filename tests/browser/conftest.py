"""What browser tests share besides what all tests do."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def untimed():
    """The page's engines take a way that works, and time none: which is the fastest here is no test's business."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLAYGROUND_TIMED", "0")
        yield
