"""Resolved settings can be saved, taken up again and shown."""

from __future__ import annotations

import tomllib

import pytest
from toy_parts import problems, sets

from ganzoo.settings import from_table, resolve, rows, to_toml

SAMPLES = [
    (),
    ("prior.codes={shape='uniform'}", "model.slope=none", "loss.fit.weight=0"),
    ("prior=none", "loss.extra.weight={critic=1}", "model.schedule.shape=linear"),
    ("prior.codes={}", "data.name=somewhere \"quoted\" \\ 'ü'", "loss.fit.ramp=[1, 5]"),
]  # fmt: skip


@pytest.mark.parametrize("texts", SAMPLES)
def test_saved_settings_resolve_to_the_same(toys, tmp_path, texts) -> None:
    settings = resolve(toys, "toy", preset="wide", assignments=sets(*texts))
    file = tmp_path / "settings.toml"
    file.write_text(to_toml(settings), encoding="utf-8")
    assert tomllib.loads(file.read_text(encoding="utf-8")) == settings.table()
    again = resolve(toys, files=[file])
    assert again == settings
    assert list(again.losses) == list(settings.losses)
    assert again.origins["train.steps"] == str(file)
    assert from_table(toys, settings.table(), origin="saved") == settings
    longer = resolve(toys, files=[file], assignments=sets("train.steps=9"))
    assert longer.train.steps == 9
    assert longer.prior == settings.prior


def test_a_complete_file_goes_over_no_preset(toys, tmp_path) -> None:
    file, other = tmp_path / "settings.toml", tmp_path / "other.toml"
    file.write_text(to_toml(resolve(toys, "toy")))
    other.write_text("")
    assert problems(toys, model=None, files=[file], preset="wide") == [
        f"preset cannot go under {file}, which is complete from --preset"
    ]
    assert problems(toys, files=[other, file]) == [
        f"complete only the first file can be complete from {file}"
    ]
    file.write_text("complete = 3\npreset = 4\n")
    assert problems(toys, files=[file]) == [
        f"preset should be text, not 4 from {file}",
        f"complete should be true or false, not 3 from {file}",
    ]


def test_rows_hold_every_setting_with_meaning_and_origin(toys) -> None:
    settings = resolve(toys, "toy", assignments=sets("prior.codes.slant=uniform"))
    table = {row.key: row for row in rows(settings)}
    assert table["model.width"].value == 16
    assert table["model.width"].type == "int > 0"
    assert table["model.width"].help == "maps"
    assert table["model.width"].origin == "preset base"
    assert table["model.schedule.shape"].type == "flat | linear"
    assert table["model.schedule.shape"].origin == "default"
    assert table["prior.codes.digit"].origin == "default"
    assert table["prior.codes.slant"].origin == "--set"
    assert table["prior.codes.slant"].section == "prior"
    assert table["loss.fit.weight"].type == "float | table of float"
    assert table["model.name"].origin == "the command"
    assert table["data.size"].value is None
    assert {key.split(".")[0] for key in table} == {
        "model", "prior", "loss", "data", "train", "optim",
    }  # fmt: skip
    assert all(row.help for row in table.values())
