"""What has to be installed for a part of ganzoo is told in words that pip takes."""

from __future__ import annotations

from ganzoo.requirements import installing


def test_an_extra_is_told_package_by_package() -> None:
    assert installing("slurm") == "pip install 'submitit>=1.5'"
    assert installing("tensorboard") == "pip install 'accelerate>=1.8' 'tensorboard>=2.15'"
