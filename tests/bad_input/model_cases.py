"""Model folders and checkpoints that are damaged, of another model, or never were one."""

from __future__ import annotations

import json
import shutil
import struct
from typing import TYPE_CHECKING, Any

import torch
from bad_input.case import RUN, Case, Make, change, file, remove
from checkpoint_files import change_state
from safetensors.torch import load, save
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_CONFIG = "model/config.json"
_WEIGHTS = "model/model.safetensors"
_CHECKPOINT = "checkpoints/step-000002"
_SAMPLE = "sample run"
_RESUME = "run --resume run --steps 3"
_BIAS = "generator.layers.0.bias"


def json_file(name: str, edit: Callable[[Any], Any]) -> Make:
    """Change what a JSON file of the trained run says."""

    def edited(content: bytes) -> bytes:
        document = json.loads(content)
        given = edit(document)
        return json.dumps(document if given is None else given).encode()

    return change(name, edited)


def put(*keys: str, to: Any) -> Callable[[Any], None]:
    def edit(document: Any) -> None:
        *parents, last = keys
        for key in parents:
            document = document[key]
        document[last] = to

    return edit


def without(key: str) -> Callable[[Any], None]:
    def edit(document: Any) -> None:
        del document[key]

    return edit


def _weights(edit: Callable[[dict[str, Tensor]], Mapping[str, Tensor]]) -> Make:
    return change(_WEIGHTS, lambda content: save({**edit(load(content))}))


def _header(header: bytes, length: int | None = None) -> Make:
    size = struct.pack("<Q", len(header) if length is None else length)
    return change(_WEIGHTS, lambda _: size + header)


def _flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def _config(name: str, edit: Callable[[Any], Any], says: str) -> Case:
    return Case(name, _SAMPLE, says, json_file(_CONFIG, edit), trained=True)


def _model(name: str, make: Make, says: str) -> Case:
    return Case(name, _SAMPLE, says, make, trained=True)


def _other_networks(here: Path) -> None:
    """A whole checkpoint, but of a model without q."""
    change_state(here / RUN / _CHECKPOINT, "state.pt", lambda state: state["networks"].pop("q"))


def _no_model(here: Path) -> None:
    shutil.rmtree(here / RUN / "model")


CASES = [
    _model("a run without a model", _no_model, "holds no exported model"),
    _model("a model without a config", remove(_CONFIG), "holds no exported model"),
    _model("a model without weights", remove(_WEIGHTS), "model.safetensors cannot be read"),
    _model("a config of nothing", change(_CONFIG, lambda _: b""), "config.json is no model's"),
    _model("a config of prose", change(_CONFIG, lambda _: b"hello"), "config.json is no model's"),
    _model("a config of bytes", change(_CONFIG, lambda _: b"\xff\xfe"), "config.json is no model"),
    _model("a config that breaks off", change(_CONFIG, lambda c: c[:99]), "config.json is no"),
    _model("a deep config", change(_CONFIG, lambda _: b"[" * 99_999), "config.json is no model's"),
    _config("a list for a config", lambda _: [1, 2], "config.json is no model's config"),
    _config("null for a config", lambda _: "null", "config.json is no model's config"),
    _config("a config without a layout", without("schema"), "schema: Field required"),
    _config("a config of a later layout", put("schema", to=99), "another version of ganzoo"),
    _config("a config without settings", without("settings"), "settings: Field required"),
    _config("a list of settings", put("settings", to=[]), "settings: Input should be"),
    _config("a config without data", without("data"), "data: Field required"),
    _config("a word for a step", put("step", to="two"), "step: Input should be"),
    _config("a number for averages", put("averaged", to=3), "averaged: Input should be"),
    _config("a number for a data set", put("data", "name", to=3), "data.name: Input should"),
    _config("two sides of an image", put("data", "image_shape", to=[1, 28]), "data.image_shape"),
    _config("words for sides", put("data", "image_shape", to=["a"] * 3), "data.image_shape"),
    _config("sides of 0", put("data", "image_shape", to=[1, 0, 0]), "no pixels"),
    _config("images of another size", put("data", "image_shape", to=[1, 32, 32]), "does not fit"),
    _config("images beyond memory", put("data", "image_shape", to=[1, 2**30, 2**30]), "memory"),
    _config("classes of numbers", put("data", "classes", to=[1]), "data.classes"),
    _config("an unknown model", put("settings", "model", "name", to="acme"), "called 'acme'"),
    _config("an unknown prior", put("settings", "prior", "name", to="acme"), "called 'acme'"),
    _config("an unknown loss", put("settings", "loss", "acme", to={"weight": 1}), "called 'acme'"),
    _config("an unknown setting", put("settings", "model", "widht", to=3), "model.widht"),
    _config("wider networks", put("settings", "model", "generator_dense", to=[9]), _BIAS[:9]),
    _config(
        "networks beyond memory",
        put("settings", "model", "generator_dense", to=[10**11]),
        "does not fit the network 'generator'",
    ),
    _config(
        "categories beyond memory",
        put("settings", "prior", "codes", "digit", to="categorical(99999999999)"),
        "does not fit the network",
    ),
    _model("weights of nothing", change(_WEIGHTS, lambda _: b""), "model.safetensors cannot be"),
    _model("weights of prose", change(_WEIGHTS, lambda _: b"hello"), "model.safetensors cannot"),
    _model("a flipped bit of a weight", change(_WEIGHTS, _flipped), "is not the file that config"),
    _config("a digest of other weights", put("sha256", to="0" * 64), "is not the file that config"),
    _config("a config without a digest", without("sha256"), "sha256: Field required"),
    _model("weights that break off", change(_WEIGHTS, lambda c: c[:-9]), "model.safetensors cann"),
    _model("a header beyond memory", _header(b"{}", 2**62), "model.safetensors cannot be read"),
    _model("a header of lists", _header(b"[1, 2]"), "model.safetensors cannot be read"),
    _model("no tensor at all", _header(b"{}"), "the file lacks generator."),
    _model("a tensor more", _weights(lambda all_: all_ | {"x.y": torch.zeros(1)}), "'x.y'"),
    _model(
        "a tensor more of a network",
        _weights(lambda all_: all_ | {"generator.y": torch.zeros(1)}),
        "it has no generator.y",
    ),
    _model(
        "a tensor less",
        _weights(lambda all_: {key: all_[key] for key in all_ if key != _BIAS}),
        f"the file lacks {_BIAS}",
    ),
    _model(
        "a tensor of another shape",
        _weights(lambda all_: all_ | {_BIAS: torch.zeros(5)}),
        f"{_BIAS} is (5,) in the file and (8,) by the settings",
    ),
    _model(
        "whole numbers for weights",
        _weights(lambda all_: all_ | {_BIAS: torch.zeros(8, dtype=torch.int64)}),
        f"{_BIAS} is torch.int64, not torch.float32",
    ),
    Case("a pickle for a model", "sample m", "holds no exported model", file("m/state.pt", b"x")),
]
CASES += [
    Case(
        "a checkpoint of another model",
        _RESUME,
        "is a checkpoint of another model",
        _other_networks,
        trained=True,
        begins=True,
    ),
    Case(
        "a run of settings that break off",
        _RESUME,
        "settings.toml",
        change("settings.toml", lambda content: content[:40]),
        trained=True,
    ),
    Case(
        "a run of no settings", _RESUME, "no settings.toml", remove("settings.toml"), trained=True
    ),
]
