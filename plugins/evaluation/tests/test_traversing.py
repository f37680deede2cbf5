"""A code that is moved, and what a measure makes of it."""

import numpy as np
import pytest

from ganzoo_evaluation.traversing import effect


def test_an_effect_is_counted_by_rank_and_without_sign():
    values = np.linspace(-1, 1, 11)
    found = effect(values, np.stack([values**3, -values, values, np.zeros(11)]))
    assert found.median == pytest.approx(1)
    assert found.share == 0.75
    assert found.reach == pytest.approx(1)
