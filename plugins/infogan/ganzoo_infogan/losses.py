"""The information regulariser."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from ganzoo.errors import UserError
from ganzoo.loss import Loss, Measured, TermFunction
from ganzoo.model import Context, Pass
from ganzoo.schema import setting


class MutualInformation(Loss):
    """-L_I without its constant H(c): the batch mean of -log Q(c | G(z, c)), summed over the codes.

    L_I = E log Q(c | G(z, c)) + H(c) bounds the information between codes and images from below
    (Chen et al. 2016, eq. 4 and 5). The term belongs to the phase that trains ``q`` and, where that
    is another one, to the phase that trains ``generator``. Each code's L_I in nats is reported as
    ``mi_nats/<code>``.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Settings of the loss, beside its weight (lambda in the paper)."""

        categorical: Annotated[float, Ge(0)] = setting(
            1.0, "further factor of the categorical codes"
        )
        continuous: Annotated[float, Ge(0)] = setting(1.0, "further factor of the continuous codes")
        detach: bool = setting(
            default=False, help="teach Q alone: neither discriminator nor generator learns by it"
        )

    needs = ("q",)
    capturable = True

    def __init__(self, name: str, config: Config, context: Context) -> None:
        super().__init__(name, config, context)
        if context.prior is None or not context.prior.codes:
            raise UserError(
                f"loss.{name} needs a prior with at least one code",
                hint="Set one: --set prior.name=structured "
                "--set 'prior.codes.digit=categorical(10)'.",
            )
        self.codes = context.prior.codes

    def terms(self) -> Mapping[str, TermFunction]:
        """The reader's phase, and the generator's if another: by default critic and generator."""
        phases = self.context.phases
        reading = [phase.name for phase in phases if "q" in phase.trains]
        if any("generator" in phase.trains for phase in phases if phase.name in reading):
            return dict.fromkeys(reading, self.negative_bound)
        making = [phase.name for phase in phases if "generator" in phase.trains]
        return dict.fromkeys([*reading, *making], self.negative_bound)

    def negative_bound(self, pass_: Pass) -> Measured:
        """The sum of the codes' mean -log Q, and each L_I for the report."""
        assert pass_.on_fake is not None, "this phase did not ask the discriminator"
        assert pass_.latents is not None, "this phase drew no latents"
        features = pass_.on_fake["features"]
        outputs = pass_.nets["q"](features.detach() if self.config.detach else features)
        total, report = features.new_zeros(()), {}
        for name, code in self.codes.items():
            nll = code.nll(outputs[name].float(), pass_.latents.parts[name]).mean()
            categorical = code.trained is None
            factor = self.config.categorical if categorical else self.config.continuous
            total = total + factor * nll
            report[f"mi_nats/{name}"] = code.entropy - nll.detach()
        return Measured(total, report)
