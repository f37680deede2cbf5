"""The contract of the plugin interface: what a plugin author can test a plugin against.

::

    # a plugin's whole test file
    import my_plugin.plugin
    from ganzoo.testing import parametrize_with_checks


    @parametrize_with_checks(my_plugin.plugin)
    def test_contract(check):
        check()

Every rule is one function in :mod:`ganzoo.testing.checks`; a broken one says what to change. The
same from the command line, without pytest: ``ganzoo check NAME``, or ``ganzoo check FILE.py``.

Fixtures for further tests of a plugin come with ``pytest_plugins = ["ganzoo.testing.fixtures"]``.
"""

from __future__ import annotations

from ganzoo.testing.contract import Check, checks_of, checks_of_plugin
from ganzoo.testing.parametrize import parametrize_with_checks
from ganzoo.testing.verdicts import ContractError, NotChecked

__all__ = [
    "Check",
    "ContractError",
    "NotChecked",
    "checks_of",
    "checks_of_plugin",
    "parametrize_with_checks",
]
