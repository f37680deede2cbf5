"""The auxiliary classifier's loss."""

from collections.abc import Callable, Mapping

from torch import Tensor
from torch.nn.functional import cross_entropy

from ganzoo import Loss, Pass, UserError
from ganzoo_acgan.model import CLASSES, LABEL

UNLABELLED = -1


class AuxiliaryClassifier(Loss):
    """-log P(class | image) in nats: L_C, which both players want small.

    Odena et al. 2017, equation 3. The critic learns it on real images and on fakes, each in the
    mean over its images, the generator on its fakes. Real images without a label do not count.
    """

    capturable = True

    def terms(self) -> Mapping[str, Callable[[Pass], Tensor]]:
        """Both players' terms."""
        return {"critic": self.classify, "generator": self.obey}

    def classify(self, pass_: Pass) -> Tensor:
        """Name the class of real and generated images."""
        labels = pass_.batch[LABEL]
        total = cross_entropy(
            self._classes(pass_.on_real), labels, ignore_index=UNLABELLED, reduction="sum"
        )
        return total / (labels != UNLABELLED).sum().clamp(min=1) + self.obey(pass_)

    def obey(self, pass_: Pass) -> Tensor:
        """Be taken for the class that was asked for."""
        assert pass_.latents is not None, "this phase drew no latents"
        return cross_entropy(self._classes(pass_.on_fake), pass_.latents.parts[LABEL])

    def _classes(self, outputs: Mapping[str, Tensor] | None) -> Tensor:
        if outputs is None or CLASSES not in outputs:
            raise UserError(
                f"loss.{self.name} needs a discriminator that gives {CLASSES}",
                hint="Take the model acgan, or one that builds on it.",
            )
        return outputs[CLASSES].float()
