"""The order in which images come out of a stream, alone and on several ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from small_streams import CPU, REGISTRY, dealt, photos, shards, stream

from ganzoo.data import Feed, decode, open_source
from ganzoo.data.ahead import Ahead
from ganzoo.schema import DataSettings

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("caches")


@pytest.mark.parametrize("kind", ["shards", "photos"])
def test_every_image_comes_once_in_each_epoch(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "data"
    path = shards(place, [20, 9, 3]) if kind == "shards" else photos(place, 32)
    found = dealt(stream(path, shuffle_buffer=16), range(8))
    first, second = found[:32], found[32:]
    assert sorted(first) == sorted(second) == list(range(32))
    assert first != second
    assert first != sorted(first)


def test_images_of_files_are_shuffled_within_the_buffer_and_files_as_a_whole(
    tmp_path: Path,
) -> None:
    path = shards(tmp_path / "data", [16] * 4)
    found = dealt(stream(path, shuffle_buffer=16), range(8), seed=3)
    files = [{value // 16 for value in found[start : start + 16]} for start in range(0, 64, 16)]
    assert all(len(each) == 1 for each in files), "a window of a file's size holds one file"
    assert [each.copy().pop() for each in files] != [0, 1, 2, 3]
    mixed = dealt(stream(path, shuffle_buffer=64), range(2), seed=3)
    assert len({value // 16 for value in mixed}) == 4


@pytest.mark.parametrize("kind", ["shards", "photos"])
def test_a_place_of_a_stream_depends_on_the_seed_alone(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "data"
    path = shards(place, [13, 9, 11]) if kind == "shards" else photos(place, 33)
    streamed = stream(path, shuffle_buffer=10)
    whole = dealt(streamed, range(12), size=5, seed=1)
    assert dealt(streamed, range(7, 12), size=5, seed=1) == whole[35:], "begun in a later turn"
    assert dealt(streamed, [9, 2, 3, 2], size=5, seed=1) == (
        whole[45:50] + whole[10:20] + whole[10:15]
    )
    assert dealt(streamed, range(12), size=5, seed=2) != whole


def test_a_folder_of_images_streams_in_the_order_of_decoded_ones(tmp_path: Path) -> None:
    path = photos(tmp_path / "photos", 30)
    settings = DataSettings(name=str(path))
    images = decode(open_source(settings, REGISTRY, "train"), settings)
    feed = Feed(images, {}, 4, CPU)
    batches = [feed.batch(turn * 8, 8, slice(0, 8))["image"] for turn in range(6)]
    expected = torch.cat(batches)[:, 0, 0, 0].tolist()
    assert dealt(stream(path), range(6), seed=4) == expected


@pytest.mark.slow
def test_processes_that_decode_ahead_change_nothing(tmp_path: Path) -> None:
    path = shards(tmp_path / "data", [40, 30])
    alone = dealt(stream(path, workers=0, shuffle_buffer=20), range(20))
    torch.manual_seed(5)
    before = torch.get_rng_state()
    assert dealt(stream(path, workers=2, shuffle_buffer=20), range(20)) == alone
    assert torch.equal(torch.get_rng_state(), before), "they take nothing from the training's draws"


def test_the_first_images_are_the_same_at_any_time_and_disturb_nothing(tmp_path: Path) -> None:
    streamed = stream(shards(tmp_path / "data", [20, 20]), shuffle_buffer=10)
    undisturbed = dealt(streamed, range(4))
    ahead = Ahead(streamed, 0, CPU)
    first = ahead.first(6)["image"]
    found = []
    for turn in range(4):
        found += ahead.batch(turn * 8, 8, slice(0, 8))["image"][:, 0, 0, 0].tolist()
        assert torch.equal(ahead.first(6)["image"], first)
    assert found == undisturbed
    assert first[:, 0, 0, 0].tolist() == undisturbed[:6]


def test_a_limit_takes_the_first_images(tmp_path: Path) -> None:
    for name, path in (
        ("rows", photos(tmp_path / "photos", 20)),
        ("shards", shards(tmp_path / "data", [7, 7, 7])),
    ):
        found = dealt(stream(path, limit=10, shuffle_buffer=10), range(2), size=10)
        assert sorted(found) == sorted([*range(10)] * 2), name


@pytest.mark.parametrize("sizes", [[8, 8, 8, 8], [12, 12, 8]], ids=["even", "uneven"])
def test_ranks_read_shards_of_their_own(tmp_path: Path, sizes: list[int]) -> None:
    path = shards(tmp_path / "data", sizes)
    ranks = [stream(path, rank, 2, shuffle_buffer=8) for rank in range(2)]
    assert [each.parts for each in ranks] == [2, 2]
    one, other = (dealt(each, range(2), share=4) for each in ranks)
    assert set(one).isdisjoint(other)
    per_rank = [dealt(each, range(24), share=4) for each in ranks]
    assert set(per_rank[0]) | set(per_rank[1]) == set(range(32)), "nothing is left out in the end"


@pytest.mark.parametrize("kind", ["one shard", "photos"])
def test_without_a_shard_for_each_rank_they_slice_what_one_process_would_see(
    tmp_path: Path, kind: str
) -> None:
    place = tmp_path / "data"
    path = shards(place, [32]) if kind == "one shard" else photos(place, 32)
    whole = dealt(stream(path), range(3))
    halves = [dealt(stream(path, rank, 2), range(3), share=4) for rank in range(2)]
    for turn in range(3):
        joined = [value for half in halves for value in half[turn * 4 : turn * 4 + 4]]
        assert joined == whole[turn * 8 : turn * 8 + 8]
    notes = " ".join(stream(path, 0, 2).notes)
    assert ("fewer files (1) than processes" in notes) == (kind == "one shard")
