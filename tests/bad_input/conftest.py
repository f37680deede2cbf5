"""A folder to work in, and a trained run to spoil."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import datasets
import pytest
from bad_input.commands import run_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SMALL = [
    "model.generator_dense=[8]",
    "model.generator_channels=[4, 4]",
    "model.discriminator_channels=[4, 4]",
    "model.discriminator_dense=[8]",
    "prior.size=8",
    "data.limit=16",
    "train.batch_size=8",
    "train.precision=fp32",
]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A run of tiny networks that is not to be changed."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    settings = " ".join(f"--set {shlex.quote(setting)}" for setting in SMALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANZOO_CACHE", str(cache))
        result = run_command(f"run infogan --steps 2 --out {shlex.quote(str(folder))} {settings}")
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def here(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working folder, without network; modules that a command imports from it go with it."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HF_HOME", str(cache / "huggingface"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache / "datasets")
    monkeypatch.setattr("ganzoo.data.hub._hub_answers", lambda: False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        origin = getattr(sys.modules[name], "__file__", None)
        if origin is not None and Path(origin).is_relative_to(folder):
            del sys.modules[name]


@pytest.fixture
def place_run(trained: Path, here: Path) -> Callable[[], Path]:
    """``place_run()`` puts a copy of the trained run into the working folder, as ``run``."""
    return lambda: Path(shutil.copytree(trained, here / "run"))
