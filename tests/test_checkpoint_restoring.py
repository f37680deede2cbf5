"""A restored training goes on to the bit; what does not fit it, or is hostile, is refused."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest
import torch
from bombs import Bomb
from builders import loss_part, make_trainer, part, run_turns, same, settings_of, weights_of
from checkpoint_files import change_state, forge, saved
from fitted_line import IMAGES, Buffered, Counting, Line, Other, trainer_of

from ganzoo.checkpoint import check, newest, restore, save
from ganzoo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_restored_trainer_goes_on_to_the_bit_and_a_loss_keeps_its_memory(tmp_path: Path) -> None:
    straight = trainer_of()
    run_turns(straight, 5)
    first = trainer_of()
    run_turns(first, 3)
    save(first, tmp_path, keep=2)
    found, damaged = newest(tmp_path)
    assert found is not None
    assert (found.step, found.world_size, damaged) == (3, 1, [])
    second = trainer_of()
    restore(second, found)
    run_turns(second, 2)
    assert second.assembly.losses["square"].asked == 5
    assert same(weights_of(straight), weights_of(second))


def test_what_a_loss_keeps_on_one_rank_goes_back_to_that_rank() -> None:
    trainer = trainer_of()
    run_turns(trainer, 2)
    state, rank_state = trainer.state_dict(), trainer.rank_state_dict()
    rank_state["parts"]["loss.square"]["asked"] = 5
    alone, among_others = trainer_of(), trainer_of()
    alone.load_state_dict(state, None)
    among_others.load_state_dict(state, rank_state)
    assert alone.assembly.losses["square"].asked == 2
    assert among_others.assembly.losses["square"].asked == 5


def test_without_a_rank_of_its_own_an_open_window_begins_anew() -> None:
    trainer = trainer_of()
    state = trainer.state_dict()
    run_turns(trainer, 1)
    trainer.turn()
    assert any(name.startswith("loss/") for name in trainer.tensors())
    trainer.load_state_dict(state, None)
    assert not any(name.startswith("loss/") for name in trainer.tensors())


def test_a_rehearsed_turn_is_taken_back_and_has_everything_due() -> None:
    """What three processes or more do first; see test_torture."""
    settings = settings_of(
        part(Line), {"square": loss_part(Counting, every=3, ramp=[0, 4])}, batch_size=4
    )
    straight, rehearsed = make_trainer(settings, IMAGES), make_trainer(settings, IMAGES)
    asked: list[int] = []
    square = rehearsed.assembly.losses["square"]
    load = square.load_state_dict
    square.load_state_dict = lambda state: (asked.append(square.asked), load(state))
    rehearsed._rehearse()
    assert asked == [1]
    assert rehearsed.step == square.asked == 0
    run_turns(straight, 7)
    run_turns(rehearsed, 7)
    assert same(weights_of(straight), weights_of(rehearsed))


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    trainer = trainer_of()
    run_turns(trainer, 1)
    path = save(trainer, tmp_path, keep=1)
    with pytest.raises(
        UserError, match="checkpoint of another model: it has networks line, this one has curve"
    ):
        restore(trainer_of(Other), check(path))
    with pytest.raises(UserError, match="does not fit this model"):
        restore(trainer_of(width=3), check(path))


@pytest.mark.parametrize("name", ["state.pt", "rank-000.pt"])
@pytest.mark.parametrize("kind", ["zip", "bare pickle", "a list", "no archive"])
def test_a_hostile_state_is_refused_and_not_executed(tmp_path: Path, name: str, kind: str) -> None:
    trainer = trainer_of()
    run_turns(trainer, 1)
    path = save(trainer, tmp_path, keep=1)
    bomb = Bomb(tmp_path / "exploded")
    contents = {
        "zip": lambda: saved({"networks": bomb}),
        "bare pickle": lambda: pickle.dumps(bomb, protocol=2),
        "a list": lambda: saved([1, 2]),
        "no archive": lambda: b"nothing",
    }
    forge(path, name, contents[kind]())
    with pytest.raises(UserError, match=f"{name} is refused: it holds something else") as raised:
        restore(trainer_of(), check(path))
    assert len(raised.value.what.splitlines()) == 1
    assert not (tmp_path / "exploded").exists()


def set_moment(state: dict[str, Any]) -> None:
    state["optimisers"][0]["state"][0]["exp_avg"] = torch.zeros(3)


def set_weight(state: dict[str, Any]) -> None:
    state["networks"]["line"]["weight"] = torch.zeros(7, 7)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("state.pt", set_moment, r"exp_avg of parameter 0 has shape \(3,\), not \(1, 1\)"),
        ("state.pt", set_weight, "size mismatch for weight"),
        ("state.pt", lambda state: state.pop("optimisers"), "optimisers"),
        ("state.pt", lambda state: state.update(networks=3), "not iterable"),
        ("state.pt", lambda state: state.update(step=9), "its state is of step 9"),
        ("rank-000.pt", lambda state: state.pop("sums"), "sums"),
        (
            "rank-000.pt",
            lambda state: state["sums"].update(x=torch.zeros(2)),
            r"the sum of x has shape \(2,\)",
        ),
    ],
)
def test_a_state_of_another_form_is_refused_in_a_line(
    tmp_path: Path, name: str, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    trainer = trainer_of(Line)
    run_turns(trainer, 1)
    path = save(trainer, tmp_path, keep=1)
    change_state(path, name, change)
    with pytest.raises(UserError, match=said) as raised:
        restore(trainer_of(Line), check(path))
    assert raised.value.what.startswith(f"{path} does not fit this model: ")
    assert len(raised.value.what.splitlines()) == 1


def set_mean(state: dict[str, Any]) -> None:
    state["buffers"]["line"]["1.running_mean"] = torch.zeros(1, 1)


def test_a_running_statistic_of_another_shape_is_refused(tmp_path: Path) -> None:
    trainer = trainer_of(Buffered)
    path = save(trainer, tmp_path, keep=1)
    change_state(path, "rank-000.pt", set_mean)
    with pytest.raises(UserError, match=r"line.1.running_mean has shape \(1, 1\), not \(1,\)"):
        restore(trainer_of(Buffered), check(path))
