"""Codes, who is taught to read them, and what the bound says."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from ganzoo import Context, DataInfo, Draw, Pass, UserError
from ganzoo.discovery import discover
from ganzoo.errors import SettingsError
from ganzoo.registry import Registry
from ganzoo.settings import Assignment, resolve, rows
from ganzoo.testing.bench import Bench
from ganzoo_dcgan.losses import NonSaturating
from ganzoo_infogan.codes import Categorical, Uniform, parse_code
from ganzoo_infogan.losses import MutualInformation
from ganzoo_infogan.model import InfoGAN
from ganzoo_infogan.networks import CodeReader
from ganzoo_infogan.priors import StructuredPrior

CPU = torch.device("cpu")
DATA = DataInfo("test", (1, 8, 8))
CODES = {"digit": "categorical(3)", "slant": "uniform(-1, 1)"}
SMALL = {
    "generator_channels": (8, 4),
    "discriminator_channels": (4, 8),
    "generator_dense": (16,),
    "discriminator_dense": (16,),
    "reader_width": 8,
}


def prior(codes: dict[str, str] | None = None, **config: Any) -> StructuredPrior:
    settings = StructuredPrior.Config(size=5, codes=CODES if codes is None else codes, **config)
    return StructuredPrior(settings, Context(DATA))


def infogan(**config: Any) -> InfoGAN:
    return InfoGAN(InfoGAN.Config(**(SMALL | config)), Context(DATA, prior=prior()))


# Codes


@pytest.mark.parametrize(
    ("text", "kind", "width", "outputs"),
    [
        ("categorical(10)", Categorical, 10, 10),
        (" categorical( 20 ) ", Categorical, 20, 20),
        ("uniform", Uniform, 1, 2),
        ("uniform(-2, 3.5)", Uniform, 1, 2),
    ],
)
def test_codes_are_written_as_words(text: str, kind: type, width: int, outputs: int) -> None:
    code = parse_code(text)
    assert isinstance(code, kind)
    assert (code.width, code.outputs) == (width, outputs)


@pytest.mark.parametrize(
    "text",
    [
        "categorical",
        "categorical(1)",
        "categorical(2.5)",
        "uniform(1, 1)",
        "digit",
        "",
        "uniform(a)",
    ],
)
def test_a_code_that_is_none_says_what_may_be_written(text: str) -> None:
    with pytest.raises(ValueError, match=r"categorical|uniform"):
        parse_code(text)


def test_latents_hold_noise_then_codes_in_order() -> None:
    latents = prior().sample(100, generator=None, device=CPU)
    assert latents.flat.shape == (100, 5 + 3 + 1)
    assert torch.equal(latents.flat[:, :5], latents.parts["noise"])
    assert torch.equal(latents.flat[:, 5:8].argmax(1), latents.parts["digit"])
    assert torch.equal(latents.flat[:, 8], latents.parts["slant"])
    assert latents.parts["slant"].abs().max() <= 1


def test_replacing_a_code_leaves_the_rest() -> None:
    drawn = prior().sample(4, generator=None, device=CPU)
    moved = prior().replace(drawn, "digit", torch.full((4,), 2.0))
    assert moved.parts["digit"].tolist() == [2] * 4
    assert torch.equal(moved.flat[:, :5], drawn.flat[:, :5])
    assert torch.equal(moved.flat[:, 8], drawn.flat[:, 8])
    assert torch.equal(moved.flat[:, 5:8], torch.tensor([[0.0, 0, 1]] * 4))


def test_a_code_set_to_none_is_gone() -> None:
    assert list(prior({"digit": "categorical(3)", "slant": "none"}).codes) == ["digit"]


def test_a_continuous_code_is_drawn_from_its_range_and_knows_its_entropy() -> None:
    code = Uniform(-2, 3.5)
    drawn = code.sample(4000, generator=torch.Generator().manual_seed(0), device=CPU)
    assert -2 <= drawn.min() < -1.9
    assert 3.4 < drawn.max() <= 3.5
    assert code.entropy == pytest.approx(math.log(5.5))


# The bound


def measured(
    codes: dict[str, str],
    outputs: dict[str, Tensor],
    values: dict[str, Tensor],
    factors: dict[str, float] | None = None,
    **settings: Any,
) -> Any:
    """The loss and its report for a Q that says ``outputs``."""
    n = len(next(iter(values.values())))
    structured = prior(codes, **settings)
    phases = tuple(infogan().phases())
    loss = MutualInformation(
        "mi",
        MutualInformation.Config(**(factors or {})),
        Context(DATA, prior=structured, phases=phases),
    )
    drawn = structured.sample(n, generator=None, device=CPU)
    latents = drawn._replace(parts=drawn.parts | values)
    draw = Draw(0, 0, 0, 1, n, CPU)
    on_fake = {"features": torch.zeros(n, 1), "logits": torch.zeros(n)}
    return loss.terms()["critic"](
        Pass({"q": lambda _: outputs}, draw, {}, latents, {}, None, on_fake)
    )


def bound(*given: Any, **settings: Any) -> Any:
    """The loss's report."""
    return measured(*given, **settings).report


def test_the_loss_is_the_weighted_sum_over_codes() -> None:
    value = measured(
        {"digit": "categorical(4)", "slant": "uniform(-1, 1)"},
        {"digit": torch.zeros(3, 4), "slant": torch.ones(3, 2)},
        {"digit": torch.arange(3), "slant": torch.zeros(3)},
        {"categorical": 0.5, "continuous": 0.1},
        std="fixed",
    ).value
    of_slant = 0.5 * math.log(2 * math.pi) + 0.5  # off by 1, with a standard deviation of 1
    assert value.item() == pytest.approx(0.5 * math.log(4) + 0.1 * of_slant)


def test_a_perfect_reader_of_a_category_shows_its_whole_entropy() -> None:
    values = torch.arange(10)
    report = bound({"digit": "categorical(10)"}, {"digit": 100 * torch.eye(10)}, {"digit": values})
    assert report["mi_nats/digit"].item() == pytest.approx(math.log(10), abs=1e-5)


def test_an_ignorant_reader_shows_no_information() -> None:
    report = bound(
        {"digit": "categorical(10)"}, {"digit": torch.zeros(10, 10)}, {"digit": torch.arange(10)}
    )
    assert report["mi_nats/digit"].item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    ("std", "error", "log_variance", "expected"),
    [
        ("fixed", 0.0, 0.0, -0.2258),  # the most that a fixed std can show
        ("learned", 0.3, 2 * math.log(0.3), 0.478),
        ("learned", 0.1, 2 * math.log(0.1), 1.577),
        ("learned", 0.0, -50.0, math.log(2) + math.log(10) - 0.9189),  # std stops at 0.1
    ],
)
def test_the_bound_of_a_continuous_code_has_its_known_values(
    std: str, error: float, log_variance: float, expected: float
) -> None:
    values = torch.linspace(-1, 1, 11)
    outputs = torch.stack([values + error, torch.full((11,), log_variance)], 1)
    report = bound({"slant": "uniform(-1, 1)"}, {"slant": outputs}, {"slant": values}, std=std)
    assert report["mi_nats/slant"].item() == pytest.approx(expected, abs=1e-3)


# Who learns


def test_q_has_the_parameters_of_the_paper() -> None:
    reader = CodeReader(1024, {"digit": 10, "slant": 2, "width": 2})
    assert sum(parameter.numel() for parameter in reader.parameters()) == 133_262
    read = reader(torch.zeros(4, 1024))
    assert {name: tuple(out.shape) for name, out in read.items()} == {
        "digit": (4, 10),
        "slant": (4, 2),
        "width": (4, 2),
    }


@pytest.mark.parametrize(
    ("routing", "detach", "taught"),
    [
        ("authors", False, {"critic": {"discriminator", "q"}, "generator": {"generator"}}),
        ("authors", True, {"critic": {"q"}, "generator": set()}),
        ("generator", False, {"generator": {"generator", "q"}}),
        ("joint", False, {"information": {"generator", "discriminator", "q"}}),
    ],
)
def test_the_information_term_teaches_whom_the_routing_says(
    routing: str, detach: bool, taught: dict[str, set[str]]
) -> None:
    model = infogan(routing=routing)
    nets = model.networks()
    phases = {phase.name: phase for phase in model.phases()}
    context = Context(DATA, prior=model.prior, model=model, phases=tuple(phases.values()))
    loss = MutualInformation("mi", MutualInformation.Config(detach=detach), context)
    assert set(loss.terms()) == set(taught)

    batch = {"image": torch.rand(8, 1, 8, 8)}
    draw = Draw(0, 0, 0, 1, 8, CPU, prior=model.prior)
    for name, term in loss.terms().items():
        for key, net in nets.items():
            net.zero_grad()
            net.requires_grad_(key in phases[name].trains)
        value = term(phases[name].forward(nets, batch, draw.within(name), {})).value
        if value.requires_grad:
            value.backward()
        moved = {
            key
            for key, net in nets.items()
            if any(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())
        }
        assert moved == taught[name]


@pytest.mark.parametrize("routing", ["authors", "generator", "joint"])
def test_every_trained_parameter_gets_a_gradient_in_its_phase_and_no_other_does(
    routing: str,
) -> None:
    model = infogan(routing=routing)
    nets = model.networks()
    phases = tuple(model.phases())
    context = Context(DATA, prior=model.prior, model=model, phases=phases)
    losses = [
        MutualInformation("mi", MutualInformation.Config(), context),
        NonSaturating("gan", None, context),
    ]
    batch = {"image": torch.rand(8, 1, 8, 8)}
    for phase in phases:
        for key, net in nets.items():
            net.zero_grad()
            net.requires_grad_(key in phase.trains)
        pass_ = phase.forward(nets, batch, Draw(0, 0, 0, 1, 8, CPU, prior=model.prior), {})
        values = [loss.terms()[phase.name](pass_) for loss in losses if phase.name in loss.terms()]
        sum(getattr(value, "value", value) for value in values).backward()  # type: ignore[union-attr]
        for key, net in nets.items():
            for name, parameter in net.named_parameters():
                has_gradient = parameter.grad is not None
                # No term of a phase for information alone asks whether an image is real.
                unasked = phase.name == "information" and name.startswith("head.")
                wanted = key in phase.trains and not unasked
                assert has_gradient == wanted, (phase.name, key, name)


@pytest.mark.parametrize("routing", ["authors", "generator", "joint"])
def test_every_routing_trains_with_shared_fakes(routing: str) -> None:
    given = [f"model.routing={routing}", "train.share_fakes=true", "train.batch_size=8"]
    given += ["model.generator_dense=[8]", "model.discriminator_dense=[8]"]
    settings = resolve(
        Registry(discover()), "infogan", assignments=[Assignment.parse(text) for text in given]
    )
    trainer = Bench(settings).trainer()
    for _ in range(2):
        trainer.turn()
    assert all(math.isfinite(figure) for figure in trainer.collect().values())


def test_a_prior_without_codes_is_refused() -> None:
    with pytest.raises(UserError, match="at least one code"):
        InfoGAN(InfoGAN.Config(**SMALL), Context(DATA, prior=prior({})))


def test_encode_names_the_codes_of_the_prior() -> None:
    model = infogan()
    codes = model.encode(model.networks(), {"image": torch.rand(6, 1, 8, 8)})
    assert set(codes) == {"digit", "slant"}
    assert codes["digit"].dtype == torch.int64
    assert codes["slant"].shape == (6,)


# Presets


@pytest.mark.parametrize(
    "preset", ["mnist", "mnist-best", "mnist-openai", "mnist-control", "images"]
)
def test_every_preset_resolves(preset: str) -> None:
    settings = resolve(Registry(discover()), "infogan", preset=preset)
    assert settings.prior is not None
    assert "mutual_information" in settings.losses


def test_mnist_best_has_the_papers_networks_and_losses() -> None:
    registry = Registry(discover())
    paper, best = (
        {row.key: row.value for row in rows(resolve(registry, "infogan", preset=name))}
        for name in ("mnist", "mnist-best")
    )
    changed = {key: best[key] for key in best.keys() & paper.keys() if best[key] != paper[key]}
    assert changed == {"model.routing": "joint", "train.steps": 2500}
    assert {key.rpartition(".")[0] for key in best.keys() - paper.keys()} == {"optim.information"}
    assert best["optim.information.lr"] == paper["optim.generator.lr"]
    assert best["optim.information.decay"] == [1500, 2500]


def test_mnist_openai_differs_from_the_paper_as_the_released_code_does() -> None:
    registry = Registry(discover())
    paper, code = (resolve(registry, "infogan", preset=name) for name in ("mnist", "mnist-openai"))
    assert (paper.model.config.slope, code.model.config.slope) == (0.1, 0.01)
    assert code.model.config.init == "openai"
    assert code.data.limit == 55_000
    assert code.prior is not None
    assert (code.prior.config.distribution, code.prior.config.std) == ("uniform", "fixed")
    assert paper.optim["critic"].lr == 2e-4
    assert paper.optim["generator"].lr == 1e-3


@pytest.mark.parametrize(
    ("text", "near"),
    [("categorcal(3)", "categorical(10)"), ("Uniform", "uniform(-1, 1)"), ("bernoulli(1)", None)],
)
def test_a_misspelt_kind_of_code_gets_a_near_miss(text: str, near: str | None) -> None:
    with pytest.raises(ValueError, match="should be like") as caught:
        parse_code(text)
    assert str(caught.value).endswith(f"; did you mean {near}?") == (near is not None)


def test_each_wrong_code_is_a_problem_under_its_own_key() -> None:
    wrong = [
        Assignment("prior.codes.digit", "categorical(0)"),
        Assignment("prior.codes.slant", "uniform(1, -1)"),
    ]
    with pytest.raises(SettingsError) as caught:
        resolve(Registry(discover()), "infogan", assignments=wrong)
    keys = [problem.split()[0] for problem in caught.value.problems]
    assert keys == ["prior.codes.digit", "prior.codes.slant"]


@pytest.mark.parametrize("ends", [(-1e39, 1e39), (-3e38, 3e38), (0.0, 1e-50), (1.0, 1 + 1e-9)])
def test_a_range_that_32_bits_do_not_hold_is_refused(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="32 bits"):
        Uniform(*ends)
    Uniform(-1e38, 1e38).sample(4, generator=None, device=torch.device("cpu"))


@pytest.mark.parametrize("text", ["1e39", "-1e400", "nan"])
def test_a_value_that_32_bits_do_not_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="32 bits"):
        Uniform().parse(text)
