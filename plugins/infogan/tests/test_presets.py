"""The presets of the paper's experiments: their networks have the sizes that the tables imply."""

from __future__ import annotations

import itertools

import datasets
import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo import DataInfo
from ganzoo.assembly import Assembly, assemble
from ganzoo.data import decode, open_source
from ganzoo.discovery import discover
from ganzoo.presets import read_preset
from ganzoo.registry import Registry
from ganzoo.settings import Settings, resolve


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry(discover())


def settings_of(registry: Registry, model: str, preset: str) -> Settings:
    return resolve(registry, model, preset=preset)


def assembled(registry: Registry, model: str, preset: str) -> Assembly:
    settings = settings_of(registry, model, preset)
    size, channels = settings.data.size, settings.data.channels
    assert size is not None
    assert channels is not None
    with torch.device("meta"):
        return assemble(settings, DataInfo("none", (channels, size, size)))


# Chen et al. 2016, appendix C; D's and Q's last layers apart, as they are two networks here.
SIZES = {
    "mnist": (6_652_481, 6_558_144 + 1_025, 133_262),
    "svhn": (2_800_835, 659_648 + 4_097, 530_864),
    "celeba": (2_908_355, 659_648 + 4_097, 537_572),
    "faces": (8_684_737, 8_524_224 + 1_025, 11_275 - 1_025),
    "chairs": (19_778_625, 19_536_576 + 1_025, 64_575 - 1_025),
}


@pytest.mark.parametrize("preset", SIZES)
def test_the_networks_have_the_parameters_of_the_papers_tables(registry, preset) -> None:
    counts = assembled(registry, "infogan", preset).parameter_counts()
    assert (counts["generator"], counts["discriminator"], counts["q"]) == SIZES[preset]


@pytest.mark.parametrize("preset", SIZES)
def test_the_baseline_differs_by_its_codes_alone(registry, preset) -> None:
    ours, plain = assembled(registry, "infogan", preset), assembled(registry, "dcgan", preset)
    assert ours.optim == plain.optim
    assert ours.parameter_counts()["discriminator"] == plain.parameter_counts()["discriminator"]
    one, other = ours.networks["generator"], plain.networks["generator"]
    assert [type(layer) for layer in one.layers] == [type(layer) for layer in other.layers]
    with_codes, without = (settings_of(registry, model, preset) for model in ("infogan", "dcgan"))
    assert with_codes.data == without.data
    assert with_codes.prior.config.size == without.prior.config.size


LATENTS = {"mnist": 74, "svhn": 168, "celeba": 228, "faces": 133, "chairs": 189}


@pytest.mark.parametrize("preset", LATENTS)
def test_the_latents_have_the_papers_size(registry, preset) -> None:
    prior = assembled(registry, "infogan", preset).prior
    assert prior is not None
    assert prior.size == LATENTS[preset]


RATES = {
    "mnist": (2e-4, 1e-3, 1, 1, 1),
    "svhn": (2e-4, 1e-3, 1, 1, 1),
    "celeba": (2e-4, 1e-3, 1, 1, 1),
    "faces": (2e-4, 5e-4, 0.2, 1, 1),
    "faces-elevation": (4e-4, 3e-4, 0.1, 1, 1),
    "faces-lighting": (8e-4, 3e-4, 0.1, 1, 1),
    "chairs": (2e-4, 1e-3, 1, 1, 10),
    "chairs-width": (2e-4, 1e-3, 1, 2, 0.05),
}


@pytest.mark.parametrize("preset", RATES)
def test_rates_and_lambdas_are_the_papers(registry, preset) -> None:
    settings = settings_of(registry, "infogan", preset)
    loss = settings.losses["mutual_information"]
    found = (
        settings.optim["critic"].lr,
        settings.optim["generator"].lr,
        loss.weight.weight,
        loss.config.categorical,
        loss.config.continuous,
    )
    assert found == RATES[preset]
    assert settings.optim["critic"].betas == settings.optim["generator"].betas == (0.5, 0.999)


def test_dcgan64_has_the_dcgan_papers_networks(registry) -> None:
    assembly = assembled(registry, "dcgan", "dcgan64")
    generator = assembly.networks["generator"]
    assert generator.layers[0].weight.shape == (4 * 4 * 1024, 100)
    made = generator(torch.empty(2, 100, device="meta"))
    assert made.shape == (2, 3, 64, 64)
    widths = [
        layer.weight.shape[1]
        for layer in generator.layers
        if isinstance(layer, torch.nn.ConvTranspose2d)
    ]
    assert widths == [512, 256, 128, 3]
    layers = list(itertools.pairwise([1024, *widths]))
    weights = sum(4 * 4 * before * after + after for before, after in layers)
    norms = sum(2 * after for after in (4 * 4 * 1024, *widths[:-1]))
    projection = (100 + 1) * 4 * 4 * 1024
    assert assembly.parameter_counts()["generator"] == projection + weights + norms


@pytest.mark.parametrize("model", ["infogan", "dcgan"])
def test_every_preset_is_described_and_resolves(registry, model) -> None:
    offer = registry.find("model", model)
    names = registry.presets(offer)
    assert len(names) >= 6
    for name in names:
        assert read_preset(offer.spec, model, name).summary
        assert settings_of(registry, model, name).preset == name


# The Hub's data sets, by local folders of the same layout


def write_split(folder, name: str, count: int, size: tuple[int, int], **columns) -> None:
    images = np.zeros((count, size[1], size[0], 3), dtype=np.uint8)
    top, left = (size[1] - 128) // 2, (size[0] - 128) // 2
    images[:, max(top, 0) : size[1] - top, max(left, 0) : size[0] - left] = 255
    table = datasets.Dataset.from_dict({"image": [Image.fromarray(i) for i in images], **columns})
    if "label" in columns:
        names = [str(digit) for digit in range(10)]
        table = table.cast_column("label", datasets.ClassLabel(names=names))
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    table.to_parquet(folder / f"{name}-00000-of-00001.parquet")


def write_card(folder, config: str, splits: dict[str, str]) -> None:
    lines = ["---", "configs:", f"- config_name: {config}", "  data_files:"]
    for split, pattern in splits.items():
        lines += [f"  - split: {split}", f'    path: "{pattern}-*"']
    (folder / "README.md").write_text("\n".join([*lines, "---", ""]))


def test_svhn_takes_cropped_digits_and_optionally_the_extra_images(tmp_path, registry) -> None:
    for split, count in (("train", 6), ("test", 4), ("extra", 5)):
        labels = [index % 10 for index in range(count)]
        write_split(tmp_path, f"cropped_digits/{split}", count, (32, 32), label=labels)
    splits = {split: f"cropped_digits/{split}" for split in ("train", "test", "extra")}
    write_card(tmp_path, "cropped_digits", splits)
    data = settings_of(registry, "infogan", "svhn").data
    assert data.name == "ufldl-stanford/svhn"
    here = {**vars(data), "name": str(tmp_path)}
    settings = type(data)(**here)
    images = decode(open_source(settings, registry, "train"), settings)
    assert images.image_shape == (3, 32, 32)
    assert images.classes == tuple("0123456789")
    assert len(images) == 6
    assert len(open_source(settings, registry, "train+extra")) == 11
    assert len(open_source(settings, registry, settings.test_split)) == 4


def test_celeba_is_cropped_to_the_face_and_has_no_labels(tmp_path, registry) -> None:
    config = "img_align+identity+attr"
    for split, count in (("train", 3), ("valid", 2), ("test", 2)):
        columns = {"celeb_id": list(range(count)), "Smiling": [True] * count}
        write_split(tmp_path, f"{config}/{split}", count, (178, 218), **columns)
    write_card(
        tmp_path, config, {split: f"{config}/{split}" for split in ("train", "valid", "test")}
    )
    data = settings_of(registry, "infogan", "celeba").data
    assert (data.name, data.config, data.crop) == ("flwrlabs/celeba", config, 128)
    settings = type(data)(**{**vars(data), "name": str(tmp_path)})
    images = decode(open_source(settings, registry, "train"), settings)
    assert images.image_shape == (3, 32, 32)
    assert images.labels is None
    # White is what lies in the central 128 pixels: with antialiasing, nothing of the rest is left.
    assert images.images.min() == 255
