"""Probes of what is installed: Python, torch with torchvision, and what is optional."""

from __future__ import annotations

import platform
import sys
from importlib import metadata
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.version import Version

from ganzoo.plugins import CONTAINED, one_line
from ganzoo_workbench.doctor.findings import at_home, note, ok, problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo_workbench.doctor.findings import Finding

EXTRAS = (
    "gradio",
    "tensorboard",
    "trackio",
    "wandb",
    "torch-fidelity",
    "playwright",
    "submitit",
)
"""Distributions that some commands and settings ask for, and none needs to train."""

_REINSTALL = (
    "Install both together, from one place: pip install --force-reinstall torch torchvision"
)


def python() -> Iterator[Finding]:
    """The interpreter, the system, and the program itself."""
    where = at_home(sys.executable)
    yield ok("python", f"{platform.python_version()}, {where}")
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    if sys.platform in ("linux", "darwin"):
        yield ok("system", system)
    else:
        yield note("system", system, "ganzoo is tested on Linux and macOS only.")
    yield ok("ganzoo", f"{_version('torch-ganzoo') or 'not installed, run from its source'}")


def torch_pair() -> Iterator[Finding]:
    """Whether torch and torchvision are there and fit each other."""
    try:
        import torch
    except CONTAINED as error:
        yield problem("torch", f"cannot be imported: {one_line(error)}", _REINSTALL)
        return
    builds = {"CUDA": torch.version.cuda, "ROCm": torch.version.hip}
    built_for = [f"{name} {version}" for name, version in builds.items() if version]
    yield ok("torch", f"{torch.__version__}, built for {' and '.join(['CPU', *built_for])}")
    yield from _torchvision()


def _torchvision() -> Iterator[Finding]:
    torch, own = _version("torch"), _version("torchvision")
    if torch is None or own is None:
        missing = "torch" if torch is None else "torchvision"
        yield problem("torchvision", f"{missing} is no installed distribution", _REINSTALL)
        return
    unlike = _unlike(torch, own)
    if unlike:
        yield problem("torchvision", f"{own} does not fit torch {torch}: {unlike}", _REINSTALL)
    else:
        yield ok("torchvision", f"{own}, made for this torch")


def _unlike(torch: str, torchvision: str) -> str:
    """What keeps the two from working together; empty if nothing does."""
    for line in metadata.requires("torchvision") or ():
        wanted = Requirement(line)
        if wanted.name == "torch" and not wanted.specifier.contains(torch, prereleases=True):
            return f"it needs torch{wanted.specifier}"
    builds = [Version(text).local for text in (torch, torchvision)]
    if None not in builds and builds[0] != builds[1]:
        return f"one is built for {builds[0]}, the other for {builds[1]}"
    try:
        suppress_overlaps()
    except CONTAINED as error:
        return one_line(error)
    return ""


def suppress_overlaps() -> None:
    """Call an operator that torchvision has compiled; it is missing where the two do not fit."""
    import torch
    from torchvision.ops import nms

    nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([1.0]), 0.5)


def extras() -> Iterator[Finding]:
    """What is optional: there, or not."""
    versions = {name: _version(name) for name in EXTRAS}
    there = [f"{name} {version}" for name, version in versions.items() if version]
    absent = [name for name, version in versions.items() if not version]
    yield ok("present", ", ".join(there) or "none")
    if absent:
        yield ok("absent", f"{', '.join(absent)}; none is needed to train")


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
