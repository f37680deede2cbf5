"""Images are decoded once, and again when anything about them has changed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import datasets
import numpy as np
import pytest
import torch
from PIL import Image
from small_images import load, picture, write

from ganzoo import UserError
from ganzoo.data import (
    Images,
    decode,
    open_source,
)
from ganzoo.schema import DataSettings

pytestmark = pytest.mark.usefixtures("caches")


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


@pytest.mark.parametrize(("free", "moves"), [(31, False), (32, True)])
def test_images_that_fill_half_of_an_accelerator_at_most_move_there(free, moves, monkeypatch):
    monkeypatch.setattr("ganzoo.data.images._free", lambda device: free)
    images = Images(torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.arange(4), None, "x")
    assert images.to(torch.device("meta")).images.is_meta is moves


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
