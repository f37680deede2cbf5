"""MNIST as it lies in the package."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files

import datasets
import pytest
import torch

from ganzoo.data import decode, open_source
from ganzoo.plugins import Plugin, Plugins
from ganzoo.registry import Registry
from ganzoo.schema import DataSettings
from ganzoo_bundled import plugin
from ganzoo_bundled.parquet import mnist

TRAIN = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.fixture
def registry(tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path))
    found = Plugins()
    found.admit(Plugin(name="bundled", distribution="torch-ganzoo"), lambda: plugin)
    return Registry(found)


@pytest.mark.parametrize(("split", "counts"), [("train", TRAIN), ("test", TEST)])
def test_each_class_has_the_known_number_of_images(split, counts):
    table = mnist(split)
    assert isinstance(table.features["image"], datasets.Image)
    labels = torch.tensor(table["label"][:])
    assert labels.bincount().tolist() == counts


def test_test_images_decode_to_the_known_pixels(registry):
    settings = DataSettings(name="mnist")
    source = open_source(settings, registry, "test")
    assert source.native_shape().uniform == (1, 28, 28)
    images = decode(source, settings)
    assert images.images.shape == (10_000, 1, 28, 28)
    assert images.labels.bincount().tolist() == TEST
    assert images.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert images.classes == tuple("0123456789")
    assert images.notes == ()
    mean = images.images.float().mean().item() / 255
    assert mean == pytest.approx(0.1325, abs=5e-5)


def test_the_fingerprint_is_that_of_the_content():
    assert mnist("test")._fingerprint == mnist("test")._fingerprint == "0d90626e46ecaed0"


def test_the_licence_lies_beside_the_data_and_names_authors_and_terms():
    text = (files("ganzoo_bundled.mnist") / "LICENSE").read_text(encoding="utf-8")
    for words in (
        "CC BY-SA 3.0",
        "creativecommons.org/licenses/by-sa/3.0",
        "Yann LeCun",
        "share-alike",
    ):
        assert words in text
    licences = {spec.name: spec.licence for spec in plugin.ganzoo_datasets()}
    assert licences["mnist"] in text
    assert licences["housenumbers"] == licences["mnist"]  # made of the same digits


def test_every_data_set_opens_by_its_name_in_each_of_its_splits(registry):
    here = [spec for spec in plugin.ganzoo_datasets() if spec.splits]
    assert len(here) == 6
    for spec in here:
        for split in spec.splits:
            settings = DataSettings(name=spec.name)
            source = open_source(settings, registry, split)
            assert source.native_shape().uniform is not None
            assert f"{len(source):,}" in spec.summary, spec.name


def test_the_plugin_is_found_without_torch_or_datasets():
    code = (
        "import sys, ganzoo_bundled.plugin as p; list(p.ganzoo_datasets())\n"
        "heavy = {'torch', 'numpy', 'datasets', 'pyarrow'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
