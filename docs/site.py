"""A hook of mkdocs: pages that lie at the root of the repository join the site.

Links are written for readers of the repository. On the site those between pages are turned, and
those to code lose the link and keep their words: the site has no code in it.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
JOINING = {
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
SITE = JOINING | {"README.md": "index.md"}
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the root."""
    for name, page in JOINING.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, *, page: Page, files: Files, **_: object) -> str:
    """Turn links into those of the site."""
    folder = "" if page.file.src_uri in JOINING.values() else "docs"

    def turned(match: re.Match[str]) -> str:
        picture, words, target, anchor = match.groups()
        path = posixpath.normpath(posixpath.join(folder, target))
        inside = SITE.get(path) or path.removeprefix("docs/")
        known = path in SITE or (path.startswith("docs/") and files.get_file_from_path(inside))
        return f"{picture}[{words}]({inside}{anchor or ''})" if known else words

    return LINK.sub(turned, markdown)
