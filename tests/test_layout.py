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
    {"lessons"},
    {"page", "train", "autoencode", "distil", "evaluate"},
)
INSIDE = {  # the same within a wing; files of one folder may import each other
    "engine": ({"jobs", "turns"}, {"tasks"}, {"batching", "known", "zerogpu", "replicas"}, {"registry"}, {"cluster"}),
    "page": (
        {"undocumented", "channels", "about", "theme", "kept"},
        {"translations"},
        {"controls"},
        {"endpoints", "widgets"},
        {"parts"},
        {"tabs"},
    ),
}
ONLY_IN = {
    "gradio": {"page", "bench/plain"},
    "starlette": {"page"},
    "huggingface_hub": {"models", "checkpoints"},
    "diffusers": {"models/diffusers", "bench"},
    "httpx": {"bench"},
    "ray": {"engine/cluster"},
}
FILES = sorted(ROOT.rglob("*.py"))
NAMES = [path.relative_to(ROOT).with_suffix("").as_posix() for path in FILES]


def floor_of(name: str, floors: tuple[set, ...]) -> int:
    found = [k for k, names in enumerate(floors) if name in names]
    assert found, f"{name} has no floor yet: give it one in {Path(__file__).name}"
    return found[0]


def imported(path: Path):
    """Every module that a file imports, inside functions and TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: write playground.… in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(("path", "name"), list(zip(FILES, NAMES, strict=True)), ids=NAMES)
def test_imports_run_downwards(path, name):
    here, *inside = name.split("/")
    if here == "__init__":
        return
    for module in imported(path):
        top, *rest = module.split(".")
        if top in ONLY_IN:
            places = ONLY_IN[top]
            assert any(f"{name}/".startswith(f"{place}/") for place in places), f"{module} is for {places} only"
        if top == "gradio" and rest:
            assert name == "page/undocumented", f"{module} is not documented: take it in page/undocumented.py"
        if top != "playground":
            continue
        if rest[0] != here:
            assert floor_of(rest[0], FLOORS) < floor_of(here, FLOORS), f"{here} must not import {rest[0]}"
        elif here in INSIDE and inside != ["__init__"]:
            part, mine, floors = rest[1], inside[0], INSIDE[here]
            if part != mine:
                assert floor_of(part, floors) < floor_of(mine, floors), f"{mine} must not import {part} in {here}"
            elif mine == "tabs":
                raise AssertionError(f"{name} imports {module}: what two tabs share is a part")


def test_the_map_names_every_wing():
    wings = {name.split("/")[0] for name in NAMES} - {"__init__"}
    for place in (ROOT / "__init__.py", ROOT.parent / "README.md"):
        told = [line[:42] for line in place.read_text(encoding="utf-8").splitlines() if line.startswith("    ")]
        named = {word for line in told for word in line.replace("→", " ").split()}
        assert wings <= named, f"{place.name} does not name {sorted(wings - named)}"


def test_the_top_can_be_seen_at_a_glance():
    assert len([path for path in ROOT.iterdir() if not path.name.startswith("__")]) <= 20
