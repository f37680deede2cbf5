"""What is read in a stream, and what becomes of images that cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import datasets
import numpy as np
import pytest
import torch
from PIL import Image
from small_images import pack, png, tabular
from small_streams import CPU, REGISTRY, dealt, go_on, photos, shards, stream

from ganzoo import UserError
from ganzoo.data import Images, Rendered, Streamed, decode, open_source, open_stream, sample
from ganzoo.data.ahead import Ahead
from ganzoo.registry import Registry
from ganzoo.schema import DataSettings

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("caches")


def test_images_are_converted_by_the_rules_of_decoded_ones(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    values = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    Image.fromarray(values).save(folder / "a.png")
    settings = DataSettings(name=str(folder), size=16, channels=1)
    kept = decode(open_source(settings, REGISTRY, "train"), settings)
    assert isinstance(kept, Images)
    streamed = Ahead(stream(folder, size=16, channels=1), 0, CPU).batch(0, 1, slice(0, 1))
    assert torch.equal(streamed["image"], kept.images)


def test_webdataset_files_are_streamed(tmp_path: Path) -> None:
    pack(tmp_path / "shard.tar", {f"{number}.png": png(number) for number in range(6)})
    found = dealt(stream(tmp_path / "shard.tar", shuffle_buffer=6), range(1), size=6)
    assert sorted(found) == list(range(6))


def test_numbers_without_names_are_no_labels_of_a_stream(tmp_path: Path) -> None:
    columns = {"image": [{"bytes": png(7), "path": None}] * 4, "label": [0, 1, 0, 1]}
    features = {"image": datasets.Image(), "label": datasets.Value("int64")}
    streamed = stream(tabular(tmp_path, columns, features))
    assert streamed.classes is None
    assert "column 'label' has not" in streamed.notes[0]
    assert list(Ahead(streamed, 0, CPU).batch(0, 2, slice(0, 2))) == ["image"]


def test_nothing_is_copied_or_decoded_beforehand(tmp_path: Path, caches: Path) -> None:
    dealt(stream(shards(tmp_path / "data", [20])), range(2))
    assert not list((caches / "ganzoo").rglob("*"))
    assert not list(caches.rglob("*.arrow"))


def test_a_stream_that_breaks_off_is_one_clear_line(tmp_path: Path) -> None:
    path = shards(tmp_path / "data", [20, 20])
    ahead = Ahead(stream(path, shuffle_buffer=4), 0, CPU)
    ahead.batch(0, 4, slice(0, 4))
    for file in path.iterdir():
        file.write_bytes(b"overwritten")
    with pytest.raises(UserError, match=r"cannot read '.*data' any further"):
        go_on(ahead, 30)


def test_an_empty_stream_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is empty"):
        stream(shards(tmp_path / "data", [0]), size=8, channels=1)


def test_images_made_on_demand_need_no_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    from ganzoo.discovery import discover

    settings = DataSettings(name="cdsprites", stream=True)
    source = open_source(settings, Registry(discover()), "train")
    assert isinstance(open_stream(source, settings), Rendered)


def test_a_hub_data_set_is_streamed_and_its_rows_name_no_files_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsspec = pytest.importorskip("fsspec")
    asked = {}

    def load_dataset(name: str, *arguments: Any, **options: Any) -> datasets.IterableDatasetDict:
        asked.update(options)
        start = "memory://datasets/me/photos@"
        paths = [f"{start}main/{number}.png" for number in range(40)] + [
            "memory://datasets/you/secrets@main/0.png",
            f"zip://0.png::zip://b.zip::https://example.org/{start}a.zip",
        ]
        features = datasets.Features(image=datasets.Image())
        rows = [{"bytes": None, "path": path} for path in paths]
        table = datasets.Dataset.from_dict({"image": rows}, features=features)
        return datasets.IterableDatasetDict(train=table.to_iterable_dataset())

    monkeypatch.setattr("ganzoo.data.hub._hub_answers", lambda: True)
    monkeypatch.setattr("ganzoo.data.locate.HUB", "memory://")
    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    for number in range(40):
        for owner in ("me/photos", "you/secrets"):
            with fsspec.open(f"memory://datasets/{owner}@main/{number}.png", "wb") as file:
                file.write(png(number))
    settings = DataSettings(name="me/photos", stream=True, workers=0, shuffle_buffer=42)
    streamed = open_stream(open_source(settings, REGISTRY, "train"), settings)
    assert asked["streaming"] is True
    assert isinstance(streamed, Streamed)
    ahead = Ahead(streamed, 0, CPU)
    found = ahead.batch(0, 42, slice(0, 42))["image"][:, 0, 0, 0]
    assert set(found.tolist()) == set(range(40))
    assert ahead.flaw is not None
    assert ahead.flaw.startswith("2 of 42 images cannot be read")
    assert ahead.flaw.count("it names a file outside of the data") == 2


def test_a_broken_image_gives_its_place_to_another_and_is_counted(tmp_path: Path) -> None:
    path = shards(tmp_path / "data", [40], broken=[3])
    ahead = Ahead(stream(path, shuffle_buffer=40), 0, CPU)
    assert ahead.flaw is None
    found = [ahead.batch(turn * 8, 8, slice(0, 8)) for turn in range(5)]
    values = torch.cat([batch["image"][:, 0, 0, 0] for batch in found]).tolist()
    assert len(values) == 40
    assert set(values) == set(range(40)) - {3}
    assert torch.cat([batch["label"] for batch in found]).tolist() == values
    assert ahead.flaw == (
        "1 of 40 images cannot be read and are left out: row 3 (not an image of a known format)"
    )


@pytest.mark.parametrize("kind", ["shards", "photos"])
def test_too_many_broken_images_end_a_stream(tmp_path: Path, kind: str) -> None:
    if kind == "shards":
        path = shards(tmp_path / "data", [200], broken=range(80, 180))
    else:
        path = photos(tmp_path / "photos", 200)
        for number in range(80, 180):
            (path / f"{number:03}.png").write_bytes(b"no image")
    ahead = Ahead(stream(path, shuffle_buffer=200), 0, CPU)
    with pytest.raises(UserError, match=r"of \d+ images of .* cannot be read") as caught:
        go_on(ahead, 100)
    assert "broken_share" in str(caught.value.hint)
    lenient = Ahead(stream(path, shuffle_buffer=200, broken_share=0.9), 0, CPU)
    go_on(lenient, 100)


def test_scores_look_at_a_sample_of_a_stream(tmp_path: Path) -> None:
    settings = DataSettings(name=str(shards(tmp_path / "data", [30, 30])), stream=True)
    source = open_source(settings, REGISTRY, "train")
    images, whole = sample(source, settings, 40)
    assert (len(images), whole) == (40, False)
    assert isinstance(images, Images)
    assert images.labels is not None
    assert images.labels.tolist() == images.images[:, 0, 0, 0].tolist()
    images, whole = sample(source, settings, 60)
    assert (len(images), whole) == (60, True)
    again, _ = sample(source, settings, 60)
    assert again.fingerprint == images.fingerprint
