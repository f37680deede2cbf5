"""What a run was trained in, by its turns, and how here differs from there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ganzoo.discovery import discover
from ganzoo.environment import differences, present, record, trained_in
from ganzoo.launch import launch

if TYPE_CHECKING:
    from pathlib import Path


def made_in(**changes: Any) -> dict[str, Any]:
    """An environment, with what is to be another."""
    start = {
        "world_size": 1,
        "device": "cpu",
        "device_name": "CPU, 2 threads",
        "precision": "fp32",
        "versions": {"torch": "2.14.0", "numpy": "2.0.0"},
    }
    return start | changes


@dataclass
class Needs:
    """Settings, as far as they name packages."""

    named: list[str]

    def packages(self) -> list[str]:
        return self.named


def test_everything_that_bits_depend_on_is_compared() -> None:
    assert differences(made_in(), made_in()) == []
    now = made_in(
        world_size=2, device_name="CPU, 1 thread", precision="bf16", versions={"torch": "2.13.0"}
    )
    assert differences(made_in(), now) == [
        "processes was 1, here it is 2",
        "device was CPU, 2 threads, here it is CPU, 1 thread",
        "precision was fp32, here it is bf16",
        "torch was 2.14.0, here it is 2.13.0",
    ]


def test_another_build_of_torch_for_cuda_is_another_environment() -> None:
    then = made_in(device="cuda", cuda="13.0, 91200")
    assert differences(then, made_in(device="cuda", cuda="12.8, 91002")) == [
        "CUDA and cuDNN was 13.0, 91200, here it is 12.8, 91002"
    ]
    assert differences(then, made_in())[0].endswith("here it is not there")


def test_a_package_of_the_model_counts_as_well() -> None:
    needed = Needs(["torch-ganzoo", "pytest", "no-such-thing"])
    here = present(launch("fp32", 4), needed, discover(environ={}))
    assert here["versions"]["pytest"]
    assert here["versions"]["no-such-thing"] is None
    assert "torch-ganzoo" not in here["versions"]
    before = here | {"versions": here["versions"] | {"pytest": "0.1", "no-such-thing": "7"}}
    assert differences(before, here) == [
        "no-such-thing was 7, here it is not there",
        f"pytest was 0.1, here it is {here['versions']['pytest']}",
    ]


def test_a_plugin_of_one_file_counts_whether_changed_added_or_left_out() -> None:
    then = made_in(versions={"torch": "2.14.0", "file:a.py": "1", "file:b.py": "2"})
    now = made_in(versions={"torch": "2.14.0", "file:b.py": "3", "file:c.py": "4"})
    assert differences(then, now) == [
        "file:b.py was 2, here it is 3",
        "file:c.py was not there, here it is 4",
        "file:a.py was 1, here it is not there",
    ]


def test_the_file_says_where_it_runs_now_and_keeps_where_it_ran(tmp_path: Path) -> None:
    path, other = tmp_path / "environment.json", made_in(precision="bf16")
    record(path, made_in(), 0)
    record(path, made_in(), 10)
    record(path, other, 20)
    content = json.loads(path.read_text())
    assert content["schema"] == 1
    assert {key: content[key] for key in other} == other
    assert content["history"] == [
        {"from_step": 0, **made_in()},
        {"from_step": 20, **other},
    ]
    assert trained_in(path, 0, 20) == content["history"][:1]
    assert trained_in(path, 10, 30) == content["history"]
    assert trained_in(path, 20, 30) == content["history"][1:]


def test_turns_that_are_made_again_forget_where_they_were_made_first(tmp_path: Path) -> None:
    path = tmp_path / "environment.json"
    record(path, made_in(), 0)
    record(path, made_in(precision="bf16"), 20)
    record(path, made_in(world_size=2), 10)
    steps = [each["from_step"] for each in json.loads(path.read_text())["history"]]
    assert steps == [0, 10]


def test_a_file_without_a_history_is_of_all_turns(tmp_path: Path) -> None:
    path = tmp_path / "environment.json"
    path.write_text(json.dumps({"schema": 1, **made_in()}))
    [only] = trained_in(path, 5, 10)
    assert differences(only, made_in(precision="bf16")) == ["precision was fp32, here it is bf16"]


def test_a_file_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "environment.json"
    assert trained_in(path, 0, 10) == []
    for content in ("{", "[]", "3", '{"history": [{"from_step": "a"}]}', '{"history": 3}'):
        path.write_text(content)
        assert trained_in(path, 0, 10) == []
        record(path, made_in(), 0)
        assert len(trained_in(path, 0, 10)) == 1
