"""Whatever is written for settings is converted or refused in words; what is kept reads back."""

from __future__ import annotations

import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from ganzoo.discovery import discover
from ganzoo.documents import read_document
from ganzoo.errors import UserError
from ganzoo.registry import Registry
from ganzoo.settings import Assignment, Settings, from_table, resolve, rows, to_toml

quick = settings(derandomize=True, database=None, deadline=None, max_examples=60)
REGISTRY = Registry(discover())
KEYS = [row.key for row in rows(resolve(REGISTRY, "infogan"))]
WORDS = sorted({word for key in KEYS for word in key.split(".")} | {"preset", "complete", "name"})
MOST_CHARACTERS = 4000

plain = some.one_of(
    some.none().map(lambda _: "none"),
    some.booleans(),
    some.integers(),
    some.integers(-3, 40),
    some.floats(),
    some.text(max_size=12),
    some.sampled_from(["infogan", "structured", "mnist", "categorical(3)", "uniform(-1, 1)"]),
    some.dates(),
)
key = some.one_of(some.sampled_from(WORDS), some.text(max_size=6))
value = some.recursive(
    plain,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(key, inner, max_size=3),
    max_leaves=8,
)
written = some.one_of(
    some.text(max_size=30),
    some.integers().map(str),
    some.floats().map(str),
    some.sampled_from(["true", "none", "[1, 2]", "[0.5, 0.9]", "{a = 1}", "3", "0.5", "''", "1e9"]),
    some.from_regex(r"(categorical|uniform)\(-?[0-9.e]{0,4}(, ?-?[0-9.e]{0,4})?\)", fullmatch=True),
)


def settled(*assignments: Assignment) -> Settings | None:
    """The settings of infogan with these assignments; None where they are refused in words."""
    try:
        return resolve(REGISTRY, "infogan", assignments=assignments)
    except UserError as error:
        assert_words(error)
        return None


def assert_words(error: UserError) -> None:
    """The message can be shown: lines of printable characters, not too many."""
    assert error.what.strip()
    assert all(line.isprintable() for line in error.what.split("\n"))
    assert len(error.what) < MOST_CHARACTERS


def assert_reads_back(given_settings: Settings) -> None:
    """What a run keeps of its settings resolves to the same."""
    table = tomllib.loads(to_toml(given_settings))
    assert from_table(REGISTRY, table, origin="a run") == given_settings


@quick
@given(some.text(max_size=40))
def test_any_text_after_set_is_settled_or_refused(text: str) -> None:
    settled(Assignment.parse(text))


@quick
@given(some.sampled_from(KEYS), written)
def test_any_value_of_a_setting_is_settled_or_refused_and_reads_back(name: str, text: str) -> None:
    found = settled(Assignment.parse(f"{name}={text}"))
    if found is not None:
        assert_reads_back(found)


@quick
@given(some.dictionaries(some.sampled_from(KEYS), written, min_size=2, max_size=5))
def test_any_settings_together_are_settled_or_refused(texts: dict[str, str]) -> None:
    found = settled(*(Assignment(name, text) for name, text in texts.items()))
    if found is not None:
        assert_reads_back(found)


@quick
@given(some.dictionaries(key, value, max_size=4))
def test_any_tables_are_settled_or_refused(table: dict[str, Any]) -> None:
    try:
        found = from_table(REGISTRY, {"model": {"name": "infogan"}} | table, origin="a file")
    except UserError as error:
        assert_words(error)
    else:
        assert_reads_back(found)


@quick
@given(some.sampled_from(["train", "data", "prior", "model", "optim", "loss"]), some.data())
def test_any_table_of_a_section_is_settled_or_refused(section: str, data: some.DataObject) -> None:
    table = data.draw(some.dictionaries(key, value, max_size=3))
    document = {"model": {"name": "infogan"}} | {section: table}
    if section == "model":
        document["model"] |= {"name": "infogan"}
    try:
        found = from_table(REGISTRY, document, origin="a file")
    except UserError as error:
        assert_words(error)
    else:
        assert_reads_back(found)


@quick
@given(some.binary(max_size=60))
def test_any_file_is_a_document_or_a_problem(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "any.toml")
        file.write_bytes(content)
        document, problems = read_document(file)
    assert document is not None or len(problems) == 1


@pytest.mark.parametrize("model", ["infogan", "dcgan"])
def test_every_preset_reads_back(model: str) -> None:
    for preset in REGISTRY.presets(REGISTRY.find("model", model)):
        assert_reads_back(resolve(REGISTRY, model, preset=preset))
