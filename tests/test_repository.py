"""Models of the Hub: found by name, fetched file by file, refused clearly; the client is real."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import huggingface_hub
import pytest
import torch
from commands import ganzoo
from hub_stand_in import serving, use

from ganzoo import UserError, load
from ganzoo.repository import Repository, find_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub_stand_in import StandIn

NAME = "ada/infogan-mnist"


@pytest.fixture(scope="module")
def model(small_run: Path) -> dict[str, bytes]:
    """The files of a small exported model."""
    return {path.name: path.read_bytes() for path in (small_run / "model").iterdir()}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A stand-in for the Hub, and an empty working folder."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    with serving() as hub:
        use(hub, monkeypatch, tmp_path / "hub-cache")
        yield hub


def refused(*arguments: str) -> str:
    """What a command that must end in one clear message says."""
    result = ganzoo(*arguments)
    assert result.exit_code == 2, (result.exception, result.output)
    assert result.stderr.startswith("error: ")
    assert all(line.isprintable() for line in result.stderr.splitlines())
    assert not list(Path().iterdir())
    return result.stderr


def fetched(hub: StandIn) -> set[str]:
    """Names of the files that were asked for."""
    return {each.partition("/resolve/")[2].partition("/")[2] for each in hub.asked} - {""}


def test_a_model_of_the_hub_is_the_model_that_was_stored(
    hub: StandIn, model: dict[str, bytes], tmp_path: Path
) -> None:
    hub.store(NAME, model)
    for name, content in model.items():
        (tmp_path / name).write_bytes(content)
    loaded = load(NAME)
    assert torch.equal(loaded.sample(3), load(tmp_path).sample(3))


def test_only_files_of_a_model_are_fetched(hub: StandIn, model: dict[str, bytes]) -> None:
    """Whatever else a repository has, and however it calls it."""
    others = ["state.pkl", "pytorch_model.bin", "modeling.py", "sub/config.json", "config.json.py"]
    others += ["../config.json", "../../../evil.py", "/etc/evil", "model/config.json", ".lock"]
    shown = {"README.md": b"# x", "samples.png": b"x"}
    hub.store(NAME, model | shown | dict.fromkeys(others, b"evil"))
    folder = find_model(NAME).folder
    expected = {*model, *shown}
    assert fetched(hub) == expected
    assert {path.name for path in folder.rglob("*")} == expected


def test_commands_take_a_repository_and_write_here(
    hub: StandIn, model: dict[str, bytes], tmp_path: Path
) -> None:
    hub.store(NAME, model)
    for arguments in (
        ["sample", NAME, "-n", "4"],
        ["traverse", NAME, "--rows", "1", "--code", "slant"],
        ["eval", NAME, "--images", "100", "--metric", "information"],
    ):
        result = ganzoo(*arguments)
        assert result.exit_code == 0, result.output
    made = {path.name for path in Path("ada-infogan-mnist").iterdir()}
    assert made == {"sample.png", "traverse-slant.png", "traverse-slant.gif", "scores.json"}
    assert [path.name for path in Path().iterdir()] == ["ada-infogan-mnist"]
    assert not list((tmp_path / "hub-cache").rglob("scores.json")), "the cache is left alone"


def test_a_revision_is_a_branch_or_a_commit(hub: StandIn, model: dict[str, bytes]) -> None:
    stored = hub.store(NAME, {"notes.txt": b"not here"})
    stored.commits["a" * 40] = model
    stored.branches["v2"] = "a" * 40
    for revision in ("v2", "a" * 40):
        assert load(f"{NAME}@{revision}").step == 1
    assert "has no branch, tag or commit 'v3'" in refused("sample", f"{NAME}@v3")


def test_a_folder_of_that_name_comes_first(hub: StandIn, model: dict[str, bytes]) -> None:
    Path(NAME).mkdir(parents=True)
    for name, content in model.items():
        Path(NAME, name).write_bytes(content)
    assert load(NAME).folder == Path(NAME)
    assert find_model(NAME).output.path == Path(NAME)
    assert not hub.asked


@pytest.mark.parametrize("name", ["runs/infogan-mnist-0", "nowhere", "../ada/x", "a/b/c", "/a/b"])
def test_a_path_that_is_not_there_is_not_looked_up(hub: StandIn, name: str) -> None:
    assert f"{name} does not exist" in refused("sample", name)
    assert not hub.asked


@pytest.mark.parametrize(
    "text",
    [
        "ada",
        "ada/x/y",
        "ada/..",
        "ada/x@..",
        "a--b/x",
        "ada/x.git",
        ".a/b",
        "ada/x@",
        "ada/x y",
        "",
    ],
)
def test_what_is_no_name_of_a_repository(text: str) -> None:
    assert Repository.named(text) is None


def test_a_path_object_is_never_looked_up(hub: StandIn) -> None:
    with pytest.raises(UserError, match="does not exist"):
        load(Path(NAME))
    assert not hub.asked


def test_what_was_fetched_is_used_without_the_hub(
    hub: StandIn, model: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.store(NAME, model)
    first = load(NAME).sample(2)
    hub.asked.clear()
    with monkeypatch.context() as offline:
        offline.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        huggingface_hub.close_session()
        assert torch.equal(load(NAME).sample(2), first)
        assert not hub.asked
        assert "the cache has no copy" in refused("sample", "ada/other")
    huggingface_hub.close_session()
    hub.failing["/api/models/"] = 503
    assert torch.equal(load(NAME).sample(2), first)
    assert not fetched(hub)


def test_a_hub_that_is_not_there_is_told_and_the_cache_used(
    hub: StandIn, model: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.store(NAME, model)
    load(NAME)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", nobody)
    assert load(NAME).step == 1
    assert "the Hub is not reached" in refused("sample", "ada/other")


@pytest.mark.parametrize(
    ("about", "says"),
    [
        (None, "is neither a folder here nor a model on the Hub that you may read"),
        ({"private": True}, "hf auth login"),
        ({"gated": True}, "is open only to those whom its owners let in"),
    ],
)
def test_a_model_that_may_not_be_read_is_one_line(
    hub: StandIn,
    model: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    about: dict[str, Any] | None,
    says: str,
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    if about is not None:
        hub.store(NAME, model, **about)
    assert says in refused("sample", NAME)


def test_a_private_model_is_loaded_with_the_token_of_its_owner(
    hub: StandIn, model: dict[str, bytes]
) -> None:
    hub.store(NAME, model, private=True)
    assert load(NAME).step == 1


def test_a_token_that_is_not_taken_is_told_and_not_shown(
    hub: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_outdatedOutdated")
    said = refused("sample", NAME)
    assert "the Hub does not take your token" in said
    assert "outdated" not in said


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "README.md", "samples.png"])
def test_files_larger_than_such_files_are_refused_unfetched(
    hub: StandIn, model: dict[str, bytes], name: str
) -> None:
    hub.store(NAME, {**model, "README.md": b"# x", "samples.png": b"x"})
    hub.sizes[name] = 2 * 10**10
    said = refused("sample", NAME)
    assert f"its {name} has 20,000 MB" in said
    assert "hf download" in said
    assert not fetched(hub)


@pytest.mark.parametrize("lacking", ["config.json", "model.safetensors"])
def test_another_librarys_model_is_refused_unfetched(
    hub: StandIn, model: dict[str, bytes], lacking: str
) -> None:
    hub.store(NAME, {name: content for name, content in model.items() if name != lacking})
    assert f"{NAME} on the Hub is no model of ganzoo: it has no {lacking}" in refused(
        "sample", NAME
    )
    assert not fetched(hub)


@pytest.mark.parametrize(
    "config",
    [
        b"/etc/passwd",  # what git keeps of a link
        b'{"architectures": ["BertModel"], "model_type": "bert"}',
        b'{"schema": 1, "settings": "\\u001b[31m<script>\\n"}',
    ],
)
def test_a_config_of_something_else_is_one_printable_line(
    hub: StandIn, model: dict[str, bytes], config: bytes
) -> None:
    hub.store(NAME, {**model, "config.json": config})
    assert "is no model's config" in refused("sample", NAME)


def config_with(model: dict[str, bytes], packages: list[str], name: str) -> dict[str, bytes]:
    config = json.loads(model["config.json"])
    config["packages"], config["settings"]["model"]["name"] = packages, name
    return {**model, "config.json": json.dumps(config).encode()}


def test_a_plugin_that_is_not_installed_is_named_with_its_command(
    hub: StandIn, model: dict[str, bytes]
) -> None:
    hub.store(NAME, config_with(model, ["torch-ganzoo", "ganzoo-vae"], "vae"))
    said = refused("sample", NAME)
    assert "needs plugins that are not installed: ganzoo-vae\n" in said
    assert "Plugins are code. If you trust these, install them: pip install ganzoo-vae\n" in said


def test_a_plugin_in_a_file_is_named_without_pip(hub: StandIn, model: dict[str, bytes]) -> None:
    hub.store(NAME, config_with(model, ["file"], "idea"))
    said = refused("sample", NAME)
    assert "ganzoo --plugin FILE.py" in said
    assert "pip install" not in said


@pytest.mark.parametrize(
    "name", ["x --index-url http://evil", "-r evil.txt", "git+http://evil", "./evil", "a\nb; rm x"]
)
def test_names_that_are_no_distributions_are_not_for_pip(
    hub: StandIn, model: dict[str, bytes], name: str
) -> None:
    hub.store(NAME, config_with(model, [name], "acme"))
    said = refused("sample", NAME)
    assert "needs plugins that are not installed" in said
    assert "pip" not in said


def test_a_config_that_is_wrong_with_its_plugins_there_says_what(
    hub: StandIn, model: dict[str, bytes]
) -> None:
    hub.store(NAME, config_with(model, ["torch-ganzoo"], "acme"))
    assert "no model called 'acme'" in refused("sample", NAME)


@pytest.mark.slow
def test_three_lines_of_python_in_a_process_of_their_own(
    hub: StandIn, model: dict[str, bytes], tmp_path: Path
) -> None:
    hub.store(NAME, model)
    lines = f"import ganzoo\nmodel = ganzoo.load({NAME!r})\nprint(model.sample(16).shape)"
    environment = {**os.environ, "HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home")}
    for extra in ({}, {"HF_HUB_OFFLINE": "1"}):
        finished = subprocess.run(
            [sys.executable, "-c", lines],
            env=environment | extra,
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.stdout == "torch.Size([16, 1, 28, 28])\n", finished.stderr
        assert finished.stderr == ""
