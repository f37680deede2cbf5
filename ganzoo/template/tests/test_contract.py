"""This plugin keeps the rules of the host; each check says what to change where it does not."""

import ganzoo_seedling.plugin
from ganzoo.testing import parametrize_with_checks


@parametrize_with_checks(ganzoo_seedling.plugin)
def test_contract(check):
    check()
