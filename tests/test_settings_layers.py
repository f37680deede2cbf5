"""Layers of settings: presets, files and the command, each over the one before."""

from __future__ import annotations

import pytest
from toy_parts import Other, Plain, Schedule, Toy, problems, sets

from ganzoo import UserError
from ganzoo.settings import from_table, resolve, rows


def test_defaults_lie_under_the_preset_and_what_it_extends(toys) -> None:
    settings = resolve(toys, "toy", preset="wide")
    assert (settings.model.name, settings.preset) == ("toy", "wide")
    assert settings.model.config == Toy.Config(width=64)
    assert settings.model.factory is Toy
    assert settings.prior is not None
    assert settings.prior.config.codes == {"digit": "categorical(10)", "slant": "uniform"}
    assert settings.train.steps == 100
    assert settings.train.batch_size == 128
    assert settings.optim["critic"].lr == 1e-3
    assert settings.losses["fit"].weight.weight == 1.0
    assert settings.packages() == ["acme"]
    assert settings.model.qualified == "acme:toy"


def test_files_and_assignments_win_in_their_order(toys, tmp_path) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text("[train]\nsteps = 7\nseed = 1\n[prior.codes]\nwidth = 'uniform'\n")
    two.write_text("[train]\nsteps = 8\n")
    settings = resolve(toys, "toy", files=[one, two], assignments=sets("train.seed=2"))
    assert (settings.train.steps, settings.train.seed) == (8, 2)
    assert list(settings.prior.config.codes) == ["digit", "slant", "width"]
    assert settings.origins["train.steps"] == str(two)
    assert settings.origins["train.seed"] == "--set"
    assert settings.origins["model.width"] == "preset base"
    assert "train.batch_size" not in settings.origins


def test_values_are_toml_or_else_text(toys) -> None:
    settings = resolve(
        toys,
        "toy",
        assignments=sets(
            "prior.codes.digit=categorical(20)",
            "prior.codes.slant='none'",
            "prior.codes.year=2024",
            "prior.codes.day=2024-01-02",
            "model.widths=[4, 5, 6]",
            "model.slope=none",
            "model.schedule.start=3",
            "data.revision=1234567",
            "data.name = a=b ",
            "optim.critic.lr='0.1'",
            "train.sync_batchnorm=true",
            "loss.fit.weight={critic=1, generator=0.5}",
        ),
    )
    assert settings.prior.config.codes == {
        "digit": "categorical(20)",
        "slant": "none",
        "year": "2024",
        "day": "2024-01-02",
    }
    assert settings.model.config.widths == (4, 5, 6)
    assert settings.model.config.slope is None
    assert settings.model.config.schedule == Schedule(start=3)
    assert settings.data.revision == "1234567"
    assert settings.data.name == "a=b"
    assert settings.optim["critic"].lr == 0.1
    assert settings.train.sync_batchnorm is True
    assert settings.losses["fit"].weight.weight == {"critic": 1.0, "generator": 0.5}


def test_a_value_with_line_breaks_adds_no_setting(toys) -> None:
    settings = resolve(toys, "toy", assignments=sets("data.name=1\nother = 2"))
    assert settings.data.name == "1\nother = 2"


def test_a_table_replaces_the_one_that_is_there(toys) -> None:
    settings = resolve(toys, "toy", assignments=sets("prior.codes={shape='uniform'}"))
    assert settings.prior.config.codes == {"shape": "uniform"}
    more = sets("prior.codes={shape='uniform'}", "prior.codes.size=uniform")
    assert list(resolve(toys, "toy", assignments=more).prior.config.codes) == ["shape", "size"]


def test_a_prior_can_be_changed_or_left_out(toys) -> None:
    changed = resolve(toys, "toy", assignments=sets("prior.name=plain"))
    assert changed.prior.factory is Plain
    assert resolve(toys, "toy", assignments=sets("prior=none")).prior is None
    later = problems(toys, "prior.name=plain", "prior.size=3")
    assert later == ["prior.size no such setting did you mean data.size? from --set"]


def test_a_model_may_extend_another_models_preset(toys) -> None:
    settings = resolve(toys, "other")
    assert settings.model.config == Other.Config(depth=3)
    assert settings.origins["train.steps"] == "preset toy/base"
    switched = resolve(toys, "toy", assignments=sets("model.name=other", "model.depth=5"))
    assert switched.model.config == Other.Config(depth=5)


def test_a_model_without_presets_starts_from_nothing(toys) -> None:
    settings = resolve(toys, "bare", assignments=sets("loss.fit.power=3"))
    assert settings.preset == "default"
    assert settings.prior is None
    assert settings.losses["fit"].config.power == 3.0


def test_qualified_names_work_everywhere(toys) -> None:
    texts = ("loss.acme:extra.weight=2", "prior.name=acme:codes", 'loss."toy:fit".weight=3')
    settings = resolve(toys, "acme:toy", assignments=sets(*texts))
    assert list(settings.losses) == ["fit", "acme:extra", "toy:fit"]
    assert settings.prior.qualified == "acme:codes"
    assert from_table(toys, settings.table(), origin="saved") == settings


def test_a_weight_of_zero_mutes_a_loss(toys) -> None:
    settings = resolve(toys, "toy", assignments=sets("loss.fit.weight=0", "loss.extra.weight=1"))
    assert list(settings.losses) == ["extra"]
    assert list(settings.muted) == ["fit"]
    assert settings.table()["loss"]["fit"]["weight"] == 0.0
    both = resolve(toys, "toy", assignments=sets("loss.fit.weight={critic=0}"))
    assert not both.losses


def test_a_phase_cannot_be_set_in_a_weight_that_is_a_number(toys, tmp_path) -> None:
    [problem] = problems(toys, "loss.fit.weight.critic=0")
    assert problem == (
        "loss.fit.weight.critic loss.fit.weight is 1.0 here, not a table: "
        "write loss.fit.weight={critic=0} from --set"
    )
    unsaid = tmp_path / "unsaid.toml"
    unsaid.write_text("[loss.extra]\npower = 3\n")
    found = problems(toys, "loss.extra.weight.critic=0", files=[unsaid])
    assert "loss.extra.weight is 1.0 here" in found[0]
    settings = resolve(
        toys,
        "toy",
        assignments=sets("loss.extra.weight.critic=2", "loss.extra.weight.generator=1"),
    )
    assert settings.losses["extra"].weight.weight == {"critic": 2.0, "generator": 1.0}
    table = tmp_path / "table.toml"
    table.write_text("[loss.fit.weight]\ncritic = 3\n")
    settings = resolve(toys, "toy", files=[table])
    assert settings.losses["fit"].weight.weight == {"critic": 3.0}


def test_a_file_may_name_model_and_preset(toys, tmp_path) -> None:
    file = tmp_path / "experiment.toml"
    file.write_text('preset = "wide"\n[model]\nname = "toy"\n')
    settings = resolve(toys, files=[file])
    assert (settings.model.name, settings.preset) == ("toy", "wide")
    assert resolve(toys, files=[file], preset="base").preset == "base"
    assert problems(toys, model="other", files=[file])[0] == (
        f"model.name is 'toy' here, but the command names 'other' from {file}"
    )
    with pytest.raises(UserError, match="no model is named"):
        resolve(toys)


def test_a_table_in_the_data_is_a_further_source(toys) -> None:
    settings = resolve(
        toys, "toy", assignments=sets("data.name=a", "data.style.name=b", "data.style.size=16")
    )
    assert settings.data.name == "a"
    assert settings.data.size is None
    assert settings.further["style"].name == "b"
    assert settings.further["style"].size == 16
    assert from_table(toys, settings.table(), origin="again") == settings
    shown = {row.key: row for row in rows(settings)}
    assert shown["data.style.size"].origin == "--set"


def test_what_belongs_to_one_data_set_does_not_go_with_another(toys, tmp_path) -> None:
    file = tmp_path / "hub.toml"
    file.write_text("[data]\nname = 'a/b'\nconfig = 'c'\nimage_column = 'img'\nsplit = 'all'\n")
    kept = resolve(toys, "toy", files=[file]).data
    assert (kept.config, kept.image_column, kept.split) == ("c", "img", "all")
    other = resolve(toys, "toy", files=[file], assignments=sets("data.name=mine")).data
    assert (other.config, other.image_column, other.split) == (None, None, "all")
    both = sets("data.name=mine", "data.config=d")
    assert resolve(toys, "toy", files=[file], assignments=both).data.config == "d"
