"""The contract as a parametrised pytest function."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from ganzoo.errors import UserError, did_you_mean
from ganzoo.testing.contract import checks_of
from ganzoo.testing.verdicts import NotChecked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pytest

    from ganzoo.testing.contract import Check


def parametrize_with_checks(
    plugin: object, *, expected_failures: Mapping[str, str] | None = None, strict: bool = True
) -> pytest.MarkDecorator:
    """Parametrise a pytest function over every check of a plugin.

    The function takes ``check`` and calls it::

        import my_plugin.plugin
        from ganzoo.testing import parametrize_with_checks


        @parametrize_with_checks(
            my_plugin.plugin, expected_failures={"check_bf16": "the prior is not ready for it"}
        )
        def test_contract(check):
            check()

    Args:
        plugin: the module that holds the hooks, or an object with them. It need not be installed;
            what it builds on is found among the installed plugins.
        expected_failures: the reason by the name of a check (``check_bf16``) or by its whole id
            (``check_bf16[vae/default]``); these are marked ``xfail``.
        strict: whether an expected failure that passes is a failure.

    Presets of more than five million parameters are marked ``slow``: leave them out with
    ``-m "not slow"``. Each id reads like ``check_gradients[infogan/mnist]``.

    Raises:
        UserError: an expected failure names no check.
    """
    import pytest

    reasons = dict(expected_failures or {})
    checks = checks_of(plugin)
    _refuse_strangers(reasons, checks)
    params = []
    for check in checks:
        marks: list[Any] = [*_slow()] if check.slow else []
        reason = reasons.get(check.id, reasons.get(check.name))
        if reason is not None:
            marks.append(pytest.mark.xfail(reason=reason, strict=strict))
        params.append(pytest.param(_skipping(check), marks=marks, id=check.id))
    return pytest.mark.parametrize("check", params)


def _skipping(check: Check) -> Callable[[], None]:
    import pytest

    def run() -> None:
        try:
            check()
        except NotChecked as reason:
            pytest.skip(str(reason))

    return run


def _slow() -> Sequence[pytest.MarkDecorator]:
    """The mark ``slow``, known or not to the configuration at hand."""
    import pytest

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return [pytest.mark.slow]
        except pytest.fail.Exception:
            # Under --strict-markers a mark that is not registered cannot be made.
            return []


def _refuse_strangers(reasons: Mapping[str, str], checks: Sequence[Check]) -> None:
    known = {name for check in checks for name in (check.name, check.id)}
    for name in reasons:
        if name not in known:
            raise UserError(f"expected_failures: no check {name!r}{did_you_mean(name, known)}")
