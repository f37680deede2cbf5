"""Names in anybody's run, model or data set lead to no file outside of their folder."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
import pytest
from commands import ganzoo
from PIL import Image
from small_images import load, pack, png

from ganzoo import previews
from ganzoo.data.columns import Rows
from ganzoo.data.convert import Target, UnreadableError, to_array
from ganzoo.files import plain_name, whole_file
from ganzoo.folder import new_names

if TYPE_CHECKING:
    from ganzoo.pictures import Traversal
    from ganzoo.registry import Registry


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """An image outside of the data."""
    path = tmp_path / "private" / "secret.png"
    path.parent.mkdir()
    path.write_bytes(png(99))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folder of a stranger's data."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "own.png").write_bytes(png(1))
    return folder


def names_of(secret: Path) -> list[str]:
    """How a table may try to name a file outside."""
    return [
        str(secret),
        "../private/secret.png",
        "sub/../../private/secret.png",
        f"zip://x::{secret}",
        f"simplecache::file://{secret}",
        f"file://{secret}",
        "a\0b",
    ]


def test_a_table_of_paths_reads_no_file_outside_of_its_folder(
    data: Path, secret: Path, registry: Registry
) -> None:
    lines = ["file", "own.png", *names_of(secret)[:-1]]
    (data / "list.csv").write_text("\n".join(lines) + "\n")
    images = load(data / "list.csv", registry, image_column="file", broken_share=0.9)
    assert images.images.unique().tolist() == [1]
    left_out = len(names_of(secret)) - 1
    assert f"{left_out} of {left_out + 1} images cannot be read" in images.notes[0]
    assert "it names a file outside of the data" in images.notes[0]


@pytest.mark.parametrize("kind", ["parquet", "saved"])
def test_a_table_of_images_reads_no_file_outside_of_its_folder(
    data: Path, secret: Path, registry: Registry, kind: str
) -> None:
    rows = [
        {"bytes": png(1), "path": None},
        *({"bytes": None, "path": name} for name in names_of(secret)),
    ]
    feature = {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}
    features = datasets.Features({"image": feature})
    table = datasets.Dataset.from_dict({"image": rows}, features=features)
    if kind == "parquet":
        table.to_parquet(data / "rows.parquet")
    else:
        table.save_to_disk(data / "saved")
    place = data / ("rows.parquet" if kind == "parquet" else "saved")
    images = load(place, registry, broken_share=0.95)
    assert images.images.unique().tolist() == [1]
    left_out = len(names_of(secret))
    assert f"{left_out} of {left_out + 1} images cannot be read" in images.notes[0]


def test_a_table_of_images_reads_files_and_archives_of_its_own(data: Path) -> None:
    """As `datasets` names what it has fetched from the Hub."""
    with zipfile.ZipFile(data / "packed.zip", "w") as archive:
        archive.writestr("inner/packed.png", png(2))
    paths = [str(data / "own.png"), f"zip://inner/packed.png::{data / 'packed.zip'}"]
    table = datasets.Dataset.from_dict(
        {"image": [{"bytes": None, "path": path} for path in paths]},
        features=datasets.Features({"image": datasets.Image()}),
    )
    rows = Rows(table, "image", folders=(data,))
    target = Target(8, 1, None)
    assert [to_array(row.content, target)[0].max() for row in rows.take([0, 1])] == [1, 2]
    elsewhere = Rows(table, "image", folders=(data / "sub",))
    assert all(isinstance(row.content, UnreadableError) for row in elsewhere.take([0, 1]))


@pytest.mark.parametrize("name", ["../../outside.png", "/outside.png", "a\0.png"])
def test_names_in_an_archive_lead_nowhere(tmp_path: Path, registry: Registry, name: str) -> None:
    before = set(Path("/").iterdir())
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    pack(folder / "shard.tar", {"own.png": png(1), name: png(2)})
    assert set(load(folder / "shard.tar", registry).images.unique().tolist()) <= {1, 2}
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]
    assert [path.name for path in folder.iterdir()] == ["shard.tar"]
    assert set(Path("/").iterdir()) == before


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a\0b", "..", ".hidden", "", "a" * 999])
def test_any_text_becomes_a_plain_name(name: str, tmp_path: Path) -> None:
    plain = plain_name(name)
    assert (tmp_path / f"x-{plain}.png").parent == tmp_path
    assert not plain.startswith(".")
    assert "\0" not in plain
    assert len(plain) <= 100
    assert plain_name("infogan-mnist-0") == "infogan-mnist-0"


@pytest.mark.parametrize("preset", ["../../../outside", "/outside", "a\0b", "x" * 999])
def test_a_new_run_stays_in_the_folder_of_runs(preset: str, tmp_path: Path) -> None:
    for model in ("infogan", "package:infogan"):
        assert next(new_names(model, preset, 0, tmp_path)).parent == tmp_path


def test_codes_of_a_strangers_model_lead_into_no_other_folder(
    strangers_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = "../../../evil"
    real = previews.traversals

    def renamed(*arguments: Any, **options: Any) -> list[Traversal]:
        return [replace(each, code=evil) for each in real(*arguments, **options)]

    monkeypatch.setattr(previews, "traversals", renamed)
    before = set(Path().rglob("*"))
    result = ganzoo("traverse", str(strangers_run), "--rows", "1")
    assert result.exit_code == 0, result.output
    made = set(Path().rglob("*")) - before
    assert len(made) == 2
    assert {path.parent for path in made} == {strangers_run}


@pytest.mark.parametrize("name", ["metrics.jsonl", "images", "checkpoints", ".lock"])
def test_a_run_that_would_be_written_elsewhere_is_refused(
    strangers_run: Path, tmp_path: Path, name: str
) -> None:
    target = tmp_path / "target"
    place = strangers_run / name
    if place.is_dir():
        shutil.rmtree(place)
        target.mkdir()
    else:
        place.unlink(missing_ok=True)
        target.write_text("dear")
    place.symlink_to(target)
    result = ganzoo("run", "--resume", str(strangers_run), "--steps", "2")
    assert result.exit_code == 2
    assert name in result.stderr
    assert target.read_text() == "dear" if target.is_file() else not list(target.iterdir())


def test_an_output_file_takes_the_place_of_a_link(strangers_run: Path, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("dear")
    Path("out.png").symlink_to(tmp_path / "target")
    assert ganzoo("sample", str(strangers_run), "-n", "1", "-o", "out.png").exit_code == 0
    assert (tmp_path / "target").read_text() == "dear"
    assert Image.open("out.png").format == "PNG"


def test_an_unfinished_file_follows_no_link(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("ganzoo.files.token_hex", lambda _: "known")
    (tmp_path / "target").write_text("dear")
    (tmp_path / ".x.known.partial").symlink_to(tmp_path / "target")
    with pytest.raises(FileExistsError), whole_file(tmp_path / "x"):
        pass
    assert (tmp_path / "target").read_text() == "dear"


@pytest.mark.parametrize(
    "name", ["a\0b", "../a\0b/*.png", "x" * 300, "y/" * 3000, "~nobody-here/x"]
)
def test_data_of_a_name_that_cannot_be_is_one_line(strangers_run: Path, name: str) -> None:
    Path("evil.toml").write_text(f"[data]\nname = {json.dumps(name)}\n")
    result = ganzoo("run", "dcgan", "--config", "evil.toml")
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("error: ")
    assert not Path("runs").exists()


def test_an_output_of_a_name_that_cannot_be_is_one_line(strangers_run: Path) -> None:
    for arguments in (["run", "dcgan", "--out", "x" * 300], ["sample", "run", "-o", "x" * 300]):
        result = ganzoo(*arguments)
        assert result.exit_code == 2, result.output
        assert "File name too long" in result.stderr
