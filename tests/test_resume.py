"""A run that goes on: what it says first, what it clears away, and what it leaves whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from small_runs import SMALL, given

from ganzoo import checkpoint
from ganzoo.cli import cli
from ganzoo.events import Event
from ganzoo.reporting import EventsFile, MetricsFile

if TYPE_CHECKING:
    from click.testing import Result

OFTEN_SAVED = [*SMALL, "train.checkpoint_every=2"]


pytestmark = pytest.mark.usefixtures("elsewhere")


def begin(steps: int) -> Result:
    return invoke("dcgan", "--steps", str(steps), "--out", "x", *given(OFTEN_SAVED))


def go_on(steps: int) -> Result:
    return invoke("--resume", "x", "--steps", str(steps))


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["run", *arguments])


def test_another_environment_is_told_before_the_run_goes_on() -> None:
    assert begin(2).exit_code == 0
    path = Path("x/environment.json")
    content = json.loads(path.read_text())
    content["history"][0]["versions"]["torch"] = "1.0"
    content["history"][0]["precision"] = "bf16"
    path.write_text(json.dumps(content))
    resumed = go_on(3)
    assert resumed.exit_code == 0, resumed.output
    [line] = [line for line in resumed.stderr.splitlines() if "bits may differ" in line]
    assert "precision was bf16, here it is fp32; torch was 1.0, here it is" in line
    assert [each["from_step"] for each in json.loads(path.read_text())["history"]] == [0, 2]
    assert "bits may differ" not in go_on(4).stderr


def test_other_images_are_told_before_the_run_goes_on() -> None:
    words = ["--data", "photos", "--steps", "2", "--out", "x", *given(OFTEN_SAVED[:4])]
    words += given(["data.size=28", "data.channels=1", *OFTEN_SAVED[5:]])
    paint(10)
    begun = invoke("dcgan", *words)
    assert begun.exit_code == 0, begun.output
    assert json.loads(Path("x/environment.json").read_text())["data"].keys() == {"data"}
    assert "images" not in go_on(3).stderr
    shutil.rmtree("photos")
    paint(200)
    resumed = go_on(4)
    assert resumed.exit_code == 0, resumed.output
    assert "bits may differ: the images of data are others than they were" in resumed.stderr


def paint(value: int) -> None:
    Path("photos").mkdir()
    for place in range(4):
        picture = np.full((28, 28), value + place, dtype=np.uint8)
        Image.fromarray(picture).save(f"photos/{place}.png")


def test_the_time_of_a_continued_run_is_that_of_all_its_turns() -> None:
    assert begin(2).exit_code == 0
    path = Path("x/metrics.jsonl")
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"seconds": 3600.0}) + "\n")
    resumed = go_on(4)
    assert "Trained 4 turns in 1:00:0" in resumed.stdout
    assert [json.loads(line)["seconds"] >= 3600 for line in path.read_text().splitlines()] == [
        True,
        True,
    ]


def test_a_folder_by_another_name_is_the_same_data() -> None:
    paint(10)
    words = ["--data", "photos/", "--steps", "2", "--out", "x", *given(OFTEN_SAVED[:4])]
    assert invoke("dcgan", *words, *given(OFTEN_SAVED[5:])).exit_code == 0
    settings = Path("x/settings.toml")
    text = settings.read_text()
    assert 'name = "./photos"' in text
    settings.write_text(text.replace('"./photos"', '"photos"'))
    resumed = go_on(3)
    assert resumed.exit_code == 0, resumed.output


def test_a_run_that_is_continued_elsewhere_says_where_its_paths_begin() -> None:
    paint(10)
    words = ["--data", "photos", "--steps", "2", "--out", "x", *given(OFTEN_SAVED[:4])]
    assert invoke("dcgan", *words, *given(OFTEN_SAVED[5:])).exit_code == 0
    Path("photos").rename("moved")
    refused = go_on(3)
    assert refused.exit_code == 2
    assert "there is no file or folder './photos'" in refused.stderr
    assert "A run tells paths from the folder that it was begun in" in refused.stderr
    mistyped = invoke("dcgan", "--data", "./fotos")
    assert "there is no file or folder './fotos'" in mistyped.stderr
    assert "begun" not in mistyped.stderr


def test_a_run_that_has_nothing_to_go_on_from_is_no_reason_to_go_on() -> None:
    assert begin(2).exit_code == 0
    shutil.rmtree("x/checkpoints")
    refused = invoke("dcgan", "--steps", "2", "--out", "x", "--seed", "7", *given(OFTEN_SAVED))
    assert refused.exit_code == 2
    assert "train.seed: the run's is 0, not 7" in refused.stderr
    assert "to begin anew remove it, or name another folder" in refused.stderr


def test_a_file_may_say_when_to_stop_as_the_command_does() -> None:
    assert begin(2).exit_code == 0
    Path("further.toml").write_text("[train]\nsteps = 4\n")
    resumed = invoke("--resume", "x", "--config", "further.toml")
    assert resumed.exit_code == 0, resumed.output
    assert "Trained 4 turns" in resumed.stdout


def test_settings_stay_what_they_were_whatever_a_file_says_beside_the_command() -> None:
    assert begin(2).exit_code == 0
    before = Path("x/settings.toml").read_text()
    Path("other.toml").write_text('preset = "images"\n[train]\nbatch_size = 4\n')
    words = ("--resume", "x", "--config", "other.toml", "--steps", "4")
    refused = invoke(*words)
    assert "preset: the run's is mnist, not images" in refused.stderr
    assert "train.batch_size: the run's is 16, not 4" in refused.stderr
    Path("other.toml").write_text("[train]\nbatch_size = 4\n")
    resumed = invoke(*words, "--set", "train.batch_size=16")
    assert resumed.exit_code == 0, resumed.output
    assert Path("x/settings.toml").read_text() == before.replace("steps = 2", "steps = 4")


def test_a_damaged_checkpoint_is_told() -> None:
    assert begin(4).exit_code == 0
    Path("x/checkpoints/step-000004/rank-000.pt").unlink()
    resumed = go_on(4)
    assert resumed.exit_code == 0, resumed.output
    said = "passed over a damaged checkpoint, step-000004: rank-000.pt is missing"
    assert said in resumed.stderr
    assert checkpoint.check(Path("x/checkpoints/step-000004")).step == 4


def test_what_killed_processes_left_is_cleared_away() -> None:
    assert begin(2).exit_code == 0
    left = [Path("x/.settings.toml.1.partial"), Path("x/model/.model.safetensors.2.partial")]
    left.append(Path("x/checkpoints/.step-000003.partial/state.pt"))
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"half of it")
    assert go_on(3).exit_code == 0
    assert not list(Path("x").rglob(".*"))


def test_a_run_killed_before_its_settings_were_written_begins_anew() -> None:
    Path("x").mkdir()
    Path("x/.settings.toml.1.partial").write_text("[mod")
    begun = begin(1)
    assert begun.exit_code == 0, begun.output


def test_all_but_the_scores_is_there_when_the_last_checkpoint_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there: list[str] = []
    save = checkpoint.save

    def look_and_save(*arguments: Any) -> Path:
        there.extend(path.name for path in Path("x").iterdir())
        return save(*arguments)

    def killed(*_: object) -> None:
        raise SystemExit(9)

    monkeypatch.setattr(checkpoint, "save", look_and_save)
    monkeypatch.setattr("ganzoo.scoring.score_run", killed)
    assert begin(1).exit_code == 9
    assert {"progress.gif", "samples.png", "images", "model", "metrics.jsonl"} <= set(there)
    finished = go_on(1)
    assert finished.exit_code == 2
    assert "x is finished: it has trained 1 of 1 turns" in finished.stderr
    assert "Score it with: ganzoo eval x" in finished.stderr


def test_metrics_are_cut_back_to_a_turn_and_half_lines_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics = MetricsFile(path)
    metrics.cut_back(3)
    assert not path.exists()
    for step in (1, 2, 3, 4):
        metrics.reported({"step": step, "loss": 0.1})
    path.write_bytes(path.read_bytes() + b'7\n[]\n{"step": "a"}\n{"step": 3, "lo')
    metrics.cut_back(2)
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 2]
    metrics.rolled_back(1)
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1]


def test_an_event_is_not_glued_to_one_that_a_crash_cut_off(tmp_path: Path) -> None:
    file = EventsFile(tmp_path / "events.jsonl")
    file.mend()
    assert not file.path.exists()
    file.happened(Event(0, "begun"))
    file.path.write_bytes(file.path.read_bytes() + '{"step": 2, "message": "a\u2026'.encode()[:-1])
    file.mend()
    file.happened(Event(2, "continued"))
    told = [json.loads(line) for line in file.path.read_text().splitlines()]
    assert [(line["step"], line["event"]) for line in told] == [(0, "begun"), (2, "continued")]


def test_a_misspelt_figure_of_the_best_can_be_put_right_in_the_folder_that_was_begun() -> None:
    words = ["dcgan", "--steps", "1", "--out", "x", *given([*OFTEN_SAVED, "train.report_every=1"])]
    refused = invoke(*words, *given(["train.keep_best=loss/critics"]))
    assert "did you mean 'loss/critic/adversarial'" in refused.stderr
    refused = invoke(*words, *given(["train.keep_best=foo"]))
    assert (refused.exit_code, Path("x").is_dir()) == (2, True)
    corrected = invoke(*words, *given(["train.keep_best=loss/critic/adversarial"]))
    assert corrected.exit_code == 0, corrected.output


@pytest.mark.parametrize(
    "setting",
    [
        "train.images_every=3",
        "train.checkpoint_every=3",
        "train.keep_checkpoints=1",
        "train.stuck_after=3",
        "train.on_divergence=rollback",
        "train.rollbacks=9",
        "data.workers=1",
    ],
)
def test_what_no_turn_depends_on_may_be_another_when_a_run_goes_on(setting: str) -> None:
    assert begin(1).exit_code == 0
    resumed = invoke("--resume", "x", "--steps", "2", *given([setting]))
    assert resumed.exit_code == 0, resumed.output
    key, value = setting.split("=")
    [line] = [
        each
        for each in Path("x/settings.toml").read_text().splitlines()
        if each.startswith(key.split(".")[1] + " ")
    ]
    assert value in line


def test_metrics_are_cut_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = MetricsFile(tmp_path / "metrics.jsonl")
    for step in (1, 2):
        metrics.reported({"step": step})
    before = metrics.path.read_bytes()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        metrics.cut_back(1)
    assert metrics.path.read_bytes() == before


def test_a_run_without_a_whole_checkpoint_is_not_begun_anew() -> None:
    assert begin(2).exit_code == 0
    [state] = Path("x/checkpoints").glob("step-*/state.pt")
    state.write_bytes(state.read_bytes()[:100])
    before = {path: path.read_bytes() for path in Path("x").rglob("*") if path.is_file()}
    refused = go_on(4)
    assert refused.exit_code == 2
    assert "x has no whole checkpoint to go on from: step-000002: state.pt" in refused.stderr
    assert {path: path.read_bytes() for path in Path("x").rglob("*") if path.is_file()} == before
    Path("x/checkpoints").rename("away")
    assert go_on(4).exit_code == 0
