"""Schedules are functions of the turn alone."""

import pytest

from ganzoo.schema import OptimSettings, WeightSettings, share_of


def test_a_window_passes_linearly_between_its_ends() -> None:
    assert [share_of((100, 200), step) for step in (0, 100, 150, 200, 1000)] == [0, 0, 0.5, 1, 1]


def test_a_rate_without_decay_stays() -> None:
    assert OptimSettings(lr=1e-3).rate_at(10**6) == 1e-3


def test_a_rate_falls_linearly_to_its_share_and_stays_there() -> None:
    optim = OptimSettings(lr=1.0, decay=(10, 20), decay_to=0.2)
    rates = [optim.rate_at(step) for step in (0, 10, 15, 20, 99)]
    assert rates == pytest.approx([1, 1, 0.6, 0.2, 0.2])


@pytest.mark.parametrize(
    "make", [lambda w: OptimSettings(decay=w), lambda w: WeightSettings(ramp=w)]
)
def test_a_window_that_ends_before_it_begins_is_refused(make) -> None:
    with pytest.raises(ValueError, match=r"must be \[from, to\] with from < to"):
        make((5, 5))
