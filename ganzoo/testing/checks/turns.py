"""Rules of whole turns, taken by the trainer that ``ganzoo run`` uses."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

import torch

from ganzoo.testing.bench import tensors_in, unequal
from ganzoo.testing.verdicts import ContractError, listed, require

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.testing.cases import ModelCase
    from ganzoo.training import Trainer


def check_bf16(case: ModelCase) -> None:
    """A turn with networks in bf16 gives finite figures and leaves finite weights."""
    trainer = case.bench().trainer(bf16=True)
    trainer.turn()
    odd = [name for name, figure in trainer.collect().items() if not math.isfinite(figure)]
    odd += [
        f"{name}.{key}"
        for name, net in trainer.networks().items()
        for key, value in net.state_dict().items()
        if not value.isfinite().all()
    ]
    require(
        not odd,
        f"after a turn in bf16 {listed(odd)} is not finite: compute logarithms, exponentials and "
        "divisions in a numerically safe form (softplus, log_softmax), or on .float()",
    )


def check_resume(case: ModelCase) -> None:
    """Two turns, a checkpoint and a third turn equal three turns to the bit."""
    through = case.bench().trainer()
    for _ in range(2):
        through.turn()
    state, rank_state = _through_a_file(through)
    through.turn()
    resumed = case.bench().trainer()
    resumed.load_state_dict(state, rank_state)
    resumed.turn()
    differing = unequal(_everything(through), _everything(resumed))
    require(
        not differing,
        f"training that goes on from a checkpoint takes another way ({listed(differing)}): what "
        "model, prior or loss keeps from turn to turn belongs into state_dict() and "
        "load_state_dict()",
    )


def _through_a_file(trainer: Trainer) -> tuple[Any, Any]:
    """All state, written and read as checkpoints are."""
    file = io.BytesIO()
    torch.save([trainer.state_dict(), trainer.rank_state_dict()], file)
    file.seek(0)
    try:
        state, rank_state = torch.load(file, weights_only=True)
    except Exception as error:
        raise ContractError(
            "state_dict() of model, prior or loss holds more than tensors, numbers, texts, lists "
            f"and dictionaries, so that the checkpoint cannot be read: {str(error).splitlines()[0]}"
        ) from error
    return state, rank_state


def _everything(trainer: Trainer) -> dict[str, Tensor]:
    found = dict(tensors_in(trainer.state_dict()["networks"]))
    figures = trainer.collect()
    return found | {name: torch.tensor(figure) for name, figure in figures.items()}


CHECKS = (check_bf16, check_resume)
