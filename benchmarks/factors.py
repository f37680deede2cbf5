"""What the codes of a model follow, on a data set with known factors: |Spearman| of each with each.

    python benchmarks/factors.py RUN...

Codes are read from 10,000 of the images, drawn at random, or from all if there are fewer.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from scipy.stats import spearmanr

import ganzoo
from ganzoo_evaluation.disentanglement import read_sample

if TYPE_CHECKING:
    from ganzoo_evaluation.disentanglement import Read

IMAGES = 10_000


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    for run in parser.parse_args().runs:
        print(run.name)
        print("\n".join(table(read_sample(ganzoo.load(run), IMAGES))))


def table(read: Read) -> list[str]:
    """A line for each code, a column for each factor."""
    lines = ["".join(f"{name:>13}" for name in ("", *read.factor_names))]
    for name, code in zip(read.names, read.codes.T, strict=True):
        found = [abs(spearmanr(code, column).statistic) for column in read.factors.T]
        lines.append(f"{name:>13}" + "".join(f"{value:13.2f}" for value in found))
    return lines


if __name__ == "__main__":
    main()
