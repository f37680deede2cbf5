"""States are compared by their bytes, and each difference is named."""

import torch

from ganzoo_workbench.states import differences


def test_equal_states_differ_in_nothing() -> None:
    state = {"a": [torch.tensor([1.0, float("nan")]), {"b": 2}], "c": (), "d": float("nan")}
    again = {"a": [torch.tensor([1.0, float("nan")]), {"b": 2}], "c": (), "d": float("nan")}
    assert differences(state, again) == []


def test_one_bit_is_a_difference_and_its_size_is_told() -> None:
    one = torch.ones(2, 3)
    other = one.clone()
    other[1, 2] = torch.nextafter(one[1, 2], torch.tensor(2.0))
    assert differences({"nets": {"q": one}}, {"nets": {"q": other}}) == [
        "nets.q: by 1.19e-07 at most, in 1 of 6 elements"
    ]
    assert differences({"x": torch.tensor(0.0)}, {"x": torch.tensor(-0.0)}) == [
        "x: by 0 at most, in 0 of 1 elements"
    ]


def test_other_kinds_of_difference_are_named() -> None:
    one = {"a": torch.zeros(2), "b": torch.zeros(1), "c": 1, "d": 2, "e": [1], "f": torch.ones(1)}
    other = {"a": torch.zeros(3), "b": torch.zeros(1).half(), "c": 1.0, "d": 3, "e": [1, 2], "f": 1}
    assert differences(one, other) == [
        "a: torch.float32 (2,), then torch.float32 (3,)",
        "b: torch.float32 (1,), then torch.float16 (1,)",
        "c: 1, then 1.0",
        "d: 2, then 3",
        "e.1: only in one of both",
        "f: tensor([1.]), then 1",
    ]
