"""Odd images are converted by a stated rule, broken ones are counted: none ends a run."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest
from bad_input.commands import run_command
from bad_input.pictures import BROKEN, ODD, encoded, photo
from hypothesis import given, settings
from hypothesis import strategies as some

from ganzoo.data.convert import REMARKS, Target, UnreadableError, read_header, to_array

if TYPE_CHECKING:
    from pathlib import Path

TARGET = Target(8, 3)
PHOTO = photo(size=(12, 9))
MUTABLE = [
    encoded(PHOTO),
    encoded(PHOTO, "JPEG"),
    encoded(PHOTO, "GIF"),
    encoded(PHOTO, "TIFF"),
    encoded(PHOTO, "BMP"),
    encoded(PHOTO, "WEBP", lossless=True),
    encoded(PHOTO.convert("RGBA")),
    encoded(PHOTO.quantize(7), transparency=2),
]
quick = settings(derandomize=True, database=None, deadline=None, max_examples=150)


@pytest.mark.parametrize("name", ODD)
def test_an_odd_image_is_converted_by_a_stated_rule(name: str) -> None:
    content, remark = ODD[name]
    image, remarks = to_array(content, TARGET)
    assert (image.shape, image.dtype) == ((3, 8, 8), np.uint8)
    assert remark in ", ".join(REMARKS[each] for each in remarks)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_image_is_unreadable_for_a_reason(name: str) -> None:
    with pytest.raises(UnreadableError, match=r"\w"):
        to_array(BROKEN[name], TARGET)


@pytest.mark.slow
def test_a_run_counts_what_it_leaves_out_and_what_it_converts(here: Path) -> None:
    (here / "photos").mkdir()
    for name, content in BROKEN.items():
        (here / "photos" / f"broken-{name}").write_bytes(content)
    for name, (content, _) in ODD.items():
        (here / "photos" / name).write_bytes(content)
    small = "--set model.generator_channels=[4,4] --set model.discriminator_channels=[4,4]"
    result = run_command(
        "run dcgan --steps 1 --out r --set train.precision=fp32 --set train.batch_size=4 "
        "--data photos --set data.size=32 --set data.channels=3 --set data.broken_share=0.6 "
        f"{small}"
    )
    assert result.exit_code == 0, result.output
    total = len(BROKEN) + len(ODD)
    assert f"{len(BROKEN)} of {total} images cannot be read and are left out" in result.stdout
    for remark in {remark for _, remark in ODD.values()}:
        assert remark in result.stdout


def converted_or_unreadable(content: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, as where images are decoded
        try:
            read_header(content)
            image, remarks = to_array(content, TARGET)
        except UnreadableError as error:
            reason = str(error).strip()
        else:
            reason = f"converted: {remarks}"
            assert (image.shape, image.dtype) == ((3, 8, 8), np.uint8)
            assert set(remarks) <= set(REMARKS)
        assert reason


@quick
@given(some.binary(max_size=400))
def test_any_bytes_are_an_image_or_unreadable(content: bytes) -> None:
    converted_or_unreadable(content)


@quick
@given(some.sampled_from(MUTABLE), some.data())
def test_a_damaged_image_is_an_image_or_unreadable(whole: bytes, data: some.DataObject) -> None:
    content = bytearray(whole)
    for _ in range(data.draw(some.integers(1, 6))):
        place = data.draw(some.integers(0, len(content) - 1))
        content[place] = data.draw(some.integers(0, 255))
    cut = data.draw(some.integers(0, len(content)))
    inserted = data.draw(some.binary(max_size=8))
    content[cut:cut] = inserted
    end = data.draw(some.one_of(some.just(len(content)), some.integers(0, len(content))))
    converted_or_unreadable(bytes(content[:end]))


def test_the_images_to_damage_are_whole() -> None:
    for content in MUTABLE:
        assert read_header(content).height == 9
        assert to_array(content, TARGET)[0].shape == (3, 8, 8)
