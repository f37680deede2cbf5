"""Spectral normalisation of a whole network."""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrizations import spectral_norm


def normalise_spectrally(network: nn.Module) -> None:
    """Divide the weights of all layers by their largest singular value, in place of BatchNorm.

    Miyato et al. 2018: one power iteration in each pass while training.
    """
    for name, layer in network.named_children():
        if isinstance(layer, _BatchNorm):
            setattr(network, name, nn.Identity())
        elif isinstance(layer, nn.Conv2d | nn.Linear):
            spectral_norm(layer)
        else:
            normalise_spectrally(layer)
