"""Data that cannot be shipped says where it comes from, and what to take without it."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from ganzoo.cli import cli

# All tests of one process share what accelerate has been started with.
DRY = ["--dry-run", "--set", "train.precision=fp32"]


@pytest.mark.parametrize(
    ("preset", "source", "instead"),
    [("faces", "dc-ign", "heads3d"), ("chairs", "rendered_chairs.tar", "chairs3d")],
)
@pytest.mark.parametrize("model", ["infogan", "dcgan"])
def test_the_papers_renderings_say_where_they_come_from(
    model: str, preset: str, source: str, instead: str
) -> None:
    result = CliRunner().invoke(cli, ["run", model, "--preset", preset, *DRY])
    assert result.exit_code == 2
    assert "not on the Hub" in result.output
    assert source in result.output
    assert f"--data {instead}" in result.output


@pytest.mark.parametrize(
    ("preset", "data", "shape"),
    [
        ("faces", "heads3d", "32x32"),
        ("chairs", "chairs3d", "64x64"),
        ("svhn", "housenumbers", "32x32"),
    ],
)
def test_the_stand_ins_fit_the_papers_networks(preset: str, data: str, shape: str) -> None:
    result = CliRunner().invoke(cli, ["run", "infogan", "--preset", preset, "--data", data, *DRY])
    assert result.exit_code == 0, result.output
    assert data in result.output
    assert shape in result.output
    assert f"preset {preset}" in result.output
