"""``ganzoo new-plugin``: a small package that is whole from the first minute."""

from __future__ import annotations

import re
import shlex
from importlib.resources import as_file, files
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

import ganzoo
from ganzoo.errors import UserError
from ganzoo.files import told_unwritable

if TYPE_CHECKING:
    from ganzoo.registry import Registry

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PREFIX = "ganzoo-"
_CLASSES = {"Iterable", "Mapping", "Tensor"}
"""Names in the template that are not ganzoo's."""


@click.command("new-plugin", short_help="Write a complete small package for an idea.")
@click.argument("name")
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder to write; ganzoo-NAME here if left out. It must not be there yet.",
)
@click.pass_obj
def new_plugin_command(registry: Registry, *, name: str, out: Path | None) -> None:
    """Write a package with a loss, a model on top of DCGAN, a preset and tests.

    NAME is the idea in lower case, with hyphens between words: the package is called ganzoo-NAME.
    Its tests run the contract that `ganzoo check` runs.
    """
    idea = name.removeprefix(_PREFIX)
    if not _NAME.fullmatch(idea):
        raise UserError(
            f"{name!r} cannot be the name of a plugin",
            hint="Take lower-case words with hyphens between them, such as smooth-images.",
        )
    if taken := _taken(idea, registry):
        raise UserError(f"{name!r} cannot be the name of a plugin: {taken}", hint="Take another.")
    folder = out or Path(_PREFIX + idea)
    if folder.exists():
        raise UserError(f"{folder} is there already", hint="Name another folder with --out.")
    written = write_package(idea, folder)
    click.echo(f"{folder} holds a package that works: {len(written)} files. Try it:")
    click.echo(f"  cd {shlex.quote(str(folder))}")
    click.echo("  pip install -e '.[test]' && pytest")
    click.echo(f"  ganzoo run {idea} --steps 500")
    click.echo(f"  ganzoo run infogan --set loss.{idea}.weight=0.1")
    click.echo(
        f"Then change {_module(idea)}/losses.py and model.py, and leave out what you do not need."
    )


def write_package(idea: str, folder: Path) -> list[Path]:
    """Write the package of an idea; gives the files. Raises UserError if the disk does not let."""
    # The template is about a "seedling", a word that means nothing else in it.
    names = {
        "ganzoo_seedling": _module(idea),
        "test_seedling": f"test_{_snake(idea)}",
        "Seedling": _class(idea),
        "seedling": idea,
    }

    def renamed(text: str) -> str:
        for old, new in names.items():
            text = text.replace(old, new)
        return text

    written = []
    with told_unwritable(folder), as_file(files("ganzoo") / "template") as template:
        for source in sorted(template.rglob("*")):
            if source.is_dir() or "__pycache__" in source.parts:
                continue
            place = renamed(str(source.relative_to(template)))
            # A name with a dot at its start would be left out of a built package.
            target = folder / (".gitignore" if place == "gitignore" else place)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(renamed(source.read_text()))
            written.append(target)
    return written


def _taken(idea: str, registry: Registry) -> str | None:
    """What has a name of the package already; the package would replace it, or be mixed up."""
    kinds: tuple[Literal["model", "loss"], ...] = ("model", "loss")
    for kind in kinds:
        for offer in registry.matching(kind, idea):
            return f"{offer.origin} has a {kind} of that name"
    if idea == "contract" or "seedling" in idea:
        return "the template of packages needs that word for itself"
    if find_spec(_module(idea)) is not None:
        return f"there is a module {_module(idea)!r}"
    if iskeyword(_class(idea)) or _class(idea) in _CLASSES or hasattr(ganzoo, _class(idea)):
        return f"its classes would be called {_class(idea)!r}, as another is"
    return None


def _class(idea: str) -> str:
    return "".join(word.capitalize() for word in idea.split("-"))


def _snake(idea: str) -> str:
    return idea.replace("-", "_")


def _module(idea: str) -> str:
    return f"ganzoo_{_snake(idea)}"


COMMANDS = [new_plugin_command]
