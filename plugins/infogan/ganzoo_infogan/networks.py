"""Q: the network that reads the codes, as a plain module."""

from collections.abc import Mapping

from torch import Tensor, nn


class CodeReader(nn.Module):
    """Features (n, feature_size) to what each code needs, by name: (n, outputs).

    ``width`` is the hidden layer of Chen et al. 2016 (128, BatchNorm, leaky ReLU); 0 leaves it out.
    """

    def __init__(
        self, feature_size: int, outputs: Mapping[str, int], *, width: int = 128, slope: float = 0.1
    ) -> None:
        super().__init__()
        self.outputs = dict(outputs)
        total = sum(self.outputs.values())
        if width:
            self.layers = nn.Sequential(
                nn.Linear(feature_size, width),
                nn.BatchNorm1d(width),
                nn.LeakyReLU(slope),
                nn.Linear(width, total),
            )
        else:
            self.layers = nn.Sequential(nn.Linear(feature_size, total))

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """(n, feature_size) to {code: (n, outputs)}."""
        read = self.layers(features).split(list(self.outputs.values()), dim=1)
        return dict(zip(self.outputs, read, strict=True))
