"""Pictures whose every pixel is known."""

import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo.errors import UserError
from ganzoo.pictures import (
    Traversal,
    grid,
    save_gif,
    save_png,
    to_bytes,
    traversal_frames,
    traversal_sheet,
    value_text,
)

ACCENT = (26, 115, 232)


def flat(*levels, side=4):
    """One grey image for each level, (n, 1, side, side)."""
    return torch.tensor(levels).view(-1, 1, 1, 1).expand(-1, 1, side, side)


def test_floats_span_black_to_white_and_beyond_is_clamped():
    images = flat(-2.0, -1.0, 0.0, 1.0, 3.0, float("nan"))
    assert to_bytes(images)[:, 0, 0, 0].tolist() == [0, 0, 128, 255, 255, 0]
    assert to_bytes(flat(0.0, 0.5, 1.0), (0.0, 1.0))[:, 0, 0, 2].tolist() == [0, 128, 255]


def test_bytes_and_colours_are_kept():
    images = torch.randint(256, (2, 3, 5, 4), dtype=torch.uint8)
    assert np.array_equal(to_bytes(images), images.permute(0, 2, 3, 1).numpy())


def test_two_channels_are_refused():
    with pytest.raises(ValueError, match="1 or 3 channels, not 2"):
        grid(torch.zeros(1, 2, 4, 4))


def test_a_grid_of_digits_is_comfortably_wide_by_a_whole_factor():
    picture = grid(torch.zeros(100, 1, 28, 28), columns=10, padding=1)
    assert picture.size == (291 * 3, 291 * 3)


def test_large_images_are_not_enlarged():
    assert grid(torch.zeros(2, 3, 128, 128), columns=2, padding=0).size == (256, 128)


def test_images_lie_row_by_row_with_paper_between():
    picture = grid(flat(-1.0, 0.0, 1.0), columns=2, padding=1)
    scale = picture.width // (2 * 5 + 1)
    at = [[picture.getpixel((x * scale, y * scale)) for x in (0, 1, 6)] for y in (1, 6)]
    white, grey, black = (255,) * 3, (128,) * 3, (0,) * 3
    assert at == [[white, black, grey], [white, white, white]]
    assert picture.getpixel((6 * scale, 6 * scale)) == white  # an empty place


def test_one_image_needs_one_column():
    assert grid(torch.zeros(1, 1, 28, 28), columns=10, padding=0).size == (140, 140)


def test_no_image_is_refused():
    with pytest.raises(ValueError, match="at least one image"):
        grid(torch.zeros(0, 1, 28, 28))


def test_values_are_written_briefly():
    assert [value_text(v) for v in (7.0, -0.5, 4 / 3, -1e-9, 10.0)] == [
        "7",
        "-0.5",
        "1.33",
        "0",
        "10",
    ]


def traversal(values, trained=None, rows=2):
    levels = torch.linspace(-1, 1, len(values)).view(1, -1, 1, 1, 1)
    return Traversal("slant", tuple(values), levels.expand(rows, -1, 1, 32, 32), trained)


def test_a_sheet_shows_every_step_of_every_row():
    picture = traversal_sheet([traversal((-1.0, 0.0, 1.0), rows=3)])
    pixels = np.asarray(picture)
    for column, level in enumerate((0, 128, 255)):
        centre = 16 + 66 * column + 32
        rows = [pixels[-16 - 32 - 66 * row, centre].tolist() for row in range(3)]
        assert rows == [[level] * 3] * 3


def bar_of(picture):
    """Left and right end of the widest accent-coloured line, or None."""
    pixels = (np.asarray(picture) == ACCENT).all(axis=2)
    widest = pixels[pixels.sum(axis=1).argmax()]
    found = np.flatnonzero(widest)
    return (found[0], found[-1]) if len(found) else None


def test_a_bar_marks_the_trained_range_of_a_wider_traversal():
    picture = traversal_sheet([traversal((-2.0, -1.0, 0.0, 1.0, 2.0), (-1.0, 1.0))])
    assert bar_of(picture) == (16 + 66, 16 + 4 * 66 - 3)


@pytest.mark.parametrize("trained", [None, (-1.0, 1.0)])
def test_no_bar_where_the_traversal_stays_inside(trained):
    picture = traversal_sheet([traversal((-1.0, 0.0, 1.0), trained)])
    assert bar_of(picture) is None


def test_codes_are_stacked_as_blocks_and_many_values_go_on_below():
    one = traversal_sheet([traversal(range(10))])
    two = traversal_sheet([traversal(range(10)), traversal(range(10))])
    block = one.height - 2 * 16
    assert two.size == (one.width, one.height + 24 + block)
    many = traversal_sheet([traversal(range(40))])
    assert many.size == (20 * 66 - 2 + 2 * 16, two.height)


def test_values_and_images_must_agree():
    with pytest.raises(ValueError, match="3 values"):
        Traversal("slant", (0.0, 1.0, 2.0), torch.zeros(2, 4, 1, 8, 8))


def test_frames_go_forth_and_back_without_a_stop_at_the_ends():
    values = np.linspace(-1, 1, 40)
    frames = traversal_frames(traversal(values, rows=1))
    levels = [frame.getpixel((frame.width // 8, frame.height - 20))[0] for frame in frames]
    assert len(frames) == 78
    assert levels[:40] == sorted(levels[:40])
    assert levels[40:] == levels[38:0:-1]


def test_few_values_are_held_longer():
    frames = traversal_frames(traversal(range(4)))
    assert len(frames) == 6 * 9
    assert frames[0].tobytes() == frames[8].tobytes() != frames[9].tobytes()


def test_a_gif_loops_for_ever_at_twelve_frames_a_second(tmp_path):
    frames = traversal_frames(traversal(np.linspace(-1, 1, 36), rows=1))
    save_gif(frames, tmp_path / "slant.gif")
    with Image.open(tmp_path / "slant.gif") as gif:
        assert gif.n_frames == len(frames)
        assert gif.info["loop"] == 0
        assert gif.info["duration"] == 80


def test_a_png_holds_the_picture_and_leaves_nothing_else(tmp_path):
    picture = grid(torch.rand(4, 3, 8, 8), span=(0.0, 1.0))
    path = tmp_path / "images" / "step-000100.png"
    save_png(picture, path)
    with Image.open(path) as saved:
        assert np.array_equal(np.asarray(saved), np.asarray(picture))
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_failed_write_is_one_clear_line_and_keeps_the_old_picture(tmp_path, monkeypatch):
    path = tmp_path / "samples.png"
    picture = grid(torch.zeros(1, 1, 8, 8))
    save_png(picture, path)
    before = path.read_bytes()

    def full_disk(self, target, **options):
        target.write(b"half a pic")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full_disk)
    with pytest.raises(UserError, match=r"cannot write .*samples\.png: No space left on device"):
        save_png(picture, path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["samples.png"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        save_png(grid(torch.zeros(1, 1, 8, 8)), tmp_path / "file" / "samples.png")
