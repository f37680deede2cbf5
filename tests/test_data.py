"""Finding and decoding images, on small folders and files made on the spot."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import datasets
import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image
from pyarrow import parquet

from ganzoo import DatasetSpec, UserError, hookimpl
from ganzoo.data import (
    Images,
    MissingSplitError,
    Rendered,
    decode,
    open_source,
)
from ganzoo.plugins import Plugin, Plugins
from ganzoo.registry import Registry
from ganzoo.schema import DataSettings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def caches(tmp_path, monkeypatch):
    cache = tmp_path / "caches"
    monkeypatch.setenv("GANZOO_CACHE", str(cache / "ganzoo"))
    monkeypatch.setenv("HF_HOME", str(cache / "huggingface"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache / "datasets")
    return cache


@pytest.fixture
def registry():
    return registry_of()


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


class Offering:
    @staticmethod
    @hookimpl
    def ganzoo_datasets():
        yield DatasetSpec("squares", "squares_module:squares", "grey squares", splits=("train",))
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


def picture(size=(8, 8), color=128, mode="L"):
    return Image.new(mode, size, color)


def encoded(image, kind="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def write(path: Path, image=None, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    (image or picture()).save(path, **options)
    return path


def load(path, registry, **settings) -> Any:
    chosen = DataSettings(name=str(path), **settings)
    return decode(open_source(chosen, registry, chosen.split), chosen)


# Folders of images


def test_a_flat_folder_has_no_labels(tmp_path, registry):
    for number in range(3):
        write(tmp_path / "photos" / f"test_{number}.png", picture(color=number))
    images = load(tmp_path / "photos", registry)
    assert len(images) == 3
    assert images.labels is None
    assert images.classes is None
    assert list(images.gather(torch.tensor([2]))) == ["image"]


def test_sub_folders_are_classes(tmp_path, registry):
    for number, name in enumerate(["dog", "cat", "cat"]):
        write(tmp_path / "pets" / name / "deeper" / f"{number}.png", picture(color=number))
    images = load(tmp_path / "pets", registry)
    assert images.classes == ("cat", "dog")
    assert images.labels.tolist() == [0, 0, 1]
    assert images.gather(torch.tensor([2]))["image"].unique().tolist() == [0]
    assert "2 sub-folders" in images.notes[0]


def test_sub_folders_named_like_splits_are_splits_with_the_same_classes(tmp_path, registry):
    for path in ("train/a/1.png", "train/b/2.png", "val/b/3.png"):
        write(tmp_path / "pets" / path)
    settings = DataSettings(name=str(tmp_path / "pets"))
    train = decode(open_source(settings, registry, "train"), settings)
    validation = decode(open_source(settings, registry, "validation"), settings)
    assert train.labels.tolist() == [0, 1]
    assert validation.labels.tolist() == [1]
    assert validation.classes == ("a", "b")
    with pytest.raises(MissingSplitError, match="no split 'test'") as caught:
        open_source(settings, registry, "test")
    assert caught.value.splits == ("train", "val")
    assert "train, val" in caught.value.hint


def test_images_at_several_depths_get_no_labels_and_a_word_about_it(tmp_path, registry):
    write(tmp_path / "mix" / "a.png")
    write(tmp_path / "mix" / "b" / "c.png")
    images = load(tmp_path / "mix", registry)
    assert len(images) == 2
    assert images.labels is None
    assert "no labels" in images.notes[0]


def test_a_folder_named_from_where_one_stands_is_read(tmp_path, registry, monkeypatch):
    write(tmp_path / "photos" / "a.png")
    monkeypatch.chdir(tmp_path)
    assert len(load("photos/", registry)) == 1


def test_hidden_and_other_files_are_left_alone(tmp_path, registry):
    write(tmp_path / "photos" / "a.png")
    (tmp_path / "photos" / ".b.png").write_bytes(b"")
    (tmp_path / "photos" / "notes.txt").write_text("hello")
    (tmp_path / "photos" / "list.csv").write_text("a,b\n")
    assert len(load(tmp_path / "photos", registry)) == 1


def test_a_link_that_leads_back_ends_no_walk(tmp_path, registry):
    write(tmp_path / "photos" / "a.png")
    (tmp_path / "photos" / "again").symlink_to(tmp_path / "photos", target_is_directory=True)
    assert len(load(tmp_path / "photos", registry)) == 1


def test_a_pattern_takes_the_images_that_it_matches(tmp_path, registry):
    for path in ("a/1.png", "a/2.jpg", "b/3.png"):
        write(tmp_path / "pets" / path)
    images = load(tmp_path / "pets" / "*" / "*.png", registry)
    assert images.labels.tolist() == [0, 1]


@pytest.mark.parametrize("others", [[], ["notes.txt"]])
def test_a_folder_without_images_is_one_clear_line(tmp_path, registry, others):
    (tmp_path / "void").mkdir()
    for name in others:
        (tmp_path / "void" / name).write_text("hello")
    with pytest.raises(UserError, match="void' holds no images and no data files") as caught:
        load(tmp_path / "void", registry)
    assert ".png" in caught.value.hint
    assert "\n" not in caught.value.what


def test_metadata_files_give_labels(tmp_path, registry):
    for number in range(2):
        write(tmp_path / "pets" / f"{number}.png")
    (tmp_path / "pets" / "metadata.csv").write_text("file_name,label\n0.png,1\n1.png,0\n")
    assert load(tmp_path / "pets", registry).labels.tolist() == [1, 0]


# Broken images


def broken_folder(tmp_path, good=38):
    folder = tmp_path / "photos"
    for number in range(good):
        write(folder / f"good{number:02}.png", picture(color=number))
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("no image at all")
    return folder


def test_broken_images_are_named_counted_and_skipped(tmp_path, registry):
    images = load(broken_folder(tmp_path), registry)
    assert len(images) == 38
    assert images.skipped == 2
    assert sorted(images.images[:, 0, 0, 0].tolist()) == list(range(38))
    [note] = images.notes
    assert note == (
        "2 of 40 images cannot be read and are left out: "
        "empty.png (not an image of a known format), text.jpg (not an image of a known format)"
    )


def test_a_link_to_nothing_counts_as_broken(tmp_path, registry):
    write(tmp_path / "photos" / "a.png")
    (tmp_path / "photos" / "b.png").symlink_to(tmp_path / "nowhere.png")
    images = load(tmp_path / "photos", registry, broken_share=0.5)
    assert len(images) == 1
    assert "b.png (No such file or directory)" in images.notes[0]


def test_a_name_that_is_not_utf8_is_named(tmp_path, registry):
    write(tmp_path / "photos" / "a.png")
    try:
        (tmp_path / "photos" / "b\udcff.png").write_bytes(encoded(picture()))
    except OSError:
        pytest.skip("this file system only takes UTF-8")
    with pytest.raises(UserError, match="not UTF-8"):
        load(tmp_path / "photos", registry)


def test_too_many_broken_images_are_refused_with_count_and_names(tmp_path, registry):
    folder = broken_folder(tmp_path, good=6)
    whole = encoded(Image.fromarray(np.random.default_rng(0).integers(0, 255, (8, 8), np.uint8)))
    (folder / "cut.png").write_bytes(whole[:-40])
    with pytest.raises(UserError, match=r"3 of 9 images .* cut\.png .* empty\.png") as caught:
        load(folder, registry)
    assert "broken_share" in caught.value.hint
    assert not list((tmp_path / "caches" / "ganzoo" / "images").iterdir())
    assert load(folder, registry, broken_share=0.5).skipped == 3
    with pytest.raises(UserError, match="3 of 9 images"):  # from the cache, too
        load(folder, registry)


def test_a_folder_of_nothing_but_broken_images_is_refused(tmp_path, registry):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_text("no image")
    with pytest.raises(UserError, match=r"none of 1 images .*: a\.png \(not an image"):
        load(tmp_path / "photos", registry, broken_share=0.99)


def test_many_broken_images_are_named_only_in_part(tmp_path, registry):
    write(tmp_path / "photos" / "a.png")
    for number in range(9):
        (tmp_path / "photos" / f"b{number}.png").write_text("no image")
    with pytest.raises(UserError, match=r"b4\.png .* and 4 more"):
        load(tmp_path / "photos", registry)


# Sizes and channels


def test_mixed_sizes_ask_for_data_size(tmp_path, registry):
    write(tmp_path / "photos" / "a.png", picture((8, 8)))
    write(tmp_path / "photos" / "b.png", picture((10, 20)))
    with pytest.raises(UserError, match="differ in size: 8 x 8, 20 x 10") as caught:
        load(tmp_path / "photos", registry)
    assert "data.size" in caught.value.hint
    assert load(tmp_path / "photos", registry, size=16).image_shape == (1, 16, 16)
    assert load(tmp_path / "photos", registry, crop=6).image_shape == (1, 6, 6)


def test_a_size_that_the_sample_missed_asks_for_data_size(tmp_path, registry):
    table = pa.table(
        {"image": [encoded(picture())] * 2 + [encoded(picture((9, 9)))] + [encoded(picture())] * 97}
    )
    parquet.write_table(table, tmp_path / "odd.parquet")
    source = open_source(DataSettings(name=str(tmp_path / "odd.parquet")), registry, "train")
    assert source.native_shape().uniform == (1, 8, 8)
    with pytest.raises(UserError, match="differ in size: row 2 "):
        load(tmp_path / "odd.parquet", registry)


def test_channels_are_grey_only_if_all_images_are(tmp_path, registry):
    write(tmp_path / "photos" / "a.png")
    assert load(tmp_path / "photos", registry).image_shape == (1, 8, 8)
    write(tmp_path / "photos" / "b.png", picture((8, 8), "red", "RGB"))
    images = load(tmp_path / "photos", registry)
    assert images.image_shape == (3, 8, 8)
    assert images.notes == ("grey was repeated to three channels in 1 of 2 images",)
    assert load(tmp_path / "photos", registry, channels=1).image_shape == (1, 8, 8)


def test_native_shape_tells_uniform_from_mixed(tmp_path, registry):
    write(tmp_path / "photos" / "a.png", picture((12, 8)))
    settings = DataSettings(name=str(tmp_path / "photos"))
    shape = open_source(settings, registry, "train").native_shape()
    assert (shape.uniform, shape.side) == ((1, 8, 12), 8)
    write(tmp_path / "photos" / "b.png", picture((8, 12)))
    shape = open_source(settings, registry, "train").native_shape()
    assert (shape.uniform, shape.side) == (None, 8)
    assert shape.sizes == ((8, 12), (12, 8))


def test_large_images_are_decoded_by_threads_in_their_order(tmp_path, registry):
    for number in range(4):
        write(tmp_path / "photos" / f"{number}.png", picture((150, 150), number * 50))
    images = load(tmp_path / "photos", registry, size=8)
    assert images.images[:, 0, 0, 0].tolist() == [0, 50, 100, 150]
    assert images.notes == ("antialiased downscaling was applied to 4 of 4 images",)


def test_limit_counts_training_images_only(tmp_path, registry):
    for split in ("train", "test"):
        for number in range(5):
            write(tmp_path / "photos" / split / f"{number}.png")
    settings = DataSettings(name=str(tmp_path / "photos"), limit=3)
    assert len(decode(open_source(settings, registry, "train"), settings)) == 3
    assert len(decode(open_source(settings, registry, "test"), settings)) == 5


# Tables


def tabular(tmp_path, columns, features=None, name="data.parquet"):
    table = datasets.Dataset.from_dict(columns, features=features and datasets.Features(features))
    table.to_parquet(str(tmp_path / name))
    return tmp_path / name


def pngs(count):
    return [{"bytes": encoded(picture(color=number)), "path": None} for number in range(count)]


def test_columns_are_found_by_their_features(tmp_path, registry):
    features = {
        "n": datasets.Value("int64"),
        "img": datasets.Image(),
        "animal": datasets.ClassLabel(names=["cat", "dog"]),
    }
    path = tabular(tmp_path, {"n": [7, 8], "img": pngs(2), "animal": [1, 0]}, features)
    images = load(path, registry)
    assert images.classes == ("cat", "dog")
    assert images.labels.tolist() == [1, 0]


@pytest.mark.parametrize("form", ["struct", "binary"])
def test_bytes_without_metadata_are_images(tmp_path, registry, form):
    values = pngs(3) if form == "struct" else [value["bytes"] for value in pngs(3)]
    table = pa.table({"picture": values, "label": [0, 4, 2]})
    parquet.write_table(table, tmp_path / "plain.parquet")
    images = load(tmp_path / "plain.parquet", registry)
    assert images.images[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert images.classes == ("0", "1", "2", "3", "4")


def test_two_columns_of_images_ask_for_one(tmp_path, registry):
    features = {"left": datasets.Image(), "right": datasets.Image()}
    path = tabular(tmp_path, {"left": pngs(2), "right": pngs(2)[::-1]}, features)
    with pytest.raises(UserError, match="2 columns of images: left, right") as caught:
        load(path, registry)
    assert "data.image_column=left" in caught.value.hint
    assert load(path, registry, image_column="right").images[:, 0, 0, 0].tolist() == [1, 0]
    with pytest.raises(UserError, match=r"no column 'rigth'.*did you mean 'right'"):
        load(path, registry, image_column="rigth")


def test_no_column_of_images_names_the_columns(tmp_path, registry):
    path = tabular(tmp_path, {"a": [1], "b": ["x"]})
    with pytest.raises(UserError, match=r"no column of images.*a \(int64\), b \(string\)"):
        load(path, registry)
    with pytest.raises(UserError, match=r"'a' of .* holds no images but int64"):
        load(path, registry, image_column="a")


def test_two_columns_of_labels_ask_for_one_unless_one_is_called_so(tmp_path, registry):
    label = datasets.ClassLabel(names=["x", "y"])
    features = {"image": datasets.Image(), "fine": label, "coarse": label}
    path = tabular(tmp_path, {"image": pngs(2), "fine": [0, 1], "coarse": [1, 0]}, features)
    with pytest.raises(UserError, match="2 columns of labels: fine, coarse"):
        load(path, registry)
    assert load(path, registry, label_column="coarse").labels.tolist() == [1, 0]
    features = {"image": datasets.Image(), "fine_label": label, "coarse_label": label}
    columns = {"image": pngs(2), "fine_label": [0, 1], "coarse_label": [1, 0]}
    path = tabular(tmp_path, columns, features, "cifar.parquet")
    assert load(path, registry).labels.tolist() == [0, 1]


def test_missing_labels_are_said_and_a_column_of_none_is_no_label(tmp_path, registry):
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=["x", "y"])}
    path = tabular(tmp_path, {"image": pngs(3), "label": [0, -1, None]}, features)
    images = load(path, registry)
    assert images.labels.tolist() == [0, -1, -1]
    assert images.notes == ("2 of 3 images have no label",)
    path = tabular(tmp_path, {"image": pngs(3), "label": [-1] * 3}, features, "none.parquet")
    assert load(path, registry).labels is None


def test_numbers_that_are_no_classes_are_refused(tmp_path, registry):
    path = tabular(tmp_path, {"image": pngs(2), "label": [-7, 3]}, None)
    with pytest.raises(UserError, match="holds -7 to 3: these are no class numbers"):
        load(path, registry)


def test_rows_without_an_image_count_as_broken(tmp_path, registry):
    features = {"image": datasets.Image()}
    path = tabular(tmp_path, {"image": [*pngs(20), None]}, features)
    images = load(path, registry)
    assert len(images) == 20
    assert "row 20 (no image)" in images.notes[0]


def test_a_csv_of_paths_is_read_when_its_column_is_named(tmp_path, registry):
    write(tmp_path / "files" / "a.png", picture(color=9))
    (tmp_path / "list.csv").write_text("file,label\nfiles/a.png,0\nfiles/b.png,1\n")
    with pytest.raises(UserError, match="no column of images") as caught:
        load(tmp_path / "list.csv", registry)
    assert "data.image_column=file" in caught.value.hint
    images = load(tmp_path / "list.csv", registry, image_column="file", broken_share=0.5)
    assert images.images.unique().tolist() == [9]
    assert "files/b.png (No such file or directory)" in images.notes[0]


def test_arrow_and_webdataset_files_are_read(tmp_path, registry):
    import tarfile

    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        for number in range(2):
            for suffix, content in (
                ("png", encoded(picture(color=number))),
                ("cls", b"%d" % number),
            ):
                member = tarfile.TarInfo(f"{number}.{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    images = load(tmp_path / "shard.tar", registry)
    assert images.labels.tolist() == [0, 1]
    table = datasets.Dataset.from_dict(
        {"image": pngs(3)}, features=datasets.Features(image=datasets.Image())
    )
    table.save_to_disk(str(tmp_path / "saved"))
    assert len(load(tmp_path / "saved", registry)) == 3
    [arrow] = (tmp_path / "saved").glob("*.arrow")
    assert len(load(arrow, registry)) == 3


def test_a_folder_and_a_pattern_of_parquet_files_keep_their_splits(tmp_path, registry):
    features = {"image": datasets.Image()}
    folder = tmp_path / "shards"
    folder.mkdir()
    for name, count in (("train-0.parquet", 2), ("train-1.parquet", 3), ("test-0.parquet", 4)):
        tabular(folder, {"image": pngs(count)}, features, name)
    for name in (folder, folder / "*.parquet"):
        settings = DataSettings(name=str(name))
        assert len(open_source(settings, registry, "train")) == 5
        assert len(open_source(settings, registry, "test")) == 4
    assert len(load(folder / "test-0.parquet", registry)) == 4


def test_a_table_that_is_written_again_is_read_again(tmp_path, registry):
    features = {"image": datasets.Image()}
    for count in (2, 3):
        path = tabular(tmp_path, {"image": pngs(count)}, features)
        assert len(load(path, registry)) == count


def test_an_unreadable_or_empty_table_is_one_clear_line(tmp_path, registry, capfd):
    (tmp_path / "bad.parquet").write_text("not parquet")
    with pytest.raises(UserError, match=r"cannot read .*bad\.parquet"):
        load(tmp_path / "bad.parquet", registry)
    path = tmp_path / "empty.parquet"
    none = datasets.Dataset.from_dict({"image": []}, datasets.Features({"image": datasets.Image()}))
    parquet.write_table(none.data.table, path)
    capfd.readouterr()
    with pytest.raises(UserError, match=r"empty\.parquet' is empty"):
        load(path, registry)
    assert capfd.readouterr() == ("", "")


# Names


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
    assert "without it take squares" in caught.value.what
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


def test_a_rendered_data_set_cannot_be_resized(offering):
    assert load("squares", offering, size=8, channels=1).image_shape == (1, 8, 8)
    for setting in ({"size": 16}, {"channels": 3}, {"crop": 4}):
        with pytest.raises(UserError, match="makes images of 8 x 8 pixels and 1 channels"):
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


# The cache


def cached(caches):
    return sorted((caches / "ganzoo" / "images").iterdir())


def test_the_second_time_nothing_is_decoded(tmp_path, registry, caches, monkeypatch):
    write(tmp_path / "photos" / "a.png", picture(color=7))
    first = load(tmp_path / "photos", registry)
    assert len(cached(caches)) == 1
    monkeypatch.setattr("ganzoo.data.converting.to_array", None)
    second = load(tmp_path / "photos", registry)
    assert torch.equal(first.images, second.images)
    assert first.fingerprint == second.fingerprint


def test_another_size_limit_or_content_is_decoded_anew(tmp_path, registry):
    for number in range(2):
        write(tmp_path / "photos" / f"{number}.png", picture(color=number))
    seen = {load(tmp_path / "photos", registry).fingerprint}
    seen.add(load(tmp_path / "photos", registry, size=4).fingerprint)
    seen.add(load(tmp_path / "photos", registry, limit=1).fingerprint)
    seen.add(load(tmp_path / "photos", registry, channels=3).fingerprint)
    write(tmp_path / "photos" / "1.png", picture(color=99))
    changed = load(tmp_path / "photos", registry)
    assert changed.images.unique().tolist() == [0, 99]
    assert len({*seen, changed.fingerprint}) == 5


@pytest.mark.parametrize("damage", ["cut", "no labels", "half", "empty", "gone", "other"])
def test_a_damaged_cache_is_made_anew(tmp_path, registry, caches, damage):
    for name in ("a", "b"):
        write(tmp_path / "pets" / name / "1.png", picture(color=7))
    load(tmp_path / "pets", registry)
    [file] = cached(caches)
    content = file.read_bytes()
    damaged = {
        "cut": content[:-3],
        "no labels": content[: 128 + 2 * 64],
        "half": content[:180],
        "empty": b"",
        "other": b"{}" * 99,
    }
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(damaged[damage])
    images = load(tmp_path / "pets", registry)
    assert images.images.unique().tolist() == [7]
    assert images.labels.tolist() == [0, 1]
    assert file.read_bytes() == content


def test_changing_a_batch_changes_no_file(tmp_path, registry):
    write(tmp_path / "photos" / "a.png", picture(color=7))
    load(tmp_path / "photos", registry).images.fill_(0)
    assert load(tmp_path / "photos", registry).images.unique().tolist() == [7]


def test_a_cache_that_cannot_be_written_is_one_clear_line(tmp_path, registry, monkeypatch):
    write(tmp_path / "photos" / "a.png")
    (tmp_path / "blocked").write_text("a file")
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "blocked"))
    with pytest.raises(UserError, match="cannot keep decoded images") as caught:
        load(tmp_path / "photos", registry)
    assert "GANZOO_CACHE" in caught.value.hint


@pytest.mark.slow
def test_several_processes_may_decode_at_once(tmp_path, registry, caches):
    for number in range(30):
        write(tmp_path / "photos" / f"{number:02}.png", picture(color=number))
    code = (
        "import sys; from ganzoo.data import *; from ganzoo.schema import DataSettings\n"
        "from ganzoo.plugins import Plugins; from ganzoo.registry import Registry\n"
        "s = DataSettings(name=sys.argv[1])\n"
        "i = decode(open_source(s, Registry(Plugins()), 'train'), s)\n"
        "assert i.images[:, 0, 0, 0].tolist() == list(range(30))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "photos")]
    processes = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert len(cached(caches)) == 1


def test_batches_go_to_the_device_that_was_asked_for():
    images = Images(torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.arange(4), None, "x")
    assert replace(images, device=torch.device("meta")).gather(torch.tensor([1]))["image"].is_meta
    moved = images.to(torch.device("cpu"))
    assert moved.images.data_ptr() == images.images.data_ptr()
    assert moved.gather(torch.tensor([2, 1]))["label"].tolist() == [2, 1]


def test_a_folder_of_data_files_that_changed_is_read_anew(tmp_path, registry, caches):
    def write(folder, value):
        (folder / "a").mkdir(parents=True)
        pictures = [Image.fromarray(np.full((8, 8), value, np.uint8))] * 2
        datasets.Dataset.from_dict({"image": pictures}).to_parquet(folder / "a/train-0.parquet")
        card = ["---", "configs:", "- config_name: a", "  data_files: a/*", "---", ""]
        (folder / "README.md").write_text("\n".join(card))
        settings = DataSettings(name=str(folder), config="a")
        return decode(open_source(settings, registry, "train"), settings)

    # The same name and the same layout in another place: all that `datasets` looks at.
    assert write(tmp_path / "one/photos", 0).images.max() == 0
    assert write(tmp_path / "two/photos", 255).images.min() == 255
