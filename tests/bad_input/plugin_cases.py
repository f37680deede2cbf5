"""Plugins of one file that cannot be loaded, or offer what cannot be used."""

from __future__ import annotations

from textwrap import dedent

from bad_input.case import Case, file

_START = "from ganzoo import LossSpec, Loss, ModelSpec, hookimpl\n"
_LIST = "--plugin idea.py losses"


def _plugin(name: str, text: str, says: str, command: str = _LIST) -> Case:
    return Case(name, command, says, file("idea.py", _START + dedent(text)))


def _offer(name: str, load: str, says: str) -> Case:
    text = f"""
        @hookimpl
        def ganzoo_losses():
            yield LossSpec("mine", {load!r}, "mine")

        class Empty:
            pass

        class Bare(Loss):
            class Config:
                pass
    """
    command = "--plugin idea.py run dcgan --steps 1 --set loss.mine.weight=1"
    return _plugin(name, text, says, command)


CASES = [
    Case("a plugin that is not there", "--plugin idea.py models", "idea.py: no such file"),
    Case("a folder for a plugin", "--plugin . models", "no such file"),
    Case("a text for a plugin", "--plugin a.txt models", "cannot be a module's", file("a.txt", "")),
    Case(
        "a plugin of a name that is no module's",
        "--plugin my-idea.py models",
        "cannot be a module's",
        file("my-idea.py", ""),
    ),
    Case(
        "a plugin of a name that is taken",
        "--plugin json.py models",
        "there is a module 'json' already",
        file("json.py", ""),
    ),
    Case("a plugin of bytes", _LIST, "idea.py", file("idea.py", bytes(range(256)))),
    Case("a plugin of nothing", _LIST, "implements no hook", file("idea.py", "")),
    _plugin("a plugin with a slip", "def (", "SyntaxError"),
    _plugin("a plugin without a hook", "x = 1", "implements no hook"),
    _plugin("a plugin that raises", "1 / 0", "ZeroDivisionError: division by zero (line 2)"),
    _plugin("a plugin that raises lines", "raise ValueError('a\\nb\\nc')", "ValueError: a"),
    _plugin("a plugin that leaves", "raise SystemExit(0)", "SystemExit: 0"),
    _plugin("a plugin that imports what is not there", "import nosuch", "ModuleNotFoundError"),
    _plugin("a plugin that recurses", "def f(): f()\nf()", "RecursionError"),
    _plugin("a plugin of a later interface", "ganzoo_api = 99", "upgrade torch-ganzoo"),
    _plugin("a plugin of a word for an interface", "ganzoo_api = 'x'", "plugin interface 'x'"),
    _plugin(
        "a misspelt hook",
        "@hookimpl\ndef ganzoo_loses(): return []",
        "ganzoo_loses is not a hook; did you mean ganzoo_losses?",
    ),
    _plugin("an unmarked hook", "def ganzoo_losses(): return []", "is not marked"),
    _plugin("a hook that wants more", "@hookimpl\ndef ganzoo_losses(x): pass", "takes x"),
    _offer("an offer of no module", "nosuch:Loss", "cannot load 'nosuch:Loss'"),
    _offer("an offer that is not in its module", "idea:Mine", "there is no 'Mine' in it"),
    _offer("an offer of another kind", "idea:Empty", "not a subclass of ganzoo.Loss"),
    _offer("an offer of settings that are none", "idea:Bare", "should be a frozen"),
    Case("a check of what is not there", "check idea.py", "idea.py: no such file"),
    _plugin("a check of a plugin that raises", "1 / 0", "ZeroDivisionError", "check idea.py"),
]
