"""Which labels each category draws, as the frozen classifier of the scores sees them.

    python benchmarks/categories.py RUN...

A row is a category, a column a label of the data, each in percent of 2,000 generated images. Above
it is the share that falls to the labels that categories are matched with, one to one. Where that is
as low as the accuracy on real images, the generator mixes labels; where it is higher, whoever reads
them does.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from scipy.optimize import linear_sum_assignment

import ganzoo
from ganzoo_evaluation.classifier import find_classifier

IMAGES = 2_000
SEED = 0


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--code", default="digit", help="the categorical code [default: digit]")
    arguments = parser.parse_args()
    for run in arguments.runs:
        print("\n".join(table(run, arguments.code)))


def table(run: Path, code: str) -> list[str]:
    """The share that is matched, then a line for each category."""
    loaded = ganzoo.load(run)
    assert loaded.prior is not None, f"{run} has no codes"
    classifier = find_classifier(loaded)
    latents = loaded.draw(IMAGES, SEED)
    low, high = loaded.model.image_range
    images = (loaded.generate(latents, SEED) - low) / (high - low)
    labels = classifier.describe(images)[1].argmax(1)
    categories = latents.parts[code].long().flatten().cpu()
    counts = torch.zeros(loaded.prior.codes[code].categories or 0, classifier.classes)
    counts.index_put_((categories, labels), torch.ones(IMAGES), accumulate=True)
    rows, columns = linear_sum_assignment(counts.numpy(), maximize=True)
    matched = counts[rows, columns].sum() / IMAGES
    share = 100 * counts / counts.sum(dim=1, keepdim=True)
    lines = [f"{run.name}: {matched:.1%} of generated images"]
    lines.append("".join(f"{name:>6}" for name in ("", *range(classifier.classes))))
    for category, values in enumerate(share):
        lines.append(f"{category:>6}" + "".join(f"{value:6.0f}" for value in values))
    return lines


if __name__ == "__main__":
    main()
