"""The map in README, held against the code: who may import whom."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "playground"
FLOORS = (  # ground floor first; a wing imports itself and what stands on floors below its own
    {"errors", "report"},
    {"knobs", "images"},
    {"schedules"},
    {"predictions"},
    {"samplers", "models"},
    {"theory", "checkpoints"},
    {"engine"},
    {"runs", "training", "bench"},
    {"page", "train", "autoencode", "distil", "evaluate"},
)
FLOOR = {wing: k for k, wings in enumerate(FLOORS) for wing in wings}
ONLY_IN = {
    "gradio": {"page", "bench/plain"},
    "starlette": {"page"},
    "huggingface_hub": {"models", "checkpoints"},
    "diffusers": {"models/diffusers", "bench"},
    "httpx": {"bench"},
}
FILES = sorted(ROOT.rglob("*.py"))


def wing_of(module: str) -> str:
    return module.split(".")[1]


def imported(path: Path):
    """Every module that a file imports, inside functions and TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: write playground.… in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_downwards(path):
    inside = path.relative_to(ROOT).with_suffix("").as_posix()
    here = inside.split("/")[0]
    if here == "__init__":
        return
    for module in imported(path):
        top = module.split(".")[0]
        if top in ONLY_IN:
            places = ONLY_IN[top]
            assert any(f"{inside}/".startswith(f"{place}/") for place in places), f"{module} is for {places} only"
        if top == "playground" and wing_of(module) != here:
            assert FLOOR[wing_of(module)] < FLOOR[here], f"{here} must not import {wing_of(module)}"
