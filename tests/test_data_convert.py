"""The rules by which an image file becomes bytes, one test each."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from small_images import encoded, picture

from ganzoo.data.convert import Target, UnreadableError, read_header, to_array


def converted(image, channels, side=8, kind="PNG", **options):
    array, remarks = to_array(encoded(image, kind, **options), Target(side, channels))
    return array, set(remarks)


def test_an_image_that_fits_keeps_every_byte():
    pixels = np.arange(64 * 3, dtype=np.uint8).reshape(8, 8, 3)
    array, remarks = converted(Image.fromarray(pixels), 3)
    assert array.shape == (3, 8, 8)
    assert np.array_equal(array, pixels.transpose(2, 0, 1))
    assert remarks == set()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_the_exif_orientation_is_applied(kind):
    image = picture((8, 8), "black", "RGB")
    image.paste("white", (0, 0, 4, 4))
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn to the right brings the top left corner to the top right
    array, remarks = converted(image, 1, kind=kind, exif=exif)
    assert array[0, 1, 6] > 250
    assert array[0, 1, 1] < 5
    assert "upright" in remarks


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_a_header_gives_the_size_of_the_upright_image(kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    header = read_header(encoded(picture((20, 10)), kind, exif=exif))
    assert (header.height, header.width) == (20, 10)


def test_palette_colours_are_looked_up():
    image = picture((8, 8), "red", "RGB").quantize(4)
    assert image.mode == "P"
    array, remarks = converted(image, 3)
    assert array[:, 0, 0].tolist() == [255, 0, 0]
    assert remarks == {"palette"}
    assert not read_header(encoded(image)).grey


def test_a_palette_of_greys_is_grey():
    assert read_header(encoded(picture((8, 8), 77).quantize(4))).grey


@pytest.mark.parametrize(("mode", "channels"), [("RGBA", 3), ("RGBA", 1), ("LA", 1), ("LA", 3)])
def test_transparency_is_laid_on_white(mode, channels):
    clear = (0, 0, 0, 0) if mode == "RGBA" else (0, 0)
    array, remarks = converted(picture((8, 8), clear, mode), channels)
    assert (array == 255).all()
    assert "alpha" in remarks
    half = (0, 0, 0, 128) if mode == "RGBA" else (0, 128)
    array, _ = converted(picture((8, 8), half, mode), channels)
    assert (array == 127).all()


def test_an_opaque_alpha_channel_changes_nothing():
    array, remarks = converted(picture((8, 8), (9, 8, 7, 255), "RGBA"), 3)
    assert array[:, 0, 0].tolist() == [9, 8, 7]
    assert remarks == set()


def test_damaged_exif_data_do_not_lose_the_image():
    array, remarks = converted(picture(), 1, kind="JPEG", exif=b"Exif\x00\x00MM\x00*\xff")
    assert (array == 128).all()
    assert remarks == set()


def test_a_transparent_colour_of_a_palette_is_laid_on_white():
    array, remarks = converted(picture((8, 8), 0, "P"), 3, transparency=0)
    assert (array == 255).all()
    assert {"alpha", "palette"} <= remarks


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bit_grey_is_scaled_by_its_full_range(channels):
    values = np.array([[0, 257], [32896, 65535]], dtype=np.uint16)
    array, remarks = converted(Image.fromarray(values), channels, side=2)
    assert array[0].tolist() == [[0, 1], [128, 255]]
    assert "deep" in remarks


def test_big_endian_16_bit_tiff_is_scaled_as_well():
    values = np.array([[0, 257], [32896, 65535]], dtype=">u2")
    image = Image.frombytes("I;16B", (2, 2), values.tobytes())
    assert converted(image, 1, side=2, kind="TIFF")[0][0].tolist() == [[0, 1], [128, 255]]


def test_integers_beyond_16_bits_are_unreadable():
    image = Image.fromarray(np.full((8, 8), 70_000, dtype=np.int32))
    with pytest.raises(UnreadableError, match="beyond 16 bits"):
        converted(image, 1, kind="TIFF")


def test_float_images_run_from_0_to_1_or_are_unreadable():
    values = np.array([[0, 0.5], [0.25, 1]], dtype=np.float32)
    array, remarks = converted(Image.fromarray(values), 1, side=2, kind="TIFF")
    assert array[0].tolist() == [[0, 128], [64, 255]]
    assert remarks == {"float"}
    for bad in (2 * values, values - 1, values + np.nan):
        with pytest.raises(UnreadableError, match="beyond 0 to 1"):
            converted(Image.fromarray(bad), 1, side=2, kind="TIFF")


def test_cmyk_becomes_rgb():
    array, remarks = converted(picture((8, 8), (0, 255, 255, 0), "CMYK"), 3, kind="TIFF")
    assert array[:, 0, 0].tolist() == [255, 0, 0]
    assert remarks == {"space"}


def test_one_bit_becomes_black_and_white():
    array, _ = converted(picture((8, 8), 1, "1"), 1)
    assert (array == 255).all()


def test_grey_is_repeated_for_three_channels():
    array, remarks = converted(picture(color=77), 3)
    assert array.shape == (3, 8, 8)
    assert (array == 77).all()
    assert remarks == {"repeated"}


def test_colour_becomes_601_luma_for_one_channel():
    for color, luma in (("red", 76), ("#00ff00", 150), ("blue", 29)):
        array, remarks = converted(picture((8, 8), color, "RGB"), 1)
        assert (array == luma).all()
        assert remarks == {"luma"}


def test_the_largest_central_square_is_cut_out():
    pixels = np.zeros((8, 16), dtype=np.uint8)
    pixels[:, 4:12] = 200
    array, remarks = converted(Image.fromarray(pixels), 1)
    assert (array == 200).all()
    assert remarks == {"cropped"}


def test_crop_cuts_a_smaller_square_and_then_resizes_it():
    pixels = np.zeros((16, 16), dtype=np.uint8)
    pixels[4:12, 4:12] = 200
    array, remarks = to_array(encoded(Image.fromarray(pixels)), Target(4, 1, crop=8))
    assert array.shape == (1, 4, 4)
    assert (array == 200).all()
    assert remarks == ("cropped", "shrunk")


def test_downscaling_is_antialiased():
    stripes = np.tile(np.array([[0, 255]], dtype=np.uint8), (32, 16))
    array, remarks = converted(Image.fromarray(stripes), 1)
    assert abs(int(array[0, 4, 4]) - 127) < 12
    assert remarks == {"shrunk"}


def test_small_images_are_enlarged():
    array, remarks = converted(picture((4, 4), 50), 1)
    assert array.shape == (1, 8, 8)
    assert (array == 50).all()
    assert remarks == {"enlarged"}


def test_the_first_frame_of_an_animation_is_taken():
    frames = [picture(color=10), picture(color=240)]
    array, remarks = converted(frames[0], 1, kind="GIF", save_all=True, append_images=frames[1:])
    assert (array == 10).all()
    assert "frame" in remarks


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_more_pixels_than_pillows_limit_are_unreadable(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60)
    with pytest.raises(UnreadableError, match="more than 60 pixels"):
        converted(picture(), 1)


def test_a_format_that_would_start_a_program_is_not_opened():
    with pytest.raises(UnreadableError, match="known format"):
        to_array(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\nshowpage\n", Target(8, 1))
