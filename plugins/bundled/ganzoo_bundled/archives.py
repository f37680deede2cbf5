"""Data sets of the InfoGAN paper that are on no hub: what to do to have them."""

from __future__ import annotations

from typing import NoReturn

from ganzoo import UserError


def rendered_faces(split: str) -> NoReturn:  # noqa: ARG001  every data set is asked for a split
    """Tell where the paper's faces come from. Always raises UserError."""
    raise UserError(
        "the paper's rendered faces (DC-IGN's, from the Basel Face Model) are not on the Hub",
        hint="The readme of github.com/willwhitney/dc-ign links them, as batches of Torch7. Write "
        "the images of these out as PNG files and give their folder: --data FOLDER. Without them "
        "take --data heads3d.",
    )


def rendered_chairs(split: str) -> NoReturn:  # noqa: ARG001
    """Tell where the paper's chairs come from. Always raises UserError."""
    raise UserError(
        "the paper's rendered chairs (Aubry et al. 2014) are not on the Hub",
        hint="Get rendered_chairs.tar from www.di.ens.fr/willow/research/seeing3Dchairs, unpack "
        "it, and give the folder: --data FOLDER. Without it take --data chairs3d.",
    )
