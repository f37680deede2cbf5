"""FID and KID by the Inception network, the protocol of published numbers; an optional extra."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from ganzoo.metrics import NotApplicable, Score
from ganzoo.requirements import installing
from ganzoo_evaluation.marks import images_mark
from ganzoo_evaluation.samples import generated_images, real_images

if TYPE_CHECKING:
    from ganzoo.loaded import Loaded

_SUBSET = 1000
"""Images of each of KID's subsets."""


class _Bytes(TensorDataset):
    """Images in the form that torch-fidelity takes: uint8 (3, H, W) one by one."""

    def __getitem__(self, index: int) -> Tensor:  # type: ignore[override]
        image: Tensor = self.tensors[0][index]
        return image.expand(3, -1, -1)


def inception(loaded: Loaded, budget: int) -> dict[str, Score]:
    """Compare generated with as many real images in the features of Inception-v3.

    Raises:
        NotApplicable: torch-fidelity or the network's weights are not at hand, or there is no prior
            to draw images from.
    """
    if loaded.prior is None:
        raise NotApplicable("this model has no prior to draw images from")
    try:
        from torch_fidelity import calculate_metrics
    except ImportError:
        raise NotApplicable(f"it needs another package: {installing('fid')}") from None
    split, real = real_images(loaded, budget)
    count = len(real)
    generated = torch.cat(list(generated_images(loaded, count))).cpu()
    try:
        found = calculate_metrics(
            input1=_Bytes(generated),
            input2=_Bytes(real),
            cuda=loaded.device.type == "cuda",
            fid=True,
            kid=True,
            kid_subset_size=min(_SUBSET, count),
            cache=False,
            verbose=False,
        )
    except OSError as error:
        raise NotApplicable(f"the weights of Inception-v3 cannot be had: {error}") from error
    about = {
        "real": split.name,
        "images": images_mark(split),
        "extractor": f"inception-v3-compat:torch-fidelity {version('torch-fidelity')}",
    }
    note = f"against {count:,} real {split.name} images; other numbers of images do not compare"
    fid, kid = (
        found[key] for key in ("frechet_inception_distance", "kernel_inception_distance_mean")
    )
    spread = {"subsets_std": found["kernel_inception_distance_std"]}
    return {
        "fid": Score(float(fid), None, count, "FID", "", note, about, ("real", "images")),
        "kid": Score(float(kid), None, count, "KID", "", note, about | spread, ("real", "images")),
    }
