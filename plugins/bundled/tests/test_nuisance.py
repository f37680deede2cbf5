"""Numbers that hang on an index alone."""

from __future__ import annotations

import torch

from ganzoo_bundled.nuisance import between, uniform


def test_they_are_spread_evenly_and_unrelated_to_each_other():
    values = uniform(torch.arange(40_000), 6, salt=5)
    assert values.shape == (40_000, 6)
    assert values.dtype == torch.float32
    assert 0 <= values.min() < 1e-3
    assert 1 - 1e-3 < values.max() < 1
    for column in values.unbind(1):
        assert (column.histc(20, 0, 1) / 2000 - 1).abs().max() < 0.1
    columns = torch.cat([values[1:], values[:-1]], dim=1)  # with those of the index before
    off_diagonal = columns.T.corrcoef() - torch.eye(12)
    assert off_diagonal.abs().max() < 0.03


def test_they_depend_on_index_column_and_salt_only():
    indices = torch.tensor([7, 123_456_789_012, 7])
    values = uniform(indices, 3, salt=5)
    assert torch.equal(values[0], values[2])
    assert torch.equal(uniform(indices.flip(0), 2, salt=5).flip(0), values[:, :2])
    assert not torch.equal(uniform(indices, 3, salt=6), values)


def test_they_are_the_same_on_every_machine():
    known = torch.tensor([[0.5850884, 0.3937106], [0.838875, 0.4599301]])
    assert torch.allclose(uniform(torch.tensor([0, 1]), 2, salt=0), known)


def test_they_are_stretched_to_a_range():
    assert between(torch.tensor([0.0, 0.5]), -2, 4).tolist() == [-2, 1]
