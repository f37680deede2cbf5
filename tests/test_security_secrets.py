"""Runs can be shared: they tell neither where nor by whom they were made."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from commands import ganzoo
from small_images import png
from small_runs import given
from somebody import PERSON, become_somebody, secrets_in

from ganzoo.places import USER, local, portable


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of somebody, with a working folder."""
    home = tmp_path / "home" / PERSON
    (home / "work").mkdir(parents=True)
    become_somebody(monkeypatch)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(home / "work")
    return home


def photographs(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for number in range(12):
        (folder / f"{number}.png").write_bytes(png(number * 20))
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def test_no_file_of_a_run_tells_where_or_who(person: Path, tmp_path: Path) -> None:
    """Data in the working folder, at home, and elsewhere below a folder with the user's name."""
    here = photographs(person / "work" / "here")
    home = photographs(person / "photos")
    elsewhere = photographs(tmp_path / "scratch" / PERSON / "photos")
    Path("more.toml").write_text(f'[data.more]\nname = "{home}"\n[data.third]\nname = "{here}"\n')
    quick = ["train.batch_size=4", "train.precision=fp32", "data.size=32", "data.broken_share=0.5"]
    quick += [f"data.{name}.broken_share=0.5" for name in ("more", "third")]
    quick += ["train.report_every=1", "train.keep_best=-loss/critic/adversarial"]
    quick += ["train.checkpoint_every=1", "model.generator_channels=[8, 4]"]
    arguments = ["run", "dcgan", "--preset", "images", "--config", "more.toml", "--out", "x"]
    result = ganzoo(*arguments, "--data", str(elsewhere), "--steps", "1", *given(quick))
    assert result.exit_code == 0, result.output
    result = ganzoo("run", "--resume", "x", "--steps", "2")
    assert result.exit_code == 0, result.output
    (person / "work/x/checkpoints/step-000002/state.pt").write_bytes(b"damaged")
    result = ganzoo("run", "--resume", "x", "--steps", "3")
    assert result.exit_code == 0, result.output
    assert ganzoo("sample", "x").exit_code == 0

    saved = tomllib.loads(Path("x/settings.toml").read_text())["data"]
    names = saved["name"], saved["more"]["name"], saved["third"]["name"]
    assert names == (f"../../../scratch/{USER}/photos", "~/photos", "./here")
    files = [path for path in Path("x").rglob("*") if path.is_file()]
    assert {".toml", ".json", ".jsonl", ".png", ".pt", ".safetensors"} <= {
        path.suffix for path in files
    }
    assert secrets_in(files, tmp_path) == []


def test_a_path_that_a_run_keeps_leads_back(person: Path, tmp_path: Path) -> None:
    for path in (
        person / "work/photos",
        person / "photos",
        tmp_path / "scratch" / PERSON / "photos",
        tmp_path / "photos",
    ):
        kept = portable(str(path))
        assert not Path(kept).is_absolute()
        assert PERSON not in kept
        assert Path(os.path.normpath(local(kept))) == path
        assert portable(kept) == kept
    for name in ("mnist", f"{PERSON}/faces", "bundled:mnist", "*.png"):
        assert portable(name) == name


def test_a_folder_stays_one_where_it_is_not(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    assert portable("photos") == portable("photos/") == portable("./photos") == "./photos"


def test_the_user_is_no_part_of_another_word(person: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("LOGNAME", "art")
    assert portable("../art/smart/art-x") == f"../{USER}/smart/{USER}-x"
