"""What InfoGAN-CR's plugin offers keeps the contract of the plugin interface."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ganzoo_infogan_cr.plugin
from ganzoo.testing import parametrize_with_checks

if TYPE_CHECKING:
    from collections.abc import Callable


@parametrize_with_checks(ganzoo_infogan_cr.plugin)
def test_it_keeps_the_contract(check: Callable[[], None]) -> None:
    check()
