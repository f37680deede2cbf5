"""What an installer leaves of a distribution with plugins, but their code."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_distribution(site: Path, name: str, version: str, **plugins: str) -> None:
    """Install ``name`` into the folder ``site``; ``plugins`` are modules by the plugin's name."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    points = "".join(f"{plugin} = {module}\n" for plugin, module in plugins.items())
    (info / "entry_points.txt").write_text(f"[ganzoo.plugins]\n{points}")
