"""What the codes of a model of cdsprites follow: the place of the disc along a line, or its radius.

    python benchmarks/discs.py RUN...

Codes are read from all 1,080 images. For each, the R² of the best line through the disc's place,
the direction in which it rises (0 is to the right, 90 upwards), and |Spearman| with the radius.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr

import ganzoo
from ganzoo_evaluation.measures import place_right, place_up


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    for run in parser.parse_args().runs:
        loaded = ganzoo.load(run)
        split = loaded.split("train")
        if split is None:
            raise SystemExit(f"{run}: this model names no training images")
        images = split.images(torch.arange(len(split)))
        place = np.column_stack([place_right(images), place_up(images)])
        for name, code in (loaded.encode(loaded.normalise(images)) or {}).items():
            print(run.name, name, follows(code.double().numpy(), place))


def follows(code: np.ndarray, place: np.ndarray) -> str:
    """A code (n,) in words, beside places (n, 2): rightwards and upwards from the middle, in px."""
    design = np.column_stack([place, np.ones(len(place))])
    weights, *_ = np.linalg.lstsq(design, code, rcond=None)
    line = 1 - np.square(design @ weights - code).mean() / code.var()
    direction = np.degrees(np.arctan2(weights[1], weights[0]))
    radius = abs(spearmanr(code, np.linalg.norm(place, axis=1)).statistic)
    return f"line {line:.2f} at {direction:.0f} degrees, radius {radius:.2f}"


if __name__ == "__main__":
    main()
