"""Files of settings that cannot be read, or say what no file may say."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

from bad_input.case import Case, Make, both, file

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONFIG = "run infogan --steps 1 --config mine.toml"


def _config(name: str, content: str | bytes, says: str) -> Case:
    return Case(name, _CONFIG, says, file("mine.toml", content))


def _presets(name: str, files: Mapping[str, str | bytes], preset: str, says: str) -> Case:
    """Presets of a plugin that is one file, with a package of presets beside it."""
    plugin = dedent("""
        import sys
        from pathlib import Path

        from ganzoo import ModelSpec, hookimpl

        sys.path.insert(0, str(Path(__file__).parent))

        @hookimpl
        def ganzoo_models():
            yield ModelSpec(
                "mine", "ganzoo_dcgan.model:DCGAN", "mine", presets="presets_of_mine",
                default_preset="first",
            )
    """)
    makes: list[Make] = [file("idea.py", plugin), file("presets_of_mine/__init__.py", "")]
    makes += [file(f"presets_of_mine/{each}.toml", content) for each, content in files.items()]
    return Case(name, f"--plugin idea.py run mine --preset {preset} --steps 1", says, both(*makes))


CASES = [
    Case("a config that is not there", _CONFIG, "mine.toml   cannot be read: No such file"),
    Case("a config that is a folder", _CONFIG, "Is a directory", file("mine.toml/x", "")),
    _config("a config that breaks off", "[train\nseed = 1", "mine.toml   is not TOML"),
    _config("a config of prose", "train for a while, please", "mine.toml   is not TOML"),
    _config("a config in Latin-1", 'a = "\xe9"'.encode("latin-1"), "it is not UTF-8 text"),
    _config("a config in UTF-16", "[train]\nseed = 1".encode("utf-16"), "it is not UTF-8 text"),
    _config("a picture for a config", b"\x89PNG\r\n\x1a\n" + bytes(99), "it is not UTF-8 text"),
    _config("zeros for a config", bytes(99), "mine.toml   is not TOML"),
    _config("a key twice", "[train]\nseed = 1\nseed = 2", "mine.toml   is not TOML"),
    _config("a table twice", "[train]\n[train]", "mine.toml   is not TOML"),
    _config("a list for a table", "train = [1, 2]", "should be a table, not [1, 2]"),
    _config("a list of tables", "[[train]]\nseed = 1", "should be a table, not [{seed = 1}]"),
    _config("an unknown table", "[trian]\nseed = 1", "did you mean train.seed?"),
    _config("a number for the preset", "preset = 3", "preset   should be text, not 3"),
    _config("a word for complete", 'complete = "yes"', "should be true or false, not 'yes'"),
    _config("an unknown preset", 'preset = "mnits"', "no preset 'mnits'"),
    _config("another model", '[model]\nname = "dcgan"', "but the command names 'infogan'"),
    _config("a number for the model", "[model]\nname = 3", "should be the name of a model"),
    _config("a date for a number", "[train]\nseed = 1979-05-27", "train.seed"),
    _config("digits too many to read", f"[train]\nseed = {'9' * 9000}", "mine.toml   is not TOML"),
    _config("brackets too deep to read", f"x = {'[' * 9000}", "nested too deeply"),
    _config("tables too deep", f"[{'.'.join('a' * 1000)}]", "nested too deeply"),
    _config("a key with a line break", '"a\\nb" = 1', r"a\nb   no such setting"),
    _config("a key of no letters", '"" = 1', "no such setting"),
    _config("a complete file that lacks the model", "complete = true", "data.name is empty"),
    _presets("a preset that is no TOML", {"first": "[["}, "first", "preset mine/first"),
    _presets("a preset in Latin-1", {"first": b'a="\xe9"'}, "first", "UnicodeDecodeError"),
    _presets("a preset that extends itself", {"first": 'extends = "first"'}, "first", "itself"),
    _presets(
        "presets that extend one another",
        {"first": 'extends = "second"', "second": 'extends = "mine/first"'},
        "first",
        "mine/first -> mine/second -> mine/first",
    ),
    _presets("a preset of nothing", {"first": 'extends = "gone"'}, "first", "no preset 'gone'"),
    _presets("a preset of no model", {"first": 'extends = "x/y"'}, "first", "no model called 'x'"),
    _presets("a number to extend", {"first": "extends = 1"}, "first", "should be text"),
    _presets("an unknown table of a preset", {"first": "[trian]"}, "first", "trian"),
    _presets("no such preset of a plugin", {"first": ""}, "second", "no preset 'second'"),
]
