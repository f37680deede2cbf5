"""Finding and reading images of folders, whole, broken, and of mixed sizes."""

from __future__ import annotations

import os
import time

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image
from pyarrow import parquet
from small_images import encoded, load, picture, png, write

from ganzoo import UserError
from ganzoo.data import (
    MissingSplitError,
    decode,
    open_source,
)
from ganzoo.schema import DataSettings

pytestmark = pytest.mark.usefixtures("caches")


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


@pytest.mark.parametrize("words", ["train+val", "train + validation", "training+dev"])
def test_splits_are_joined_by_any_of_their_names_and_limited_together(tmp_path, registry, words):
    for path in ("train/a/1.png", "train/b/2.png", "val/b/3.png", "val/a/4.png"):
        write(tmp_path / "pets" / path)
    settings = DataSettings(name=str(tmp_path / "pets"), split=words)
    joined = open_source(settings, registry, words)
    assert joined.split == "train+val"
    assert decode(joined, settings).labels.tolist() == [0, 1, 0, 1]
    settings = DataSettings(name=str(tmp_path / "pets"), split=words, limit=3)
    assert len(decode(joined, settings)) == 3


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


def test_the_folder_that_we_are_in_is_no_pattern(tmp_path, registry, monkeypatch):
    for name in ("1.png", "2.png"):
        write(tmp_path / "of [1]" / "pets" / name)
    monkeypatch.chdir(tmp_path / "of [1]")
    assert len(load("pets/*.png", registry)) == 2


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
    assert len(load(folder, registry, broken_share=0.5)) == 6
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


def test_what_is_kept_of_earlier_states_of_a_folder_goes_a_day_after_its_last_use(
    tmp_path, registry, caches
):
    folder = tmp_path / "tables"
    folder.mkdir()
    table = pa.table({"img": [{"bytes": png(value)} for value in (1, 2)]})
    states = []
    for number in range(3):
        parquet.write_table(table, folder / f"{number}.parquet")
        load(folder, registry)
        [new] = {*(caches / "datasets").glob("ganzoo-*/*/")} - {*states}
        states.append(new)
    for state, days in zip(states, (2, 0.5, 2), strict=True):
        os.utime(state, (time.time() - days * 24 * 3600,) * 2)
    load(folder, registry)
    assert [state.exists() for state in states] == [False, True, True]
