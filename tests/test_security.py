"""What SECURITY.md promises: strangers' files run no code and lead nowhere, runs tell no secret."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import pickle
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from packaging.requirements import Requirement
from PIL import Image
from safetensors import safe_open

from ganzoo import UserError, previews
from ganzoo.cli import cli
from ganzoo.data import decode, open_source
from ganzoo.data.columns import Rows
from ganzoo.data.convert import Target, UnreadableError, to_array
from ganzoo.data.store import Slot
from ganzoo.discovery import discover
from ganzoo.files import plain_name, whole_file
from ganzoo.folder import new_names
from ganzoo.layers import Assignment
from ganzoo.places import USER, local, portable
from ganzoo.plan import Request
from ganzoo.plugins import Plugins
from ganzoo.registry import Registry
from ganzoo.schema import DataSettings
from ganzoo.task import execute, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

    from ganzoo.pictures import Traversal

ROOT = Path(__file__).parents[1]
SMALL = {
    "model.generator_dense": [16],
    "model.generator_channels": [8, 4],
    "model.discriminator_channels": [4, 8],
    "model.discriminator_dense": [16],
    "data.limit": 64,
    "train.batch_size": 8,
    "train.precision": "fp32",
    "train.report_every": 1,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is not to be changed."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    registry = Registry(discover())
    settings = [Assignment(key, str(value), "a test") for key, value in SMALL.items()]
    steps = Assignment("train.steps", "1", "a test")
    execute(prepare(registry, Request("infogan", assignments=[*settings, steps]), folder))
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of a stranger, in the working folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, tmp_path / "run", symlinks=True)
    return Path("run")


class Bomb:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """What is there if a bomb went off."""
    trace = tmp_path / "went-off"
    pickle.loads(pickle.dumps(Bomb(trace)))
    assert trace.exists(), "the bomb works"
    trace.unlink()
    return trace


def command(*arguments: str) -> Result:
    result = CliRunner().invoke(cli, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result


def images_of(name: Path | str, **settings: Any) -> Any:
    wanted = DataSettings(name=str(name), **settings)
    return decode(open_source(wanted, Registry(Plugins()), "train"), wanted)


# No code from files


DANGEROUS_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml"}
DANGEROUS_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen"}
DANGEROUS_METHODS = {"extractall", "unpack_archive"}
NUMPY = {"np.load", "numpy.load", "np.save", "np.lib.format.read_array"}
ONLY_FALSE = "^shell$|^allow_pickle$|trust_remote_code"
"""Options that may be given as False alone."""


def dangers(source: str) -> Iterator[str]:
    """What could run code that comes with data, in a piece of Python."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
            )
            yield from (f"import {name}" for name in modules if name in DANGEROUS_MODULES)
        if isinstance(node, ast.keyword) and re.search(ONLY_FALSE, node.arg or "", re.IGNORECASE):
            yield from () if is_false(node.value) else (f"{node.arg}=",)
        if isinstance(node, ast.Call):
            yield from dangerous_call(node)


def dangerous_call(call: ast.Call) -> Iterator[str]:
    said = ast.unparse(call.func)
    constants = {
        keyword.arg: keyword.value.value
        for keyword in call.keywords
        if isinstance(keyword.value, ast.Constant)
    }
    if said in DANGEROUS_CALLS or said.rpartition(".")[2] in DANGEROUS_METHODS:
        yield f"{said}()"
    if said == "torch.load" and constants.get("weights_only") is not True:
        yield "torch.load() without weights_only=True"
    if said in NUMPY and constants.get("allow_pickle") is not False:
        yield f"{said}() without allow_pickle=False"


def is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from yaml import safe_load",
        "eval('1')",
        "os.system('ls')",
        "subprocess.run('ls', shell=True)",
        "torch.load(file)",
        "torch.load(file, weights_only=False)",
        "torch.load(file, weights_only=safe)",
        "np.load(file)",
        "np.load(file, allow_pickle=True)",
        "load_dataset(name, trust_remote_code=True)",
        "archive.extractall()",
    ],
)
def test_the_search_for_dangers_finds(source: str) -> None:
    assert list(dangers(source))


@pytest.mark.parametrize(
    "source",
    [
        "torch.load(file, weights_only=True)",
        "np.load(file, allow_pickle=False)",
        "network.eval()",
        "re.compile('x')",
        "subprocess.run(['ls'])",
    ],
)
def test_the_search_for_dangers_lets_pass(source: str) -> None:
    assert not list(dangers(source))


def test_the_source_holds_nothing_that_runs_code_from_data() -> None:
    sources = [
        path
        for folder in ("ganzoo", "plugins", "examples")
        for path in (ROOT / folder).rglob("*.py")
        if "tests" not in path.parts
    ]
    assert len(sources) > 100
    found = {path: list(dangers(path.read_text())) for path in sources}
    assert not {path: dangerous for path, dangerous in found.items() if dangerous}


def test_the_oldest_torch_that_is_taken_is_safe_with_weights_only() -> None:
    """Before 2.6, ``weights_only=True`` could be made to run code (CVE-2025-32434)."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [torch_] = [each for each in map(Requirement, project["dependencies"]) if each.name == "torch"]
    assert not torch_.specifier.contains("2.5.1")


def test_a_hostile_checkpoint_is_refused_and_not_run(run: Path, trace: Path) -> None:
    [checkpoint] = run.glob("checkpoints/step-*")
    file = checkpoint / "state.pt"
    torch.save({"networks": Bomb(trace)}, file)
    manifest = json.loads((checkpoint / "manifest.json").read_text())
    manifest["sha256"]["state.pt"] = hashlib.sha256(file.read_bytes()).hexdigest()
    (checkpoint / "manifest.json").write_text(json.dumps(manifest))
    result = command("run", "--resume", str(run), "--steps", "2")
    assert result.exit_code == 2
    assert "state.pt is refused" in result.stderr
    assert not trace.exists()


@pytest.mark.parametrize("hostile", [pickle.dumps, torch.save])
def test_a_model_is_never_unpickled(run: Path, trace: Path, hostile: Any) -> None:
    weights = run / "model/model.safetensors"
    if hostile is pickle.dumps:
        weights.write_bytes(pickle.dumps(Bomb(trace)))
    else:
        torch.save(Bomb(trace), weights)
    result = command("sample", str(run))
    assert result.exit_code == 2
    assert "model.safetensors" in result.stderr
    assert not trace.exists()


@pytest.mark.parametrize("name", ["os:system", "subprocess:run", "builtins:eval"])
def test_a_model_names_offers_of_plugins_and_nothing_else(run: Path, name: str) -> None:
    config = json.loads((run / "model/config.json").read_text())
    config["settings"]["model"]["name"] = name
    (run / "model/config.json").write_text(json.dumps(config))
    result = command("sample", str(run))
    assert result.exit_code == 2
    assert name in result.stderr


def test_a_hostile_entry_of_the_cache_is_not_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trace: Path
) -> None:
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path))
    slot = Slot("key", (1, 2, 2))
    slot.path.parent.mkdir()
    with slot.path.open("wb") as file:
        np.save(file, np.zeros((1, 1, 2, 2), np.uint8))
        np.save(file, np.array([Bomb(trace)], dtype=object))
        file.write(b'{"count": 1, "skipped": 0, "broken": [], "remarks": {}}')
    assert slot.load() is None
    assert not trace.exists()


def test_a_script_of_a_data_set_is_refused_in_a_clear_line(tmp_path: Path, trace: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "photos.py").write_text(f"open({str(trace)!r}, 'w')\nraise SystemExit\n")
    datasets.Dataset.from_dict({"x": [1]}).to_parquet(folder / "train.parquet")
    with pytest.raises(
        UserError, match=r"cannot read .*scripts are no longer supported.*photos\.py"
    ):
        images_of(folder)
    with pytest.raises(UserError, match="is not a kind of data that can be read"):
        images_of(folder / "photos.py")
    assert not trace.exists()


@pytest.mark.parametrize("suffix", ["pyd", "pickle", "pkl", "pth", "npy"])
def test_members_of_an_archive_are_not_unpickled(tmp_path: Path, trace: Path, suffix: str) -> None:
    members = {"png": png(7), suffix: pickle.dumps(Bomb(trace))}
    if suffix in {"pth", "npy"}:
        stream = io.BytesIO()
        save = torch.save if suffix == "pth" else lambda thing, to: np.save(to, [thing])
        save(Bomb(trace), stream)
        members[suffix] = stream.getvalue()
    pack(tmp_path / "shard.tar", {f"0.{name}": content for name, content in members.items()})
    if suffix in {"pth", "npy"}:
        with pytest.raises(UserError, match="cannot read"):
            images_of(tmp_path / "shard.tar")
    else:  # left as bytes that nobody looks at
        assert images_of(tmp_path / "shard.tar").images.unique().tolist() == [7]
    assert not trace.exists()


def test_the_command_runs_nothing_that_lies_in_the_working_folder(
    tmp_path: Path, trace: Path
) -> None:
    """A folder that was unpacked may hold modules, and a distribution with an entry point."""
    mine = f"open({str(trace)!r}, 'w')\n"
    for module in ("torch", "numpy", "evil", "sitecustomize"):
        (tmp_path / f"{module}.py").write_text(mine)
    info = tmp_path / "evil-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[ganzoo.plugins]\nevil = evil\n")
    program = Path(sys.executable).with_name("ganzoo")
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    finished = subprocess.run(
        [program, "plugins", "--json"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert {plugin["distribution"] for plugin in json.loads(finished.stdout)} == {"torch-ganzoo"}
    assert not trace.exists()


# No way out of a folder


def png(value: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((8, 8), value, np.uint8)).save(stream, format="PNG")
    return stream.getvalue()


def pack(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """An image outside of the data."""
    path = tmp_path / "private" / "secret.png"
    path.parent.mkdir()
    path.write_bytes(png(99))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folder of a stranger's data."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "own.png").write_bytes(png(1))
    return folder


def names_of(secret: Path) -> list[str]:
    """How a table may try to name a file outside."""
    return [
        str(secret),
        "../private/secret.png",
        "sub/../../private/secret.png",
        f"zip://x::{secret}",
        f"simplecache::file://{secret}",
        f"file://{secret}",
        "a\0b",
    ]


def test_a_table_of_paths_reads_no_file_outside_of_its_folder(data: Path, secret: Path) -> None:
    lines = ["file", "own.png", *names_of(secret)[:-1]]
    (data / "list.csv").write_text("\n".join(lines) + "\n")
    images = images_of(data / "list.csv", image_column="file", broken_share=0.9)
    assert images.images.unique().tolist() == [1]
    assert images.skipped == len(names_of(secret)) - 1
    assert "it names a file outside of the data" in images.notes[0]


@pytest.mark.parametrize("kind", ["parquet", "saved"])
def test_a_table_of_images_reads_no_file_outside_of_its_folder(
    data: Path, secret: Path, kind: str
) -> None:
    rows = [
        {"bytes": png(1), "path": None},
        *({"bytes": None, "path": name} for name in names_of(secret)),
    ]
    feature = {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}
    features = datasets.Features({"image": feature})
    table = datasets.Dataset.from_dict({"image": rows}, features=features)
    if kind == "parquet":
        table.to_parquet(data / "rows.parquet")
    else:
        table.save_to_disk(data / "saved")
    place = data / ("rows.parquet" if kind == "parquet" else "saved")
    images = images_of(place, broken_share=0.95)
    assert images.images.unique().tolist() == [1]
    assert images.skipped == len(names_of(secret))


def test_a_table_of_images_reads_files_and_archives_of_its_own(data: Path) -> None:
    """As `datasets` names what it has fetched from the Hub."""
    with zipfile.ZipFile(data / "packed.zip", "w") as archive:
        archive.writestr("inner/packed.png", png(2))
    paths = [str(data / "own.png"), f"zip://inner/packed.png::{data / 'packed.zip'}"]
    table = datasets.Dataset.from_dict(
        {"image": [{"bytes": None, "path": path} for path in paths]},
        features=datasets.Features({"image": datasets.Image()}),
    )
    rows = Rows(table, "image", folders=(data,))
    target = Target(8, 1, None)
    assert [to_array(row.content, target)[0].max() for row in rows.take([0, 1])] == [1, 2]
    elsewhere = Rows(table, "image", folders=(data / "sub",))
    assert all(isinstance(row.content, UnreadableError) for row in elsewhere.take([0, 1]))


@pytest.mark.parametrize("name", ["../../outside.png", "/outside.png", "a\0.png"])
def test_names_in_an_archive_lead_nowhere(tmp_path: Path, name: str) -> None:
    before = set(Path("/").iterdir())
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    pack(folder / "shard.tar", {"own.png": png(1), name: png(2)})
    assert set(images_of(folder / "shard.tar").images.unique().tolist()) <= {1, 2}
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]
    assert [path.name for path in folder.iterdir()] == ["shard.tar"]
    assert set(Path("/").iterdir()) == before


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a\0b", "..", ".hidden", "", "a" * 999])
def test_any_text_becomes_a_plain_name(name: str, tmp_path: Path) -> None:
    plain = plain_name(name)
    assert (tmp_path / f"x-{plain}.png").parent == tmp_path
    assert not plain.startswith(".")
    assert "\0" not in plain
    assert len(plain) <= 100
    assert plain_name("infogan-mnist-0") == "infogan-mnist-0"


@pytest.mark.parametrize("preset", ["../../../outside", "/outside", "a\0b", "x" * 999])
def test_a_new_run_stays_in_the_folder_of_runs(preset: str, tmp_path: Path) -> None:
    for model in ("infogan", "package:infogan"):
        assert next(new_names(model, preset, 0, tmp_path)).parent == tmp_path


def test_codes_of_a_strangers_model_lead_into_no_other_folder(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = "../../../evil"
    real = previews.traversals

    def renamed(*arguments: Any, **options: Any) -> list[Traversal]:
        return [replace(each, code=evil) for each in real(*arguments, **options)]

    monkeypatch.setattr(previews, "traversals", renamed)
    before = set(Path().rglob("*"))
    result = command("traverse", str(run), "--rows", "1")
    assert result.exit_code == 0, result.output
    made = set(Path().rglob("*")) - before
    assert len(made) == 2
    assert {path.parent for path in made} == {run}


@pytest.mark.parametrize("name", ["metrics.jsonl", "images", "checkpoints", ".lock"])
def test_a_run_that_would_be_written_elsewhere_is_refused(
    run: Path, tmp_path: Path, name: str
) -> None:
    target = tmp_path / "target"
    place = run / name
    if place.is_dir():
        shutil.rmtree(place)
        target.mkdir()
    else:
        place.unlink(missing_ok=True)
        target.write_text("dear")
    place.symlink_to(target)
    result = command("run", "--resume", str(run), "--steps", "2")
    assert result.exit_code == 2
    assert name in result.stderr
    assert target.read_text() == "dear" if target.is_file() else not list(target.iterdir())


def test_an_output_file_takes_the_place_of_a_link(run: Path, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("dear")
    Path("out.png").symlink_to(tmp_path / "target")
    assert command("sample", str(run), "-n", "1", "-o", "out.png").exit_code == 0
    assert (tmp_path / "target").read_text() == "dear"
    assert Image.open("out.png").format == "PNG"


def test_an_unfinished_file_follows_no_link(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("ganzoo.files.token_hex", lambda _: "known")
    (tmp_path / "target").write_text("dear")
    (tmp_path / ".x.known.partial").symlink_to(tmp_path / "target")
    with pytest.raises(FileExistsError), whole_file(tmp_path / "x"):
        pass
    assert (tmp_path / "target").read_text() == "dear"


@pytest.mark.parametrize(
    "name", ["a\0b", "../a\0b/*.png", "x" * 300, "y/" * 3000, "~nobody-here/x"]
)
def test_data_of_a_name_that_cannot_be_is_one_line(run: Path, name: str) -> None:
    Path("evil.toml").write_text(f"[data]\nname = {json.dumps(name)}\n")
    result = command("run", "dcgan", "--config", "evil.toml")
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("error: ")
    assert not Path("runs").exists()


def test_an_output_of_a_name_that_cannot_be_is_one_line(run: Path) -> None:
    for arguments in (["run", "dcgan", "--out", "x" * 300], ["sample", "run", "-o", "x" * 300]):
        result = command(*arguments)
        assert result.exit_code == 2, result.output
        assert "File name too long" in result.stderr


# Plugins are told before they are run


def test_plugins_are_listed_with_their_origin_before_any_of_them_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trace: Path
) -> None:
    mine = f"open({str(trace)!r}, 'w')\n"
    package = tmp_path / "evil_package"
    (package / "inner").mkdir(parents=True)
    for file in (package / "__init__.py", package / "inner/__init__.py", package / "inner/plug.py"):
        file.write_text(mine)
    info = tmp_path / "evil_gans-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evil-gans\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[ganzoo.plugins]\nevil = evil_package.inner.plug\n")
    (tmp_path / "idea.py").write_text(mine)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("GANZOO_DISABLE_PLUGINS", "dcgan")
    file = str(tmp_path / "idea.py")
    listed = command("--plugin", file, "plugins", "--no-load", "--json")
    plugins = {plugin["name"]: plugin for plugin in json.loads(listed.stdout)}
    assert {name for name, plugin in plugins.items() if plugin["state"] != "found"} == {"dcgan"}
    assert plugins["dcgan"]["state"] == "disabled"
    assert {"infogan", "evil", "idea"} <= set(plugins)
    evil = plugins["evil"]
    assert (evil["distribution"], evil["version"]) == ("evil-gans", "1.2")
    assert evil["path"] == str(package / "inner/plug.py")
    assert plugins["idea"]["path"] == file
    told = command("plugins", "--no-load").stdout
    assert re.search(
        r"found +evil-gans:evil +1\.2 +evil_package\.inner\.plug\n +file +/.*plug", told
    )
    assert not trace.exists()
    monkeypatch.setenv("GANZOO_PLUGINS", "torch-ganzoo")
    [record] = [
        each for each in json.loads(command("plugins", "--json").stdout) if each["name"] == "evil"
    ]
    assert (record["state"], record["path"]) == ("disabled", evil["path"])
    assert not trace.exists(), "what the list does not admit is not imported"


# Runs tell no secrets


TOKEN = "hf_canaryCanaryCanary"
PERSON = "ada-lovelace"
HOST = "difference-engine"


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of somebody with a name, a machine, tokens, and a working folder."""
    home = tmp_path / "home" / PERSON
    (home / "work").mkdir(parents=True)
    for name, text in {
        "HOME": str(home),
        "USER": PERSON,
        "LOGNAME": PERSON,
        "HOSTNAME": HOST,
        "HF_TOKEN": TOKEN,
        "GANZOO_CACHE": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setattr(socket, "gethostname", lambda: HOST)
    monkeypatch.setattr("platform.node", lambda: HOST)
    monkeypatch.chdir(home / "work")
    return home


def photographs(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for number in range(12):
        (folder / f"{number}.png").write_bytes(png(number * 20))
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def texts(path: Path) -> Iterator[bytes]:
    """The content of a file, and what is told in it in some other way."""
    yield path.read_bytes()
    if path.suffix in {".png", ".gif"}:
        with Image.open(path) as picture:
            told = {key: value for key, value in picture.info.items() if isinstance(value, str)}
            yield repr(told).encode()
    if path.suffix == ".safetensors":
        with safe_open(path, "pt") as file:
            yield repr(file.metadata()).encode()


def test_no_file_of_a_run_tells_where_or_who(person: Path, tmp_path: Path) -> None:
    """Data in the working folder, at home, and elsewhere below a folder with the user's name."""
    here = photographs(person / "work" / "here")
    home = photographs(person / "photos")
    elsewhere = photographs(tmp_path / "scratch" / PERSON / "photos")
    Path("more.toml").write_text(f'[data.more]\nname = "{home}"\n[data.third]\nname = "{here}"\n')
    quick = ["train.batch_size=4", "train.precision=fp32", "data.size=32", "data.broken_share=0.5"]
    quick += [f"data.{name}.broken_share=0.5" for name in ("more", "third")]
    quick += ["train.report_every=1", "train.keep_best=-loss/critic/adversarial"]
    quick += ["train.checkpoint_every=1", "model.generator_channels=[8, 4]"]
    settings = [word for setting in quick for word in ("--set", setting)]
    arguments = ["run", "dcgan", "--preset", "images", "--config", "more.toml", "--out", "x"]
    result = command(*arguments, "--data", str(elsewhere), "--steps", "1", *settings)
    assert result.exit_code == 0, result.output
    result = command("run", "--resume", "x", "--steps", "2")
    assert result.exit_code == 0, result.output
    (person / "work/x/checkpoints/step-000002/state.pt").write_bytes(b"damaged")
    result = command("run", "--resume", "x", "--steps", "3")
    assert result.exit_code == 0, result.output
    assert command("sample", "x").exit_code == 0

    saved = tomllib.loads(Path("x/settings.toml").read_text())["data"]
    names = saved["name"], saved["more"]["name"], saved["third"]["name"]
    assert names == (f"../../../scratch/{USER}/photos", "~/photos", "./here")
    files = [path for path in Path("x").rglob("*") if path.is_file()]
    assert {".toml", ".json", ".jsonl", ".png", ".pt", ".safetensors"} <= {
        path.suffix for path in files
    }
    secrets = {str(tmp_path), PERSON, TOKEN, HOST, str(ROOT)}
    secrets |= {text for text in os.environ.values() if len(text) >= 10}
    for path in files:
        assert not any(secret in str(path) for secret in secrets), path
        for text in texts(path):
            for secret in secrets:
                assert secret.encode() not in text, (path, secret)


def test_a_path_that_a_run_keeps_leads_back(person: Path, tmp_path: Path) -> None:
    for path in (
        person / "work/photos",
        person / "photos",
        tmp_path / "scratch" / PERSON / "photos",
        tmp_path / "photos",
    ):
        kept = portable(str(path))
        assert not Path(kept).is_absolute()
        assert PERSON not in kept
        assert Path(os.path.normpath(local(kept))) == path
        assert portable(kept) == kept
    for name in ("mnist", f"{PERSON}/faces", "bundled:mnist", "*.png"):
        assert portable(name) == name


def test_the_user_is_no_part_of_another_word(person: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("LOGNAME", "art")
    assert portable("../art/smart/art-x") == f"../{USER}/smart/{USER}-x"


# The promises themselves


def test_every_promise_is_linked_to_a_test_that_exists() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    linked = re.findall(r"`((?:plugins/\w+/)?tests/\w+\.py)::(test_\w+)`", text)
    assert len(linked) > 20
    for file, name in linked:
        functions = {
            node.name
            for node in ast.parse((ROOT / file).read_text()).body
            if isinstance(node, ast.FunctionDef)
        }
        assert name in functions, f"{file}::{name}"
    promises = [line for line in text.split("## Not promised")[0].splitlines() if line[:2] == "- "]
    blocks = text.split("## Not promised")[0].split("\n- ")[1:]
    assert len(promises) == len(blocks)
    for block in blocks:
        assert re.search(r"tests/\w+\.py::", block), f"a promise without a test: {block}"
