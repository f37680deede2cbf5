"""Anybody's run, model or data set runs no code of theirs."""

from __future__ import annotations

import ast
import io
import json
import os
import pickle
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
import numpy as np
import pytest
import torch
from bombs import Bomb
from checkpoint_files import forge, saved
from commands import ganzoo
from distributions import write_distribution
from packaging.requirements import Requirement
from small_images import load, pack, png

from ganzoo import UserError
from ganzoo.data.store import Slot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.registry import Registry

ROOT = Path(__file__).parents[1]
DANGEROUS_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml"}
DANGEROUS_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen"}
DANGEROUS_METHODS = {"extractall", "unpack_archive"}
NUMPY = {"np.load", "numpy.load", "np.save", "np.lib.format.read_array"}
ONLY_FALSE = "^shell$|^allow_pickle$|trust_remote_code"
"""Options that may be given as False alone."""


def dangers(source: str) -> Iterator[str]:
    """What could run code that comes with data, in a piece of Python."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
            )
            yield from (f"import {name}" for name in modules if name in DANGEROUS_MODULES)
        if isinstance(node, ast.keyword) and re.search(ONLY_FALSE, node.arg or "", re.IGNORECASE):
            yield from () if is_false(node.value) else (f"{node.arg}=",)
        if isinstance(node, ast.Call):
            yield from dangerous_call(node)


def dangerous_call(call: ast.Call) -> Iterator[str]:
    said = ast.unparse(call.func)
    constants = {
        keyword.arg: keyword.value.value
        for keyword in call.keywords
        if isinstance(keyword.value, ast.Constant)
    }
    if said in DANGEROUS_CALLS or said.rpartition(".")[2] in DANGEROUS_METHODS:
        yield f"{said}()"
    if said == "torch.load" and constants.get("weights_only") is not True:
        yield "torch.load() without weights_only=True"
    if said in NUMPY and constants.get("allow_pickle") is not False:
        yield f"{said}() without allow_pickle=False"


def is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from yaml import safe_load",
        "eval('1')",
        "os.system('ls')",
        "subprocess.run('ls', shell=True)",
        "torch.load(file)",
        "torch.load(file, weights_only=False)",
        "torch.load(file, weights_only=safe)",
        "np.load(file)",
        "np.load(file, allow_pickle=True)",
        "load_dataset(name, trust_remote_code=True)",
        "archive.extractall()",
    ],
)
def test_the_search_for_dangers_finds(source: str) -> None:
    assert list(dangers(source))


@pytest.mark.parametrize(
    "source",
    [
        "torch.load(file, weights_only=True)",
        "np.load(file, allow_pickle=False)",
        "network.eval()",
        "re.compile('x')",
        "subprocess.run(['ls'])",
    ],
)
def test_the_search_for_dangers_lets_pass(source: str) -> None:
    assert not list(dangers(source))


def test_the_source_holds_nothing_that_runs_code_from_data() -> None:
    sources = [
        path
        for folder in ("ganzoo", "plugins", "examples")
        for path in (ROOT / folder).rglob("*.py")
        if "tests" not in path.parts
    ]
    assert len(sources) > 100
    found = {path: list(dangers(path.read_text())) for path in sources}
    assert not {path: dangerous for path, dangerous in found.items() if dangerous}


def test_the_oldest_torch_that_is_taken_is_safe_with_weights_only() -> None:
    """Before 2.6, ``weights_only=True`` could be made to run code (CVE-2025-32434)."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [torch_] = [each for each in map(Requirement, project["dependencies"]) if each.name == "torch"]
    assert not torch_.specifier.contains("2.5.1")


def test_a_hostile_checkpoint_is_refused_and_not_run(strangers_run: Path, trace: Path) -> None:
    [checkpoint] = strangers_run.glob("checkpoints/step-*")
    forge(checkpoint, "state.pt", saved({"networks": Bomb(trace)}))
    result = ganzoo("run", "--resume", str(strangers_run), "--steps", "2")
    assert result.exit_code == 2
    assert "state.pt is refused" in result.stderr
    assert not trace.exists()


@pytest.mark.parametrize("hostile", [pickle.dumps, torch.save])
def test_a_model_is_never_unpickled(strangers_run: Path, trace: Path, hostile: Any) -> None:
    weights = strangers_run / "model/model.safetensors"
    if hostile is pickle.dumps:
        weights.write_bytes(pickle.dumps(Bomb(trace)))
    else:
        torch.save(Bomb(trace), weights)
    result = ganzoo("sample", str(strangers_run))
    assert result.exit_code == 2
    assert "model.safetensors" in result.stderr
    assert not trace.exists()


@pytest.mark.parametrize("name", ["os:system", "subprocess:run", "builtins:eval"])
def test_a_model_names_offers_of_plugins_and_nothing_else(strangers_run: Path, name: str) -> None:
    config = json.loads((strangers_run / "model/config.json").read_text())
    config["settings"]["model"]["name"] = name
    (strangers_run / "model/config.json").write_text(json.dumps(config))
    result = ganzoo("sample", str(strangers_run))
    assert result.exit_code == 2
    assert name in result.stderr


def test_a_hostile_entry_of_the_cache_is_not_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trace: Path
) -> None:
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path))
    slot = Slot("key", (1, 2, 2))
    slot.path.parent.mkdir()
    with slot.path.open("wb") as file:
        np.save(file, np.zeros((1, 1, 2, 2), np.uint8))
        np.save(file, np.array([Bomb(trace)], dtype=object))
        file.write(b'{"count": 1, "skipped": 0, "broken": [], "remarks": {}}')
    assert slot.load() is None
    assert not trace.exists()


def test_a_script_of_a_data_set_is_refused_in_a_clear_line(
    tmp_path: Path, trace: Path, registry: Registry
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "photos.py").write_text(f"open({str(trace)!r}, 'w')\nraise SystemExit\n")
    datasets.Dataset.from_dict({"x": [1]}).to_parquet(folder / "train.parquet")
    with pytest.raises(
        UserError, match=r"cannot read .*scripts are no longer supported.*photos\.py"
    ):
        load(folder, registry)
    with pytest.raises(UserError, match="is not a kind of data that can be read"):
        load(folder / "photos.py", registry)
    assert not trace.exists()


@pytest.mark.parametrize("suffix", ["pyd", "pickle", "pkl", "pth", "npy"])
def test_members_of_an_archive_are_not_unpickled(
    tmp_path: Path, trace: Path, registry: Registry, suffix: str
) -> None:
    members = {"png": png(7), suffix: pickle.dumps(Bomb(trace))}
    if suffix in {"pth", "npy"}:
        stream = io.BytesIO()
        save = torch.save if suffix == "pth" else lambda thing, to: np.save(to, [thing])
        save(Bomb(trace), stream)
        members[suffix] = stream.getvalue()
    pack(tmp_path / "shard.tar", {f"0.{name}": content for name, content in members.items()})
    if suffix in {"pth", "npy"}:
        with pytest.raises(UserError, match="cannot read"):
            load(tmp_path / "shard.tar", registry)
    else:  # left as bytes that nobody looks at
        assert load(tmp_path / "shard.tar", registry).images.unique().tolist() == [7]
    assert not trace.exists()


def test_the_command_runs_nothing_that_lies_in_the_working_folder(
    tmp_path: Path, trace: Path
) -> None:
    """A folder that was unpacked may hold modules, and a distribution with an entry point."""
    mine = f"open({str(trace)!r}, 'w')\n"
    for module in ("torch", "numpy", "evil", "sitecustomize"):
        (tmp_path / f"{module}.py").write_text(mine)
    write_distribution(tmp_path, "evil", "1", evil="evil")
    program = Path(sys.executable).with_name("ganzoo")
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    finished = subprocess.run(
        [program, "plugins", "--json"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert {plugin["distribution"] for plugin in json.loads(finished.stdout)} == {"torch-ganzoo"}
    assert not trace.exists()
