"""Every visible sentence of the page has its entry in every language, and the page shows it."""

import ast
import json
import re
import string
from pathlib import Path
from types import SimpleNamespace

import pytest

from playground.errors import UserError
from playground.lessons.glossary import GLOSSARY
from playground.page.translations import (
    TRANSLATIONS,
    _,
    i18n,
    language,
    say,
)
from playground.runs.settings import DEFAULTS
from playground.samplers import SAMPLERS
from playground.schedules import SCHEDULES

ROOT = Path(__file__).parents[2]
# Their sentences are for a terminal, or for who writes a lesson.
COMMAND_LINE = {"train.py", "trainer.py", "resuming.py", "evaluate.py", "session.py", "cards.py", "data.py"}
COMMAND_LINE |= {"format.py", "many.py", "cluster.py"}
SPOKEN = {"_", "say", "UserError"}
VISIBLE = {"label", "info", "placeholder", "title", "alt_text", "submit_btn", "stop_btn"}


def python_files():
    return [ROOT / "app.py", *(p for p in sorted((ROOT / "playground").rglob("*.py")) if p.name not in COMMAND_LINE)]


def calls(path, names):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names and node.args:
            yield node


def literals(node):
    """The strings an expression may be: of a literal, or of both sides of a conditional."""
    if isinstance(node, ast.IfExp):
        return literals(node.body) + literals(node.orelse)
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def spoken_by_script(source):
    """The string literals in the first argument of each text(…) of a script, and in the rows of shortcuts."""
    for call in re.finditer(r"\btext\(|\bshortcuts\(", source):
        depth, place, keys = 1, call.end(), "text" not in call[0]
        while depth > 0 and place < len(source):
            literal = re.compile(r"""(["'])((?:\\.|(?!\1).)*)\1""").match(source, place)
            if literal:
                yield json.loads(f'"{literal[2]}"')
                place = literal.end()
                continue
            depth += (source[place] in "([{") - (source[place] in ")]}")
            if depth == 1 and (source[place] == "," and not keys or source[place] == ";"):
                break
            place += 1


def returned(path, function):
    """The sentences that a function returns."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name == function:
            for part in ast.walk(node):
                if isinstance(part, ast.Return) and part.value is not None:
                    yield from literals(part.value)


def sentences():
    """{English: where it was found first} of all that a person may read in the page."""
    found = {}
    for path in python_files():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        local = {
            node.targets[0].id: node.value.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
        }
        for node in calls(path, SPOKEN):
            first = node.args[0]
            texts = literals(first)
            if isinstance(first, ast.Name) and isinstance(named.get(first.id, local.get(first.id)), str):
                texts = [named.get(first.id, local.get(first.id))]
            for text in texts:
                found.setdefault(text, path.name)
    for path in sorted((ROOT / "playground" / "page" / "widgets").rglob("*.js")):
        for text in spoken_by_script(path.read_text(encoding="utf-8")):
            found.setdefault(text, path.name)
    for text in returned(ROOT / "playground" / "runs" / "records.py", "same_picture"):
        found.setdefault(text, "records.py")
    for row in DEFAULTS.values():
        for text in (row.label, row.help):
            found.setdefault(text, "settings.py")
    for entry in GLOSSARY.values():
        for text in filter(None, map(entry.get, ("name", "plain", "effect"))):
            found.setdefault(text, "glossary.json")
    for entry in (*SCHEDULES.values(), *SAMPLERS.values()):
        for knob in entry.knobs:
            found.setdefault(knob.label, "knobs")
    return {text: where for text, where in found.items() if any(c.isalpha() for c in text)}


def fields(text):
    return {name for _text, name, _spec, _conversion in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("name", sorted(TRANSLATIONS))
def test_every_sentence_is_translated_and_nothing_else(name):
    wanted = sentences()
    missing = {text: where for text, where in wanted.items() if text not in TRANSLATIONS[name]}
    assert not missing, json.dumps(missing, ensure_ascii=False, indent=1)
    sources = "".join(p.read_text(encoding="utf-8") for ending in ("py", "js", "html")
                      for p in [ROOT / "app.py", *(ROOT / "playground").rglob(f"*.{ending}")])  # fmt: skip
    assert not [text for text in TRANSLATIONS[name] if text not in wanted and text not in sources]  # left behind
    assert all(fields(text) == fields(other) for text, other in TRANSLATIONS[name].items())
    assert all(other.strip() for other in TRANSLATIONS[name].values())


def test_keys_are_literals_so_that_they_can_be_collected():
    """Only where words come out of a table (labels of settings and knobs, which are collected from it)."""
    for path in python_files():
        for node in calls(path, {"_"}):
            first = node.args[0]
            assert literals(first) or isinstance(first, ast.Attribute | ast.Name | ast.Subscript), (
                f"{path}:{node.lineno}"
            )


def test_no_visible_text_of_a_tab_goes_around_the_words():
    for path in sorted((ROOT / "playground" / "page" / "tabs").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            of_gradio = isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "gr"
            texts = [k.value for k in node.keywords if k.arg in VISIBLE] if of_gradio else []
            if of_gradio and node.func.attr in ("Button", "Markdown", "Tab", "Accordion") and node.args:
                texts.append(node.args[0])
            for text in texts:
                plain = isinstance(text, ast.Constant) and isinstance(text.value, str) and text.value.strip()
                assert not plain, f"{path.name}:{text.lineno}: {text.value!r} needs _()"


def test_a_key_has_no_braces():
    assert _("Seed").key == "Seed"
    for text in ("{count} pictures", "a } b"):
        with pytest.raises(ValueError):
            _(text)


def asking(header):
    return SimpleNamespace(headers={"accept-language": header})


@pytest.mark.parametrize(
    ("header", "want"),
    [("zh-TW,zh;q=0.9,en;q=0.8", "zh-TW"), ("zh-tw", "zh-TW"), ("de,zh-TW;q=0.5", "zh-TW"), ("en-GB,zh-TW", "en"),
     ("de,fr", "en"), ("", "en"), ("zh-CN,zh", "en"), (",;,=" * 500, "en"), ("x" * 9999, "en")],
)  # fmt: skip
def test_the_readers_language(header, want):
    assert language(asking(header)) == want


def test_the_server_speaks_it_too():
    error = UserError("{label} must be true or false; you gave {value}.", label="Seed", value="{evil} __i18n__")
    assert say(error) == str(error)
    said = say(error, asking("zh-TW"))
    assert said != str(error) and TRANSLATIONS["zh-TW"]["Seed"] in said and "{evil} __i18n__" in said
    assert (
        say("Seed", asking("zh-TW")) == TRANSLATIONS["zh-TW"]["Seed"]
        and say("no such key", asking("zh-TW")) == "no such key"
    )
    assert i18n().translations_dict == TRANSLATIONS
