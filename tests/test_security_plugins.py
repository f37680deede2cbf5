"""Plugins are listed before any of them is run."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from commands import ganzoo
from distributions import write_distribution

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_plugins_are_listed_with_their_origin_before_any_of_them_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trace: Path
) -> None:
    mine = f"open({str(trace)!r}, 'w')\n"
    package = tmp_path / "evil_package"
    (package / "inner").mkdir(parents=True)
    for file in (package / "__init__.py", package / "inner/__init__.py", package / "inner/plug.py"):
        file.write_text(mine)
    write_distribution(tmp_path, "evil-gans", "1.2", evil="evil_package.inner.plug")
    (tmp_path / "idea.py").write_text(mine)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("GANZOO_DISABLE_PLUGINS", "dcgan")
    file = str(tmp_path / "idea.py")
    listed = ganzoo("--plugin", file, "plugins", "--no-load", "--json")
    plugins = {plugin["name"]: plugin for plugin in json.loads(listed.stdout)}
    assert {name for name, plugin in plugins.items() if plugin["state"] != "found"} == {"dcgan"}
    assert plugins["dcgan"]["state"] == "disabled"
    assert {"infogan", "evil", "idea"} <= set(plugins)
    evil = plugins["evil"]
    assert (evil["distribution"], evil["version"]) == ("evil-gans", "1.2")
    assert evil["path"] == str(package / "inner/plug.py")
    assert plugins["idea"]["path"] == file
    told = ganzoo("plugins", "--no-load").stdout
    assert re.search(
        r"found +evil-gans:evil +1\.2 +evil_package\.inner\.plug\n +file +/.*plug", told
    )
    assert not trace.exists()
    monkeypatch.setenv("GANZOO_PLUGINS", "torch-ganzoo")
    [record] = [
        each for each in json.loads(ganzoo("plugins", "--json").stdout) if each["name"] == "evil"
    ]
    assert (record["state"], record["path"]) == ("disabled", evil["path"])
    assert not trace.exists(), "what the list does not admit is not imported"
