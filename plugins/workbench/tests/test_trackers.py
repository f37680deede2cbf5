"""Trackers are told of a run: each turn once, nothing of who and where, and at no risk to it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from accelerate.tracking import GeneralTracker, get_available_trackers
from builders import lines_of
from click.testing import CliRunner
from PIL import Image
from small_runs import SMALL, given
from somebody import HOST, PERSON, become_somebody, secrets_in

import ganzoo
from ganzoo import scoring
from ganzoo.cli import cli
from ganzoo.folder import RunFolder
from ganzoo.layers import parse_value
from ganzoo.requirements import installing
from ganzoo.run import Run
from ganzoo_workbench.trackers import RemoteBook, TensorBoardBook, TrackerObserver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

PACKAGES = ("tensorboard", "trackio", "wandb")
TENSORBOARD = ["train.trackers=['tensorboard']"]
SETTINGS = given([*SMALL, "train.report_every=2", "train.images_every=2"])
needs_tensorboard = pytest.mark.skipif(
    "tensorboard" not in map(str, get_available_trackers()) or not hasattr(GeneralTracker, "start"),
    reason="needs tensorboard, of the extra of that name",
)


pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture(autouse=True)
def _score_little(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = scoring.quick_metrics
    monkeypatch.setattr(scoring, "quick_metrics", lambda registry: everything(registry)[:1])


def command(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def train(steps: int, *further: str) -> Result:
    """A run in ``x`` with a report and a picture every second turn."""
    arguments = ["run", "infogan", "--out", "x", "--steps", str(steps), *SETTINGS]
    return command(*arguments, *given(further))


def told(folder: Path = Path("x/tensorboard")) -> Any:
    """What TensorBoard reads in a folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder), size_guidance={"images": 0}).Reload()


def scalar_steps(tag: str) -> list[int]:
    return [event.step for event in told().Scalars(tag)]


def picture_steps(tag: str) -> list[int]:
    return [event.step for event in told().Images(tag)]


@needs_tensorboard
def test_tensorboard_has_figures_pictures_settings_and_scores() -> None:
    result = train(4, *TENSORBOARD)
    assert result.exit_code == 0, result.output
    records = lines_of(Path("x/metrics.jsonl"))
    read = told()
    figure = "loss/critic/adversarial"
    values = [(event.step, pytest.approx(event.value)) for event in read.Scalars(figure)]
    assert [(record["step"], record[figure]) for record in records] == values
    assert picture_steps("samples") == picture_steps("traversal") == [2, 4]
    with Image.open("x/samples.png") as picture:
        last = read.Images("samples")[-1]
        assert (last.width, last.height) == picture.size
    scores = json.loads(Path("x/scores.json").read_text())["scores"]
    assert scores
    for name, score in scores.items():
        [event] = read.Scalars(f"scores/{name}")
        assert (event.step, event.value) == (4, pytest.approx(score["value"]))
    [settings] = Path("x/tensorboard").glob("*/hparams.yml")
    parameters = yaml.safe_load(settings.read_text())
    assert parameters["train.batch_size"] == 16
    assert parameters["prior.codes.digit"] == "categorical(10)"
    assert parameters["model.generator_channels"] == "[8, 4]"


@needs_tensorboard
def test_a_resumed_run_is_told_in_the_same_place_and_no_turn_twice() -> None:
    assert train(4, *TENSORBOARD, "train.checkpoint_every=3").exit_code == 0
    for path in (last := Path("x/checkpoints/step-000004")).iterdir():
        path.unlink()
    last.rmdir()
    result = command("run", "--resume", "x", "--steps", "6")
    assert result.exit_code == 0, result.output
    assert [record["step"] for record in lines_of(Path("x/metrics.jsonl"))] == [2, 4, 6]
    assert scalar_steps("loss/critic/adversarial") == [2, 4, 6]
    assert picture_steps("samples") == [2, 4, 6]
    assert len(list(Path("x/tensorboard").glob("*/hparams.yml"))) == 1


@needs_tensorboard
def test_a_rolled_back_run_forgets_what_it_will_do_again(tmp_path: Path) -> None:
    observer = TrackerObserver("tensorboard", TensorBoardBook(a_run(tmp_path)))
    observer.started(observer.book.run)
    for step, value in ((2, 1.0), (4, 2.0), (6, 3.0)):
        observer.reported({"step": step, "figure": value, "rate": None})
    observer.rolled_back(3)
    observer.reported({"step": 4, "figure": 7.0})
    observer.finished(4)
    events = told(tmp_path / "tensorboard").Scalars("figure")
    assert [(event.step, event.value) for event in events] == [(2, 1.0), (4, 7.0)]


def a_run(folder: Path) -> Run:
    """A run as observers see it, with settings of ``infogan`` and nothing to train."""
    from ganzoo.discovery import discover
    from ganzoo.registry import Registry
    from ganzoo.settings import resolve

    settings = resolve(Registry(discover()), "infogan")
    nothing: Any = None
    return Run(RunFolder(folder), settings, assembly=nothing, launch=nothing, registry=nothing)


def test_a_tracker_that_is_not_asked_for_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(MetaPathFinder):
        def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
            if fullname.partition(".")[0] in PACKAGES:
                raise AssertionError(f"imports {fullname}")

    for name in list(sys.modules):
        if name.partition(".")[0] in PACKAGES or name == "ganzoo_workbench.trackers":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Refusing(), *sys.meta_path])
    result = train(2)
    assert result.exit_code == 0, result.output
    loaded = {name.partition(".")[0] for name in sys.modules}
    assert not loaded & set(PACKAGES)
    assert "ganzoo_workbench.trackers" not in sys.modules
    assert not Path("x/tensorboard").exists()


@pytest.mark.parametrize("name", PACKAGES)
def test_a_tracker_that_is_not_installed_is_refused_before_anything_is_written(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganzoo.tracking.get_available_trackers", lambda: ["comet_ml"])
    for further in ((), ("--dry-run",)):
        result = command("run", "infogan", "--set", f"train.trackers=['{name}']", *further)
        assert result.exit_code == 2
        assert result.stderr.splitlines()[:2] == [
            f"error: train.trackers asks for {name}, which is not installed",
            f"Install it with: {installing(name)}",
        ]
    assert not list(Path().iterdir())


def test_a_tracker_that_nobody_knows_is_a_mistake_in_the_settings() -> None:
    result = command("run", "infogan", "--set", "train.trackers=['tensorbord']")
    assert result.exit_code == 2
    assert (
        "train.trackers   should be a list of values out of tensorboard, trackio, wandb, "
        "not ['tensorbord']"
    ) in result.stderr


def test_a_tracker_without_the_plugin_that_tells_it_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ganzoo.tracking.get_available_trackers", lambda: ["wandb"])
    monkeypatch.setenv("GANZOO_DISABLE_PLUGINS", "workbench")
    result = command("run", "infogan", "--set", "train.trackers=['wandb']")
    assert result.exit_code == 2
    assert "no loaded plugin watches trainings" in result.stderr
    assert "Traceback" not in result.output


@needs_tensorboard
def test_a_tracker_that_fails_ends_no_run_and_is_told_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(TensorBoardBook, "write", fail)
    result = train(6, *TENSORBOARD)
    assert result.exit_code == 0, result.output
    [line] = [line for line in result.stderr.splitlines() if "left out" in line]
    what = "OSError: [Errno 28] No space left on device"
    assert line == f"  tracker tensorboard is left out from here on: {what}"
    assert len(lines_of(Path("x/metrics.jsonl"))) == 3
    assert Path("x/scores.json").exists()


@needs_tensorboard
def test_a_tracker_that_cannot_even_start_ends_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("x").mkdir()
    monkeypatch.setattr(TensorBoardBook, "open", lambda *_: sys.exit("no account"))
    result = train(2, *TENSORBOARD)
    assert result.exit_code == 0, result.output
    assert result.stderr.count("left out from here on: SystemExit: no account") == 1


@needs_tensorboard
def test_who_is_told_may_change_when_a_run_is_continued(monkeypatch: pytest.MonkeyPatch) -> None:
    assert train(2).exit_code == 0
    result = command("run", "--resume", "x", "--steps", "4", *given(TENSORBOARD))
    assert result.exit_code == 0, result.output
    assert scalar_steps("loss/critic/adversarial") == [4]
    monkeypatch.setattr("ganzoo.tracking.get_available_trackers", list)
    result = command("run", "--resume", "x", "--steps", "6")
    assert result.exit_code == 2, "what a run was told to is kept"
    result = command("run", "--resume", "x", "--steps", "6", "--set", "train.trackers=[]")
    assert result.exit_code == 0, result.output
    assert scalar_steps("loss/critic/adversarial") == [4]
    result = command("run", "--resume", "x", "--steps", "8", "--set", "train.batch_size=8")
    assert result.exit_code == 2


@needs_tensorboard
def test_files_for_tensorboard_tell_neither_where_nor_who(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    become_somebody(monkeypatch)
    (tmp_path / PERSON).mkdir()
    monkeypatch.chdir(tmp_path / PERSON)
    assert train(2, *TENSORBOARD).exit_code == 0
    assert command("run", "--resume", "x", "--steps", "4").exit_code == 0
    assert socket.gethostname() == HOST
    from tensorboard.summary.writer import event_file_writer

    assert event_file_writer.socket is socket
    files = [path for path in Path("x/tensorboard").rglob("*") if path.is_file()]
    assert len([path for path in files if "tfevents" in path.name]) == 3
    assert secrets_in(files, tmp_path) == []


class Recorder:
    """Stands for accelerate's tracker."""

    def __init__(self) -> None:
        self.logged: list[tuple[int | None, list[str]]] = []
        self.finished = 0

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        self.settings = values

    def log(self, values: dict[str, Any], step: int | None = None) -> None:
        self.logged.append((step, list(values)))

    def finish(self) -> None:
        self.finished += 1


class RecorderBook(RemoteBook):
    def __init__(self, run: Run) -> None:
        super().__init__(run, "wandb")
        self.recorder = Recorder()

    def start(self) -> Recorder:
        return self.recorder

    def image(self, picture: Image.Image) -> Image.Image:
        return picture


def recorded(folder: Path, first: int, *steps: int) -> tuple[str, Recorder]:
    """What a tracker is told by a process that reports and pictures at these turns."""
    run = a_run(folder)
    run.first_step = first
    book = RecorderBook(run)
    observer = TrackerObserver("wandb", book)
    observer.started(run)
    for step in steps:
        observer.reported({"step": step, "figure": 0.5, "images_per_second": None})
        observer.pictured(step, "samples", Image.new("RGB", (4, 4)))
    observer.finished(steps[-1])
    return book.id, book.recorder


def test_a_tracker_outside_of_the_run_goes_on_under_one_name_and_hears_each_turn_once(
    tmp_path: Path,
) -> None:
    name, first = recorded(tmp_path, 0, 2, 4)
    assert first.logged == [(2, ["figure"]), (2, ["samples"]), (4, ["figure"]), (4, ["samples"])]
    assert first.settings["train.batch_size"] == 128
    assert first.finished == 1, "it was not the last turn: no scores are to come"
    again, second = recorded(tmp_path, 2, 4, 6)
    assert again == name
    assert second.logged == [(6, ["figure"]), (6, ["samples"])]
    assert recorded(tmp_path / "copy", 0, 2)[0] != name


@pytest.mark.parametrize(
    "content",
    [
        "damaged",
        "[]",
        '{"wandb": 3}',
        '{"wandb": {"id": "../../../x", "told": {}}}',
        '{"wandb": {"id": "0123abcd", "told": {"figures": "9"}}}',
    ],
)
def test_a_strangers_word_on_trackers_is_not_taken(tmp_path: Path, content: str) -> None:
    (tmp_path / "trackers.json").write_text(content)
    name, recorder = recorded(tmp_path, 0, 2)
    assert name not in content
    assert len(recorder.logged) == 2
    assert json.loads((tmp_path / "trackers.json").read_text()) == {
        "wandb": {"id": name, "told": {"figures": 2, "samples": 2}}
    }


@pytest.mark.slow
@needs_tensorboard
def test_python_tells_trackers_the_scores_too() -> None:
    settings: dict[str, Any] = {"train.trackers": ["tensorboard"]}
    for setting in SMALL:
        key, _, text = setting.partition("=")
        settings[key] = parse_value(text)
    ganzoo.train("infogan", steps=1, out="x", settings=settings, progress=False)
    assert [tag for tag in told().Tags()["scalars"] if tag.startswith("scores/")]


OFFLINE = """
import json, socket, sys
from click.testing import CliRunner
from ganzoo.cli import cli

def refuse(*_):
    raise AssertionError("the network is used")

if {blocked}:
    socket.socket.connect = socket.socket.connect_ex = socket.socket.bind = refuse
for arguments in {commands}:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    assert "left out" not in result.stderr, result.stderr
    json.loads(result.stdout)
"""


def run_apart(tracker: str, environment: dict[str, str], *, blocked: bool) -> None:
    """Train to 4 and then 6 turns in a process of its own, since trackers keep state in theirs."""
    tracked = given([f"train.trackers=['{tracker}']"])
    first = ["run", "infogan", "--json", "--out", "x", "--steps", "4", *SETTINGS, *tracked]
    commands = [first, ["run", "--json", "--resume", "x", "--steps", "6"]]
    environ = {name: text for name, text in os.environ.items() if name != "HF_TOKEN"}
    finished = subprocess.run(
        [sys.executable, "-c", OFFLINE.format(blocked=blocked, commands=commands)],
        env=environ | {"HF_HOME": str(Path("hf").absolute()), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr


@pytest.mark.slow
def test_trackio_keeps_a_run_without_server_and_network() -> None:
    pytest.importorskip("trackio")
    run_apart("trackio", {"TRACKIO_DIR": str(Path("kept").absolute())}, blocked=True)
    rows = list(metrics_of(Path("kept/ganzoo.db")))
    steps = [step for step, values in rows if "loss/critic/adversarial" in values]
    assert steps == [2, 4, 6]
    pictures = [step for step, values in rows if "samples" in values]
    assert pictures == [2, 4, 6]
    scored = [step for step, values in rows if any(name.startswith("scores/") for name in values)]
    assert scored == [4, 6]
    identity = json.loads(Path("x/trackers.json").read_text())["trackio"]["id"]
    shown = [path for path in Path("kept/media").rglob("*.png") if f"x-{identity}" in path.parts]
    assert len(shown) == 6, "samples and traversals"
    assert not list(Path("x").rglob("*trackio*"))


def metrics_of(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    import sqlite3

    with sqlite3.connect(path) as connection:
        for step, values in connection.execute("SELECT step, metrics FROM metrics ORDER BY id"):
            yield step, json.loads(values)


@pytest.mark.slow
def test_wandb_keeps_a_run_offline_and_outside_of_it() -> None:
    pytest.importorskip("wandb")
    environment = {"WANDB_MODE": "offline", "WANDB_DIR": str(Path("kept").absolute())}
    Path("kept").mkdir()
    run_apart("wandb", environment, blocked=False)
    identity = json.loads(Path("x/trackers.json").read_text())["wandb"]["id"]
    kept = sorted(Path("kept").rglob(f"run-{identity}.wandb"))
    assert len(kept) == 2, "one for each process; `wandb sync` joins them by their name"
    first, second = (path.read_bytes() for path in kept)
    for content in (first, second):
        assert b"loss/critic/adversarial" in content
        assert b"scores/" in content
    assert b"train.batch_size" in first
    assert len(list(Path("kept").rglob("samples_*.png"))) == 3
    assert not list(Path("x").rglob("*wandb*"))
