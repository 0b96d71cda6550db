"""The page's scripts: unit tests in node, and their types by TypeScript."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TESTS = sorted((ROOT / "tests" / "js").glob("*.test.mjs"))


@pytest.fixture(scope="module")
def node():
    path = shutil.which("node")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs node, and it is not on the PATH")
        pytest.skip("node is not on the PATH: install it to test the page's scripts")
    return path


def test_scripts_do_in_node_what_they_should(node):
    done = subprocess.run([node, "--test", *map(str, TESTS)], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert TESTS


def test_the_types_at_the_seams_fit():
    """TypeScript reads the JSDoc types; TSC says where it is, if it is not on the PATH (npm install typescript)."""
    tsc = os.environ.get("TSC") or shutil.which("tsc")
    if tsc is None:
        pytest.skip("tsc is not on the PATH: install typescript to check the types of the page's scripts")
    done = subprocess.run([tsc, "-p", ROOT / "tests" / "js"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-6000:]
