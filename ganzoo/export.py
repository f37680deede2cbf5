"""The exported model: what `sample`, `eval` and others load. No pickle, no code but plugins'."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from safetensors.torch import save

from ganzoo.files import whole_file, write_json
from ganzoo.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from ganzoo.model import DataInfo
    from ganzoo.settings import Settings
    from ganzoo.training import Trainer

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
CARD = "README.md"
PICTURES = ("samples.png", "traversal.png")
"""What may lie beside a model that is shared: the latest pictures of its run."""
SCHEMA = 1


def export(trainer: Trainer, settings: Settings, folder: Path) -> None:
    """Write ``model.safetensors`` and ``config.json``. Every rank calls it; rank 0 writes.

    Networks of which an average is kept are exported as that average. Running statistics, which
    each rank has for itself, are exported as their mean over the ranks and left as they are in the
    training.
    """
    weights = _mean_weights(trainer)
    if not trainer.accelerator.is_main_process:
        return
    content = save(weights, metadata={"format": "pt"})
    config = {
        "schema": SCHEMA,
        "ganzoo": __version__,
        "settings": settings.table(),
        "data": _described(trainer.assembly.data),
        "step": trainer.step,
        "averaged": sorted(trainer.averages),
        "packages": settings.packages(),
        "sha256": sha256(content).hexdigest(),
    }
    # A card tells the scores of the weights that were here before.
    (folder / CARD).unlink(missing_ok=True)
    with whole_file(folder / WEIGHTS) as file:
        file.write(content)
    write_json(folder / CONFIG, config)


def _described(data: DataInfo) -> dict[str, Any]:
    """What a model may know of its data, as JSON; without further sources there is no such key."""
    table: dict[str, Any] = {
        "name": data.name,
        "image_shape": list(data.image_shape),
        "classes": data.classes and list(data.classes),
        "count": data.count,
    }
    if data.further:
        table["further"] = {name: _described(each) for name, each in data.further.items()}
    return table


def _mean_weights(trainer: Trainer) -> dict[str, Tensor]:
    weights = {}
    for name, live in trainer.networks().items():
        network = trainer.averages.get(name, live)
        buffers = {key for key, _ in network.named_buffers()}
        for key, value in network.state_dict().items():
            if key in buffers and value.is_floating_point():
                value = trainer.accelerator.reduce(value.clone(), reduction="mean")  # noqa: PLW2901
            # A copy each: safetensors refuses a weight that two layers share.
            weights[f"{name}.{key}"] = value.detach().to("cpu", copy=True).contiguous()
    return weights
