"""The plain loop that ganzoo is timed against does the same arithmetic."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
SCRIPTS = (
    "reference",
    "machine",
    "alternation",
    "pair",
    "overhead",
    "side_by_side",
    "variants",
    "peer",
    "data",
    "operations",
    "startup",
    "scaling",
    "seeds",
    "curves",
    "plan",
)
SMALL = ["train.batch_size=8", "train.precision=fp32", "data.limit=100"]


@pytest.fixture(autouse=True)
def _scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The scripts import one another by their plain names."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    yield
    for name in SCRIPTS:
        sys.modules.pop(name, None)


def small_pair(*settings: str) -> Any:
    from overhead import TINY
    from pair import Pair

    return Pair.of(TINY, [*SMALL, *settings])


@pytest.mark.parametrize("share", ["true", "false"])
def test_equal_weights_and_draws_give_equal_losses(share: str) -> None:
    pair = small_pair(f"train.share_fakes={share}")
    # Beyond the first turn they are equal only if gradients and optimisers are.
    assert pair.disagreement(4) < 1e-4


@pytest.mark.parametrize("optimiser", ["_critic_optimiser", "_generator_optimiser"])
def test_another_rate_is_noticed(optimiser: str) -> None:
    pair = small_pair()
    getattr(pair.reference, optimiser).param_groups[0]["lr"] *= 2
    assert pair.disagreement(4) > 1e-3


def test_both_have_as_many_parameters_at_the_sizes_of_the_paper() -> None:
    from pair import Pair
    from reference import Widths

    pair = Pair.of(Widths(), SMALL)
    assert pair.parameters() == {"ganzoo": 13_344_912, "reference": 13_344_912}


def test_windows_alternate_and_every_other_round_is_in_the_opposite_order() -> None:
    import torch
    from alternation import alternate

    taken: list[str] = []
    turns = {name: lambda name=name: taken.append(name) for name in ("one", "other")}
    rounds = alternate(turns, 2, 2, torch.device("cpu"), warm_up=1)
    warm, timed = taken[:2], taken[2:]
    assert warm == ["one", "other"]
    assert timed == ["one", "one", "other", "other", "other", "other", "one", "one"]
    assert [set(each) for each in rounds] == [{"one", "other"}] * 2


def run(script: ModuleType, *arguments: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["script", "--rounds", "2", "--turns", "1", *arguments])
        script.main()


def test_the_overhead_is_told_and_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import alternation
    import overhead

    monkeypatch.setattr(alternation, "RESULTS", tmp_path)
    run(overhead)
    assert "ms more a turn (cpu)" in capsys.readouterr().out
    assert not any(tmp_path.iterdir()), "what is committed stays as it is"
    run(overhead, "--write")
    capsys.readouterr()
    kept = json.loads((tmp_path / "overhead-cpu.json").read_text())
    assert len(kept["rounds"]) == 2
    run(overhead, "--json")
    printed = json.loads(capsys.readouterr().out)
    assert printed["environment"] == kept["environment"]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_report_is_timed_once_the_turn_before_it_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import overhead

    happened: list[str] = []
    pair = small_pair()
    monkeypatch.setattr(overhead, "REPORTS", 1)
    monkeypatch.setattr(pair.trainer, "turn", lambda: happened.append("turn"))
    monkeypatch.setattr(overhead, "synchronise", lambda device: happened.append("wait"))
    monkeypatch.setattr(overhead, "broken", lambda *_: happened.append("report"))
    overhead.time_report(pair)
    assert happened == ["turn", "wait", "report"]


@pytest.mark.slow
def test_streamed_and_decoded_trainings_are_timed_in_turn_each_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import alternation
    import data

    waits: list[str] = []
    monkeypatch.setattr(data, "UNCOUNTED", 1)
    monkeypatch.setattr(alternation, "synchronise", lambda device: waits.append(device.type))
    found = data.compare_training("mnist", 1, small=True, turns=1, rounds=1)
    assert len(waits) == 2 * 2 * 2, "before and behind what is not counted and what is, of both"
    assert found["share"]["median"] > 0
    assert found["environment"]["device_name"] == "CPU, 1 thread"
    assert {"torch", "ganzoo"} <= found["environment"]["versions"].keys()


@pytest.mark.parametrize(
    ("layer", "product"), [("ConvTranspose2d", "Folded"), ("Conv2d", "Unfolded")]
)
def test_a_convolution_as_a_product_is_the_same_map(layer: str, product: str) -> None:
    import torch
    import variants
    from torch import nn

    one, maps = getattr(nn, layer)(8, 3, 4, stride=2, padding=1), torch.randn(2, 8, 6, 10)
    expected = one(maps)
    one.__class__ = getattr(variants, product)
    assert torch.allclose(one(maps), expected, atol=1e-6)


def test_networks_with_thin_convolutions_as_products_compute_the_same() -> None:
    import torch
    from variants import Folded, Unfolded, thin_as_products

    networks, latents = small_pair().trainer.networks(), torch.randn(4, 74)
    images = networks["generator"](latents)
    logits = networks["discriminator"](images)["logits"]
    thin_as_products(networks)
    assert torch.allclose(networks["generator"](latents), images, atol=1e-5)
    assert torch.allclose(networks["discriminator"](images)["logits"], logits, atol=1e-5)
    layers = [type(module) for network in networks.values() for module in network.modules()]
    assert layers.count(Folded) == layers.count(Unfolded) == 1


def test_a_peer_gets_one_batch_a_turn_and_says_why_it_stopped(tmp_path: Path) -> None:
    import torch
    from peer import NEVER_SEEN, Peer

    (tmp_path / "train.py").write_text(
        "from dataloader import get_data\n"
        "real_label = 1\n"
        "loader = get_data('MNIST', 4)\n"
        "picture = next(iter(loader))\n"
        "for number, (images, _) in enumerate(loader):\n"
        "    assert real_label + number < 4, f'{number} of {tuple(images.shape)}'\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path])
        for name in (*NEVER_SEEN, "dataloader"):
            patch.setitem(sys.modules, name, None)  # put back at the end
        peer = Peer(tmp_path, torch.zeros(10, 1, 28, 28, dtype=torch.uint8), 4, threads=1)
        for _ in range(3):
            peer.turn()
        with pytest.raises(SystemExit, match=r"AssertionError: 3 of \(4, 1, 28, 28\)"):
            peer.turn()


@pytest.mark.slow
def test_a_part_of_the_variants_has_a_file_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import alternation
    import variants

    monkeypatch.setattr(alternation, "RESULTS", tmp_path)
    run(variants, "--only", "unfused", "--write")
    assert [path.name for path in tmp_path.iterdir()] == ["variants-cpu-fp32-1-unfused.json"]


@pytest.mark.slow
def test_both_are_timed_side_by_side_and_variants_against_the_training_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    import side_by_side
    import variants

    run(side_by_side, "--share-fakes", "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["share_fakes"] is True
    assert found["largest_relative_difference_of_a_loss"] < 1e-3
    assert found["ratio"]["cpu"]["median"] > 0
    run(variants, "--only", "channels_last", "unfused", "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["ratio_to_the_training_as_it_is"].keys() == {"channels_last", "unfused"}


@pytest.mark.slow
def test_the_loop_may_compute_in_a_precision_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import alternation
    import side_by_side

    monkeypatch.setattr(alternation, "RESULTS", tmp_path)
    run(side_by_side, "--precision", "bf16", "--loop-precision", "fp32", "--write")
    (kept,) = tmp_path.iterdir()
    assert kept.name == "side-by-side-cpu-bf16-1-loop-fp32.json"
    found = json.loads(kept.read_text())
    assert found["loop_precision"] == "fp32"
    assert 1e-6 < found["largest_relative_difference_of_a_loss"] < 0.02, "bf16 rounds"


@pytest.mark.slow
def test_losses_of_both_are_told_window_by_window(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import curves

    monkeypatch.setattr(curves, "A_WINDOW", 1)
    run(curves, "--json")
    found = json.loads(capsys.readouterr().out)["curves"]
    assert [len(each) for each in found.values()] == [2, 2], "seeds"
    for ours, theirs in zip(*found.values(), strict=True):
        assert ours == [pytest.approx(window, rel=0.02) for window in theirs]
    assert found["loop"][0] != found["loop"][1]
    run(curves)
    assert "| 1 to 1 | 1." in capsys.readouterr().out


@pytest.mark.slow
def test_the_time_of_a_turn_is_told_by_kinds_of_operations(
    capsys: pytest.CaptureFixture[str],
) -> None:
    import operations

    run(operations, "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["ratio"]["median"] > 0
    kinds = found["profiled_ms"]
    assert all(milliseconds > 0 for milliseconds in kinds.values())
    assert kinds[operations.REST] < sum(kinds.values()) / 4, "most of it has a name"
    least = found["least_ms_by_kind"]
    assert sum(least.values()) == pytest.approx(found["least_ms"]["median"], rel=0.2)


@pytest.mark.slow
def test_a_start_is_timed_up_to_the_first_update(monkeypatch: pytest.MonkeyPatch) -> None:
    import startup

    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"):
        monkeypatch.setenv(name, "")  # put back at the end
    found = startup.measure(1)
    assert 0 < found["help"]["median"] < found["first_update"]["median"]
    assert found["phases"].keys() >= {"import torch", "first turn"}
    assert found["imports"]["torch"] > 0


@pytest.mark.slow
def test_seeds_at_once_are_held_against_one_by_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import seeds

    def trains(folder: Path, cores: int, jobs: int, steps: int) -> float:
        asked.append((cores, jobs))
        (folder / "seed-0").mkdir(parents=True)
        shutil.copy(real / "seed-0" / "environment.json", folder / "seed-0")
        return 100.0 if jobs > 1 else 80.0

    real, asked = tmp_path / "real", list[tuple[int, int]]()
    assert seeds.sweep(real, 1, 1, 6) > 0
    monkeypatch.setattr(seeds, "sweep", trains)
    monkeypatch.setattr(seeds, "allowed_cores", lambda: 2)
    monkeypatch.setattr(seeds, "RESULT", tmp_path / "seeds.json")
    monkeypatch.setattr(sys, "argv", ["seeds", "--rounds", "1", "--write"])
    seeds.main()
    assert asked == [(2, 2), (2, 1)]
    assert "at once over one by one: 1.25" in capsys.readouterr().out
    assert json.loads((tmp_path / "seeds.json").read_text())["ratio"]["median"] == 1.25


@pytest.mark.slow
def test_costs_of_sizes_and_of_what_comes_besides_turns_are_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import scaling

    monkeypatch.setattr(scaling, "CASES", [(32, 16, 1)])
    found = scaling.measure(1)
    (cost,) = found["costs"]
    assert cost["images_per_second"]["median"] > 0
    assert found["extras"]["times"] == {
        "turn": 5000,
        "report": 100,
        "pictures": 11,
        "checkpoint": 5,
        "scores": 1,
    }
    assert all(seconds > 0 for seconds in found["extras"]["seconds"].values())
    capsys.readouterr()
    scaling.print_tables(found)
    assert "| 32 | 16 | 1 |" in capsys.readouterr().out
    pytest.importorskip("matplotlib")
    scaling.draw(found, tmp_path / "scaling.png")
    assert (tmp_path / "scaling.png").stat().st_size > 1000


@pytest.mark.slow
def test_the_reference_trains_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    import reference

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["reference", "--turns", "2", "--batch-size", "16"])
        reference.main()
    assert "turn 2 " in capsys.readouterr().out


def test_scores_that_are_kept_say_what_they_rest_on() -> None:
    from plan import provenance

    common = {"metric": "samples", "n": 100, "split": None, "ema": False, "note": "x"}
    scores = {
        "precision": common | {"value": 0.5},
        "recall": common | {"value": 0.25},
        "accuracy": common | {"value": 0.75, "split": "test"},
    }
    assert provenance(scores) == [
        {"metric": "samples", "n": 100, "ema": False, "scores": ["precision", "recall"]},
        {"metric": "samples", "n": 100, "split": "test", "ema": False, "scores": ["accuracy"]},
    ]
