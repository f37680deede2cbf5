"""`ganzoo push` publishes a whole model in one commit or nothing; the client of the Hub is real."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import huggingface_hub
import pytest
import torch
from click.testing import CliRunner
from hub_stand_in import serving, use
from PIL import Image

from ganzoo import load
from ganzoo.cli import cli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.testing import Result
    from hub_stand_in import StandIn

NAME = "ada/infogan-mnist"
SENT = {"README.md", "config.json", "model.safetensors", "samples.png", "traversal.png"}
GIVEN = {".gitattributes"}


@pytest.fixture
def hub(tmp_path: Path, small_run: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A stand-in for the Hub, and a working folder with nothing but a run."""
    here = tmp_path / "here"
    shutil.copytree(small_run, here / "run")
    monkeypatch.chdir(here)
    with serving() as hub:
        use(hub, monkeypatch, tmp_path / "hub-cache")
        yield hub


def push(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["push", *arguments])


def pushed(*arguments: str) -> Result:
    result = push(*arguments)
    assert result.exit_code == 0, (result.exception, result.output)
    return result


def refused(*arguments: str) -> str:
    """What a push that must end in one clear message says."""
    result = push(*arguments)
    assert result.exit_code == 2, (result.exception, result.output)
    assert result.stderr.startswith("error: ")
    assert all(line.isprintable() for line in result.stderr.splitlines())
    return result.stderr


def test_what_is_pushed_is_loaded_from_the_hub_as_it_was(hub: StandIn) -> None:
    result = pushed("run", NAME, "--license", "mit")
    assert f"{hub.address}/{NAME}\n" in result.stdout
    assert hub.token not in result.output
    assert set(hub.files(NAME)) == SENT | GIVEN
    assert hub.files(NAME)["model.safetensors"] == Path("run/model/model.safetensors").read_bytes()
    assert hub.repositories[NAME].messages == ["Upload infogan (mnist), 1 turns"]
    assert not hub.repositories[NAME].private
    images = load("run").sample(4, codes={"digit": 3})
    shutil.rmtree("run")
    assert torch.equal(load(NAME).sample(4, codes={"digit": 3}), images)
    drawn = CliRunner().invoke(cli, ["sample", NAME, "-n", "4"])
    assert drawn.exit_code == 0, drawn.output
    assert Image.open("ada-infogan-mnist/sample.png").format == "PNG"


def test_everything_is_published_in_one_commit(hub: StandIn) -> None:
    pushed("run", NAME)
    asked = [each for each in hub.asked if each.startswith("POST") and "/commit/" in each]
    assert asked == [f"POST /api/models/{NAME}/commit/main"]
    assert len(hub.repositories[NAME].commits) == 2


def test_the_hub_reads_the_card_of_what_was_pushed(hub: StandIn) -> None:
    scored = CliRunner().invoke(cli, ["eval", "run", "--images", "100", "--metric", "information"])
    assert scored.exit_code == 0, scored.output
    pushed("run", NAME, "--license", "mit")
    card = huggingface_hub.ModelCard(hub.files(NAME)["README.md"].decode())
    assert (card.data.license, card.data.library_name) == ("mit", "ganzoo")
    assert card.data.datasets == ["mnist"]
    scores = json.loads(Path("run/scores.json").read_text())["scores"]
    told = {each.metric_name: each.metric_value for each in card.data.eval_results}
    assert told["L_I of digit"] == scores["mi_nats/digit"]["value"]
    assert len(told) == len(scores)
    assert f'model = ganzoo.load("{NAME}")' in card.text
    assert "![samples.png](samples.png)" in card.text


def test_nothing_in_the_run_is_changed(hub: StandIn) -> None:
    before = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    pushed("run", NAME)
    after = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    assert after == before


def test_private_message_and_branch_are_as_asked_for(hub: StandIn) -> None:
    result = pushed("run", NAME, "--private", "--branch", "tall", "--message", "Two words")
    assert hub.repositories[NAME].private
    assert hub.repositories[NAME].messages == ["Two words"]
    assert set(hub.files(NAME, "tall")) == SENT | GIVEN
    assert set(hub.files(NAME)) == GIVEN
    assert f"{hub.address}/{NAME}/tree/tall" in result.stdout
    assert f"ganzoo sample {NAME}@tall" in result.stdout
    assert load(f"{NAME}@tall").step == 1


def test_a_model_that_is_there_is_replaced_only_when_asked_to(hub: StandIn) -> None:
    pushed("run", NAME)
    before = dict(hub.files(NAME))
    said = refused("run", NAME, "--message", "Again")
    assert f"{NAME} is there already, with 5 files" in said
    assert "--update" in said
    assert hub.files(NAME) == before
    Path("run/traversal.png").unlink()
    pushed("run", NAME, "--update", "--license", "mit")
    assert set(hub.files(NAME)) == (SENT | GIVEN) - {"traversal.png"}, "no picture of another model"
    assert b"license: mit" in hub.files(NAME)["README.md"]


def test_files_of_others_are_left_by_an_update(hub: StandIn) -> None:
    hub.store(NAME, {"paper.pdf": b"mine", "samples.png": b"old"})
    pushed("run", NAME, "--update")
    assert set(hub.files(NAME)) == SENT | {"paper.pdf"}
    assert hub.files(NAME)["samples.png"] == Path("run/samples.png").read_bytes()


def test_an_exported_folder_is_pushed_as_well(hub: StandIn) -> None:
    pushed("run/model", NAME)
    assert set(hub.files(NAME)) == GIVEN | {"README.md", "config.json", "model.safetensors"}


def test_an_unfinished_run_is_refused_and_its_model_may_be_pushed(hub: StandIn) -> None:
    path = Path("run/model/config.json")
    config = json.loads(path.read_text())
    config["settings"]["train"]["steps"] = 50
    path.write_text(json.dumps(config))
    said = refused("run", NAME)
    assert "run is unfinished: 1 of 50 turns" in said
    assert f"ganzoo push run/model {NAME}" in said
    shutil.copytree("run", "my run")
    assert f"ganzoo push 'my run/model' {NAME}" in refused("my run", NAME)
    assert not hub.asked
    pushed("run/model", NAME)
    assert b"The training is unfinished: 1 of 50 turns." in hub.files(NAME)["README.md"]


def no_token(hub: StandIn, patch: pytest.MonkeyPatch) -> None:
    patch.delenv("HF_TOKEN")


def old_token(hub: StandIn, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("HF_TOKEN", "hf_outdatedOutdated")


def no_network(hub: StandIn, patch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    patch.setattr(huggingface_hub.constants, "ENDPOINT", nobody)


def offline(hub: StandIn, patch: pytest.MonkeyPatch) -> None:
    huggingface_hub.close_session()
    patch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


def no_model(hub: StandIn, patch: pytest.MonkeyPatch) -> None:
    shutil.rmtree("run/model")


def damaged_model(hub: StandIn, patch: pytest.MonkeyPatch) -> None:
    os.truncate("run/model/model.safetensors", 999)


def damaged_scores(hub: StandIn, patch: pytest.MonkeyPatch) -> None:
    scores = {"x": {"value": 1.0, "n": "many"}}
    Path("run/scores.json").write_text(json.dumps({"schema": 1, "scores": scores}))


def public(hub: StandIn, patch: pytest.MonkeyPatch) -> None:
    hub.store(NAME, {})


@pytest.mark.parametrize(
    ("arguments", "cause", "says"),
    [
        (["run", NAME], no_token, "Log in with: hf auth login"),
        (["run", NAME], old_token, "the Hub does not take your token"),
        (["run", NAME], no_network, "the Hub is not reached"),
        (["run", NAME], offline, "HF_HUB_OFFLINE"),
        (["run", NAME], no_model, "run holds no exported model"),
        (["run", NAME], damaged_model, "model.safetensors cannot be read"),
        (["run", NAME], damaged_scores, "run/scores.json holds something that is no score"),
        (["run", NAME, "--private"], public, "is there already, and public"),
        (["run", NAME, "--license", "mine"], None, '"license" must be one of'),
        (["run", "bob/infogan"], None, "You don't have the rights to write to bob/infogan"),
        (["run", "infogan"], None, "infogan names no repository"),
        (["run", "a--b/c"], None, "a--b/c names no repository"),
        (["run", "https://huggingface.co/ada/x"], None, "names no repository"),
        (["run", NAME, "--branch", "../x"], None, "names no repository"),
        (["nowhere", NAME], None, "nowhere does not exist"),
        (["run", NAME, "-o", "out"], None, "-o says where --dry-run writes"),
    ],
)
def test_what_cannot_be_pushed_is_one_clear_message(
    hub: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    cause: Callable[[StandIn, pytest.MonkeyPatch], None] | None,
    says: str,
) -> None:
    if cause is not None:
        cause(hub, monkeypatch)
    said = refused(*arguments)
    assert says in said
    assert "hf_" not in said.replace("hf_hub", "").replace("HF_HUB", "")
    assert not any(stored.messages for stored in hub.repositories.values())
    assert set(hub.repositories) <= {NAME}
    assert all(not stored.commits[stored.branches["main"]] for stored in hub.repositories.values())
    assert {path.name for path in Path().iterdir()} == {"run"}


def test_a_commit_that_fails_publishes_nothing_and_can_be_tried_again(hub: StandIn) -> None:
    hub.failing["/commit/"] = 500
    assert "the Hub answers 500" in refused("run", NAME)
    assert set(hub.files(NAME)) == GIVEN
    hub.failing.clear()
    pushed("run", NAME)
    assert set(hub.files(NAME)) == SENT | GIVEN


@pytest.mark.parametrize("name", ["samples.png", "model/config.json", "model/model.safetensors"])
def test_a_link_is_not_followed_to_what_is_meant_for_nobody(
    hub: StandIn, tmp_path: Path, name: str
) -> None:
    secret = tmp_path / "secret"
    shutil.move(Path("run", name), secret)
    Path("run", name).symlink_to(secret)
    assert f"run/{name} is a link" in refused("run", NAME)
    assert not hub.asked


def test_a_dry_run_lists_the_files_and_asks_nobody(
    hub: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    result = pushed("run", NAME, "--dry-run")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert {line[0] for line in lines[:-1]} == SENT
    size = Path("run/model/config.json").stat().st_size
    assert ["config.json", f"{size:,}", "bytes"] in lines
    assert result.stdout.endswith(f"Nothing was sent to {NAME} (--dry-run).\n")
    assert not hub.asked
    assert {path.name for path in Path().iterdir()} == {"run"}


def test_a_dry_run_writes_the_folder_that_would_be_sent(hub: StandIn) -> None:
    pushed("run", NAME, "--dry-run", "-o", "out")
    assert {path.name for path in Path("out").iterdir()} == SENT
    assert load("out").step == 1
    assert "out is there already" in refused("run", NAME, "--dry-run", "-o", "out")
    assert not hub.asked
