"""The glossary has an entry for every control and symbol of the page, and what it says of the code is so."""

import re
from pathlib import Path
from pkgutil import resolve_name

import pytest

from playground.lessons.glossary import GLOSSARY, explaining, told
from playground.page.translations import TRANSLATIONS
from playground.runs.settings import DEFAULTS

WIDGETS = Path(__file__).parents[1] / "playground" / "page" / "widgets"
# The signs that have one meaning each throughout the project, and those that the widgets add.
SYMBOLS = ("T", "t", "beta", "alpha", "alpha_bar", "signal_rate", "noise_rate", "log_snr", "x0", "eps", "x_t", "v")
SYMBOLS += ("guidance_scale", "eta", "seed", "nfe")
SYMBOLS += ("x0_hat", "eps_hat", "mu", "beta_tilde", "sigma_z", "score", "normal", "bits")


def test_every_control_is_explained_and_a_change_of_it_has_a_word():
    missing = [name for name in DEFAULTS if name != "tab" and not explaining(name)]
    assert not missing, f"glossary.json has no entry whose settings name {missing}"
    assert not [name for name in DEFAULTS if name != "tab" and "effect" not in GLOSSARY[explaining(name)]]
    assert [name for entry in GLOSSARY.values() for name in entry.get("settings", ()) if name not in DEFAULTS] == []
    assert explaining("eta_2") == "eta" and explaining("sigmoid_alpha_bar_tau") == "tau"
    assert set(told()["settings"]) == set(DEFAULTS) - {"tab"}


def test_every_symbol_is_explained():
    assert not [name for name in SYMBOLS if name not in GLOSSARY]
    named = set()
    for path in WIDGETS.rglob("*.html"):
        named |= set(re.findall(r'data-explain="([^"]+)"', path.read_text(encoding="utf-8")))
    for path in WIDGETS.rglob("*.js"):
        for table in re.findall(r"^const TERMS = \{([^}]*)\}", path.read_text(encoding="utf-8"), re.M):
            named |= set(re.findall(r'"(\w+)"', table))
    assert len(named) > 15 and not named - GLOSSARY.keys()


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_every_entry_is_there_in_every_language(language):
    words = TRANSLATIONS[language]
    said = [entry[part] for entry in GLOSSARY.values() for part in ("name", "plain", "effect") if part in entry]
    assert not [text for text in said if text not in words]


def test_what_it_says_of_the_code_is_there():
    for key, entry in GLOSSARY.items():
        assert {"name", "plain", "code"} <= entry.keys() <= {
            "name", "plain", "code", "symbol", "formula", "source", "settings", "effect"
        }, key  # fmt: skip
        resolve_name(entry["code"])  # "module:name"
        assert "." not in entry["effect"] if "effect" in entry else True
