"""A command of ganzoo that leaves the weights of each rank; started by test_distributed.py."""

from __future__ import annotations

import os

import torch

from ganzoo.cli import main
from ganzoo.training import Trainer

turn = Trainer.turn


def remembering(trainer: Trainer) -> None:
    turn(trainer)
    parameters, buffers = {}, {}
    for name, network in trainer.networks().items():
        parameters |= {f"{name}.{key}": each for key, each in network.named_parameters()}
        buffers |= {f"{name}.{key}": each for key, each in network.named_buffers()}
    kept = {
        "parameters": {key: each.detach() for key, each in parameters.items()},
        "buffers": {key: each for key, each in buffers.items() if each.is_floating_point()},
    }
    torch.save(kept, f"weights-{os.environ['RANK']}.pt")


if __name__ == "__main__":
    Trainer.turn = remembering  # type: ignore[method-assign]
    main()
