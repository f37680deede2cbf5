"""What the tests of the host and of every plugin share: one thread, a cache, a small run."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
import torch
from small_runs import train_small

if TYPE_CHECKING:
    from pathlib import Path

# Small networks are slower on several threads than on one, and far slower beside other work.
torch.set_num_threads(1)

# Programs that tests start inherit a signal that is ignored, as under nohup, and not one that is
# handled: they are to end by it.
for _number in (signal.SIGHUP, signal.SIGINT):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where decoded data sets are kept for the time of the tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANZOO_CACHE", str(cache))


@pytest.fixture(autouse=True)
def _no_precision_of_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACCELERATE_MIXED_PRECISION", raising=False)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test works in a folder of its own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A run of ``small_runs`` that is not to be changed."""
    folder = tmp_path_factory.mktemp("small") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANZOO_CACHE", str(cache))
        train_small(folder)
    return folder
