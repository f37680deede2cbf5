"""Reads the data sets that lie in this package as parquet files."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import datasets
import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow.parquet import read_table  # type: ignore[import-untyped]


def mnist(split: str) -> datasets.Dataset:
    """MNIST's split ``train`` (60,000) or ``test`` (10,000): ``image`` as PNG, ``label`` 0 to 9.

    Read into memory, so that nothing is written anywhere. The fingerprint is that of the file's
    content and thus the same in every installation.
    """
    content = (files("ganzoo_bundled.mnist") / f"{split}.parquet").read_bytes()
    fingerprint = hashlib.blake2b(content, digest_size=8).hexdigest()
    table = read_table(pa.BufferReader(content))
    return datasets.Dataset(table, split=datasets.Split(split), fingerprint=fingerprint)
