"""A trained model, ready for use: what `ganzoo.load` gives to commands, metrics and people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ganzoo.data import (
    FactorSource,
    Images,
    ImageSource,
    MissingSplitError,
    Rendered,
    decode,
    normalise,
    open_source,
    sample,
    told_of_a_run,
)
from ganzoo.data.splits import same_split, share_a_split
from ganzoo.draw import generator_for
from ganzoo.errors import UserError
from ganzoo.export import CONFIG
from ganzoo.exported import build, read_model
from ganzoo.folder import SEE_RUNS
from ganzoo.launch import device_type
from ganzoo.repository import find_model
from ganzoo.requirements import lacking

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ganzoo.data import Data
    from ganzoo.latents import Code, Latents, Prior
    from ganzoo.model import DataInfo, Model
    from ganzoo.registry import Registry
    from ganzoo.schema import DataSettings
    from ganzoo.settings import Settings

CHUNK = 500
"""Images that a network is given at a time."""


@dataclass(frozen=True)
class Split:
    """One split of the model's data, decoded; large ones are never in memory as a whole.

    ``name`` is ``train`` or ``test``, with the split's own name behind it where that is another:
    ``train (validation)``. Of a split that is streamed it is the first 10,000 images in a shuffled
    order, and ``name`` says so.
    """

    name: str
    data: Data

    def __len__(self) -> int:
        return len(self.data)

    def images(self, indices: Tensor) -> Tensor:
        """The images ``indices`` (n,), uint8 (n, C, H, W)."""
        return self.data.gather(indices)["image"]

    def labels(self, indices: Tensor) -> Tensor | None:
        """Their labels, int64 (n,), -1 where one is missing; None if the data has none."""
        if isinstance(self.data, Images):
            return None if self.data.labels is None else self.data.labels[indices]
        return self.data.gather(indices).get("label")

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names of the labels, if there are any."""
        return self.data.classes

    @property
    def factors(self) -> FactorSource | None:
        """The source of the images, if it knows their factors."""
        if isinstance(self.data, Rendered) and isinstance(self.data.source, FactorSource):
            return self.data.source
        return None


class Loaded:
    """A trained model with its networks in eval mode. Nothing here needs gradients.

    ``model``, ``prior``, ``settings`` and ``data`` are what it was built from. ``nets`` holds the
    networks by name, to be called for what no method does (to translate images, say).
    """

    def __init__(
        self,
        model: Model,
        nets: Mapping[str, nn.Module],
        prior: Prior | None,
        settings: Settings,
        registry: Registry,
        *,
        step: int,
        ema: bool,
        data: DataInfo,
        device: torch.device,
        folder: Path | None = None,
        sha256: str | None = None,
    ) -> None:
        self.model, self.nets, self.prior = model, nets, prior
        self.settings, self.registry = settings, registry
        self.step, self.ema, self.data, self.device = step, ema, data, device
        self.folder = folder
        """What it was loaded from."""
        self.sha256 = sha256
        """Digest of the file of its weights, in hexadecimal; None if it was not loaded from one."""
        self._splits: dict[tuple[str, str | None], Split | None] = {}
        for net in nets.values():
            net.eval()

    @property
    def data_name(self) -> str:
        """Name of the data set that the model was trained on."""
        return self.data.name

    def draw(self, n: int, seed: int) -> Latents:
        """``n`` latents that depend on ``seed``, ``n`` and the kind of device alone."""
        if self.prior is None:
            raise UserError(
                "this model has no prior, so there is nothing to draw",
                hint="Call its networks yourself: ganzoo.load(RUN).nets has them by name.",
            )
        return self.prior.sample(
            n, generator=generator_for(self.device, seed, "sample"), device=self.device
        )

    @torch.no_grad()
    def generate(self, latents: Latents, seed: int = 0) -> Tensor:
        """Images (n, C, H, W) in the model's range; ``seed`` is for models that draw meanwhile."""
        generator = generator_for(self.device, seed, "generate")
        return _in_chunks(
            lambda rows: self.model.generate(self.nets, latents.rows(rows), generator)["image"],
            len(latents.flat),
        )

    def sample(
        self, n: int = 1, *, codes: Mapping[str, float] | None = None, seed: int = 0
    ) -> Tensor:
        """``n`` images (n, C, H, W) in the model's range, with some ``codes`` set to one value.

        A category is a whole number from 0 on; a continuous code may leave the range that it was
        trained in. Raises UserError for a code that the model has not, for a value that it cannot
        take, and for an ``n`` below 1.
        """
        if n < 1:
            raise UserError(f"n should be 1 or more images, not {n}")
        values = {
            name: self.code_value(name, _text(value)) for name, value in (codes or {}).items()
        }
        return self.generate(self.with_codes(self.draw(n, seed), values), seed)

    @torch.no_grad()
    def encode(self, images: Tensor) -> dict[str, Tensor] | None:
        """Codes by name, from images (n, C, H, W) in the model's range; None if it reads none.

        Raises UserError for images of another shape, or bytes.
        """
        shape = self.data.image_shape
        if images.dim() != len(shape) + 1 or tuple(images.shape[1:]) != shape or not len(images):
            wanted = ", ".join(map(str, ("n", *shape)))
            raise UserError(f"encode() takes images ({wanted}), not {tuple(images.shape)}")
        if not images.is_floating_point():
            raise UserError(
                "encode() takes images as floats in the model's range",
                hint="Turn bytes into them with: model.normalise(images)",
            )
        parts: list[dict[str, Tensor]] = []
        for chunk in torch.split(images, CHUNK):
            codes = self.model.encode(self.nets, {"image": chunk.to(self.device)})
            if codes is None:
                return None
            parts.append(codes)
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 images as floats in the model's range."""
        return normalise({"image": images}, self.model.image_range)["image"]

    def split(self, name: str, source: str | None = None) -> Split | None:
        """The decoded ``train`` or ``test`` split of the model's data; None if it has none.

        Images that the model was trained on are no test images: there are none either where
        ``data.split`` and ``data.test_split`` share a split. ``source`` names a further source of
        images, ``[data.NAME]``.
        """
        if (name, source) not in self._splits:
            settings = self.settings.data if source is None else self.settings.further[source]
            with told_of_a_run():
                self._splits[name, source] = self._open(name, settings)
        return self._splits[name, source]

    def _open(self, name: str, settings: DataSettings) -> Split | None:
        if name == "train":
            source = open_source(settings, self.registry, settings.split)
        else:
            try:
                source = open_source(settings, self.registry, settings.test_split)
            except MissingSplitError:
                return None
            if share_a_split(source.split, settings.split):
                return None
        if not same_split(name, source.split):
            name = f"{name} ({source.split})"
        if not settings.stream or isinstance(source.content, ImageSource):
            return Split(name, decode(source, settings))
        images, whole = sample(source, settings)
        return Split(name if whole else f"{name}, {len(images):,} of a stream", images)

    def check_code(self, name: str) -> Code:
        """The code of that name, or a UserError that names those there are."""
        codes = self.prior.codes if self.prior is not None else {}
        if name not in codes:
            has = f"this model has {', '.join(codes)}" if codes else "this model has no codes"
            raise UserError(f"there is no code {name!r}: {has}")
        return codes[name]

    def code_value(self, name: str, text: str) -> float:
        """The value of ``--code name=text``, or a UserError that says what may be written."""
        try:
            return self.check_code(name).parse(text)
        except ValueError as error:
            raise UserError(f"code {name} {error}") from None

    def with_codes(self, latents: Latents, values: Mapping[str, float]) -> Latents:
        """The same latents with some codes set to one value in every row."""
        for name, value in values.items():
            assert self.prior is not None, "only a prior has codes"
            filled = torch.full((len(latents.flat),), value, device=self.device)
            latents = self.prior.replace(latents, name, filled)
        return latents


def load(
    run_or_repo: Path | str | None = None,
    registry: Registry | None = None,
    device: torch.device | None = None,
    *,
    plugins: Sequence[str | Path] = (),
) -> Loaded:
    """Load an exported model folder, or the one in a run. Runs no code but installed plugins'.

    Left out, it is the newest run below ``runs/``. A str that no folder has for a name may be a
    model of the Hugging Face Hub, ``OWNER/NAME`` or ``OWNER/NAME@REVISION``; it is fetched once,
    and then found in the cache.

    Without a ``registry`` the installed plugins are looked up, and ``plugins`` that are one Python
    file each; without a ``device`` the accelerator is taken if there is one. Raises UserError if
    there is no model, it is damaged or of another version, or it needs plugins that are not here.
    """
    from ganzoo.discovery import discover
    from ganzoo.registry import Registry
    from ganzoo.settings import from_table

    registry = registry or Registry(discover([Path(file) for file in plugins]))
    device = device or torch.device(device_type())
    place = run_or_repo if isinstance(run_or_repo, Path) else find_model(run_or_repo).folder
    folder = model_folder(place)
    config, weights = read_model(folder)
    try:
        settings = from_table(registry, config.settings, origin=CONFIG)
    except UserError as error:
        raise lacking(config.packages, registry.plugins, folder / CONFIG) or error from error
    assembly = build(settings, config, weights)
    for network in assembly.networks.values():
        network.to(device)
    return Loaded(
        assembly.model,
        assembly.networks,
        assembly.prior,
        settings,
        registry,
        step=config.step,
        ema=bool(config.averaged),
        data=config.data,
        device=device,
        folder=place,
        sha256=config.sha256,
    )


def model_folder(folder: Path) -> Path:
    """The exported model in or at ``folder``."""
    for place in (folder / "model", folder):
        if (place / CONFIG).is_file():
            return place
    if not folder.exists():
        raise UserError(f"{folder} does not exist", hint=SEE_RUNS)
    raise UserError(
        f"{folder} holds no exported model",
        hint="It needs a model/ folder; a run writes it with its first checkpoint.",
    )


def _text(value: float) -> str:
    """A number as ``--code`` has it: a category is written without a point."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _in_chunks(compute: Callable[[slice], Tensor], count: int) -> Tensor:
    return torch.cat([compute(slice(start, start + CHUNK)) for start in range(0, count, CHUNK)])
