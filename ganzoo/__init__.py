"""A zoo of generative models in which a model, a loss or a prior is a plugin.

Names that need torch are imported when they are first asked for, so that ``import ganzoo`` stays
cheap: the command line and every plugin's ``plugin.py`` rely on it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ganzoo.errors import UserError
from ganzoo.hookspecs import (
    API_VERSION,
    DatasetSpec,
    LossSpec,
    MetricSpec,
    ModelSpec,
    PriorSpec,
    hookimpl,
)
from ganzoo.schema import setting
from ganzoo.version import __version__

if TYPE_CHECKING:
    from ganzoo.api import evaluate, train
    from ganzoo.draw import Draw
    from ganzoo.latents import Code, Latents, Prior
    from ganzoo.loaded import Loaded, load
    from ganzoo.loss import Loss, Measured, TermFunction
    from ganzoo.model import Adversarial, Batch, Context, DataInfo, Model, Networks, Pass, Phase

_HEAVY = {
    "Adversarial": "ganzoo.model",
    "Batch": "ganzoo.model",
    "Code": "ganzoo.latents",
    "Context": "ganzoo.model",
    "DataInfo": "ganzoo.model",
    "Draw": "ganzoo.draw",
    "Latents": "ganzoo.latents",
    "Loaded": "ganzoo.loaded",
    "Loss": "ganzoo.loss",
    "Measured": "ganzoo.loss",
    "Model": "ganzoo.model",
    "Networks": "ganzoo.model",
    "Pass": "ganzoo.model",
    "Phase": "ganzoo.model",
    "Prior": "ganzoo.latents",
    "TermFunction": "ganzoo.loss",
    "evaluate": "ganzoo.api",
    "load": "ganzoo.loaded",
    "train": "ganzoo.api",
}

__all__ = [
    "API_VERSION",
    "Adversarial",
    "Batch",
    "Code",
    "Context",
    "DataInfo",
    "DatasetSpec",
    "Draw",
    "Latents",
    "Loaded",
    "Loss",
    "LossSpec",
    "Measured",
    "MetricSpec",
    "Model",
    "ModelSpec",
    "Networks",
    "Pass",
    "Phase",
    "Prior",
    "PriorSpec",
    "TermFunction",
    "UserError",
    "__version__",
    "evaluate",
    "hookimpl",
    "load",
    "setting",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _HEAVY:
        return getattr(import_module(_HEAVY[name]), name)
    raise AttributeError(f"module 'ganzoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
