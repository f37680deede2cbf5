"""Stands for `accelerate launch … -m ganzoo …`: does at once, or fails to do, what it is told.

``behaviour.json`` says what for each seed; ``settings.toml`` are those of seed 0.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

SAVING = """
import json, sys, time
time.sleep(0.5)
open(sys.argv[1], "w").write(json.dumps({"step": 2}))
"""


def main(words: list[str]) -> None:
    launcher, own = words[: words.index("ganzoo")], words[words.index("ganzoo") + 1 :]
    folder = Path(own[own.index("eval") + 1] if "eval" in own else own[own.index("--out") + 1])
    seed = folder.name.removeprefix("seed-").partition(",")[0]
    behaviour = json.loads(Path("behaviour.json").read_text()).get(seed, "finish")
    told = {"threads": os.environ["OMP_NUM_THREADS"], "decoders": os.environ["GANZOO_DECODERS"]}
    call = {"own": own, "launcher": launcher, **told}
    with Path("calls.jsonl").open("a") as file:
        file.write(json.dumps(call) + "\n")
    if "eval" in own:
        score(folder)
        return
    steps = int(own[own.index("--steps") + 1])
    if behaviour == "refuse":
        sys.exit("a line before\nerror: the disk is full\nMake room.")
    if behaviour == "crash":
        raise RuntimeError("out of memory")
    if behaviour == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    (folder / "model").mkdir(parents=True, exist_ok=True)
    settings = Path("settings.toml").read_text().replace("seed = 0", f"seed = {seed}")
    (folder / "settings.toml").write_text(settings)
    if behaviour == "wait":
        wait(folder)
    (folder / "model/config.json").write_text(json.dumps({"step": steps}))
    if behaviour != "no scores":
        score(folder)


def wait(folder: Path) -> None:
    """Report a turn; a launcher dies of the signal at which its process begins to save."""

    def save(*_: object) -> None:
        target = str(folder / "model/config.json")
        subprocess.Popen([sys.executable, "-c", SAVING, target])
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, save)
    (folder / "metrics.jsonl").write_text(json.dumps({"step": 2}) + "\n")
    time.sleep(60)


def score(folder: Path) -> None:
    step = json.loads((folder / "model/config.json").read_text())["step"]
    about = {"split": "test", "n": 100, "ema": False, "step": step, "data": "mnist"}
    scores = {"sharpness": {"value": 0.5, **about}}
    (folder / "scores.json").write_text(json.dumps({"schema": 1, "scores": scores}))


if __name__ == "__main__":
    main(sys.argv[1:])
