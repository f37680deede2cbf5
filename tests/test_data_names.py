"""What `--data` may name: paths, the Hub, and what plugins offer."""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path

import datasets
import pytest
import torch
from small_images import load, pngs, tabular

from ganzoo import DatasetSpec, UserError, hookimpl
from ganzoo.data import (
    MissingSplitError,
    Rendered,
    decode,
    open_source,
)
from ganzoo.data.locate import _files_at
from ganzoo.plugins import Plugin, Plugins
from ganzoo.registry import Registry
from ganzoo.schema import DataSettings

pytestmark = pytest.mark.usefixtures("caches")


class Squares:
    """Images that are made on demand: the i-th is grey i."""

    image_shape = (1, 8, 8)
    classes = ("even", "odd")

    def __len__(self):
        return 20

    def gather(self, indices):
        image = indices.to(torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 1, 8, 8).clone()
        return {"image": image, "label": indices % 2, "factors": indices.float()}


def squares(split):
    return Squares()


def nothing_useful(split):
    return [1, 2, 3]


def halves(split):
    first = ["train", "test"].index(split) * 2
    table = {"image": pngs(4)[first : first + 2], "label": [first, first + 1]}
    return datasets.Dataset.from_dict(table).cast_column("image", datasets.Image())


def unlike(split):
    names = ["even", "odd"] if split == "train" else ["odd", "even"]
    return (
        halves(split)
        .cast_column("label", datasets.Value("int64"))
        .map(
            lambda row: {"label": row["label"] % 2},
            features=datasets.Features(
                {"image": datasets.Image(), "label": datasets.ClassLabel(names=names)}
            ),
        )
    )


class Offering:
    @staticmethod
    @hookimpl
    def ganzoo_datasets():
        yield DatasetSpec("squares", "squares_module:squares", "grey squares", splits=("train",))
        yield DatasetSpec("halves", "squares_module:halves", "a table", splits=("train", "test"))
        yield DatasetSpec("unlike", "squares_module:unlike", "tables", splits=("train", "test"))
        yield DatasetSpec(
            "rounds", "squares_module:squares", "made on demand", splits=("train", "test")
        )
        yield DatasetSpec("wrong", "squares_module:nothing_useful", "no data set at all")


def registry_of(*plugins):
    found = Plugins()
    for number, plugin in enumerate(plugins):
        record = Plugin(name=f"plugin{number}", distribution=f"package{number}", version="1")
        found.admit(record, lambda plugin=plugin: plugin)
    return Registry(found)


@pytest.fixture
def offering(monkeypatch):
    monkeypatch.setitem(sys.modules, "squares_module", sys.modules[__name__])
    return registry_of(Offering())


@pytest.mark.parametrize("name", ["./pets", "pets/", "~/no/pets", "pets.parquet", "a/b/c", "*.png"])
def test_a_path_that_does_not_exist_is_said_to_be_missing(registry, name):
    with pytest.raises(UserError, match="there is no file or folder"):
        load(name, registry)


def test_a_file_of_another_kind_is_refused(tmp_path, registry):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(UserError, match="not a kind of data"):
        load(tmp_path / "notes.txt", registry)


def test_without_network_a_hub_id_fails_at_once_naming_what_there_is(offering, monkeypatch, capfd):
    def unreachable():
        raise OSError("no network")

    monkeypatch.setattr("ganzoo.data.hub.get_session", unreachable)
    start = time.monotonic()
    with pytest.raises(UserError, match="'someone/sqares' is no file or folder here") as caught:
        load("someone/sqares", offering)
    assert time.monotonic() - start < 2
    assert "without it take halves, rounds, squares" in caught.value.what
    with pytest.raises(UserError, match="did you mean 'squares'"):
        load("sqares", offering)
    assert capfd.readouterr() == ("", "")
    assert not datasets.config.HF_HUB_OFFLINE


def test_what_the_hub_does_not_have_is_one_clear_line(offering, monkeypatch):
    def refuse(*arguments, **options):
        raise datasets.exceptions.DatasetNotFoundError("it doesn't exist\nor is private")

    monkeypatch.setattr("ganzoo.data.hub._hub_answers", lambda: True)
    monkeypatch.setattr(datasets, "load_dataset", refuse)
    with pytest.raises(UserError, match=r"'sqares' from the Hub: it doesn't exist; did you mean"):
        load("sqares", offering)


def test_without_network_a_cached_hub_data_set_is_used(tmp_path, registry, monkeypatch, caches):
    monkeypatch.setattr("ganzoo.data.hub.get_session", lambda: 1 / 0)
    path = tabular(tmp_path, {"image": pngs(3)}, {"image": datasets.Image()})
    load(path, registry)
    [prepared] = (caches / "datasets" / "parquet").glob("*/*/*/dataset_info.json")
    place = caches / "datasets" / "someone___tiny" / "default" / "0.0.0" / "abc"
    shutil.copytree(prepared.parent, place)
    (place / "parquet-train.arrow").rename(place / "tiny-train.arrow")
    info = json.loads((place / "dataset_info.json").read_text())
    info |= {"config_name": "default", "dataset_name": "tiny"}
    (place / "dataset_info.json").write_text(json.dumps(info))
    assert len(load("someone/tiny", registry)) == 3


def test_a_plugins_data_set_is_rendered_on_demand(offering):
    images = load("squares", offering, limit=10)
    assert isinstance(images, Rendered)
    assert len(images) == 10
    assert images.image_shape == (1, 8, 8)
    assert images.classes == ("even", "odd")
    batch = images.gather(torch.tensor([3, 4]))
    assert batch["image"][:, 0, 0, 0].tolist() == [3, 4]
    assert batch["label"].tolist() == [1, 0]
    assert batch["factors"].tolist() == [3, 4]
    assert len(load("package0:squares", offering)) == 20


def test_a_part_of_a_rendered_data_set_goes_by_another_name(offering):
    whole, part, same = (load("squares", offering, limit=n).fingerprint for n in (None, 10, 10))
    assert part == same != whole


def test_a_rendered_data_set_cannot_be_resized(offering):
    assert load("squares", offering, size=8, channels=1).image_shape == (1, 8, 8)
    for setting in ({"size": 16}, {"channels": 3}, {"crop": 4}):
        with pytest.raises(UserError, match="makes images of 8x8 pixels and 1 channel,"):
            load("squares", offering, **setting)


def test_a_plugin_that_gives_no_data_set_is_named(offering):
    with pytest.raises(UserError, match=r"package0:plugin0: .* gives a list"):
        load("wrong", offering)


def test_a_data_set_that_two_plugins_offer_is_ambiguous(monkeypatch):
    with pytest.raises(UserError, match="two plugins offer"):
        load("squares", registry_of(Offering(), Offering()))


def test_a_plugins_missing_split_names_those_it_has(offering):
    with pytest.raises(MissingSplitError, match="no split 'test'") as caught:
        open_source(DataSettings(name="squares"), offering, "test")
    assert caught.value.splits == ("train",)


def test_splits_of_a_plugins_tables_can_be_joined(offering):
    settings = DataSettings(name="halves", split="test+training")
    joined = open_source(settings, offering, settings.split)
    assert joined.split == "test+train"
    assert decode(joined, settings).labels.tolist() == [2, 3, 0, 1]
    with pytest.raises(UserError, match="train and test of 'unlike' have other columns or classes"):
        open_source(DataSettings(name="unlike"), offering, "train+test")
    with pytest.raises(UserError, match="'rounds' are not tables, and cannot be joined") as caught:
        open_source(DataSettings(name="rounds"), offering, "train+test")
    assert caught.value.hint == "Choose one: train, test."


def test_a_folder_is_no_pattern():
    assert _files_at(Path("/")) == []
