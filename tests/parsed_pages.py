"""A page of HTML as its elements and words, read by a parser."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_VOID = {"meta", "link", "img", "input", "br"}
_HIDDEN = {"style", "script"}


@dataclass
class Element:
    """An element with everything inside it."""

    tag: str
    attributes: dict[str, str | None]
    children: list[Element] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    """Its own text and that of its children, in order."""

    def __getitem__(self, name: str) -> str:
        """An attribute that is there."""
        value = self.attributes[name]
        assert value is not None
        return value

    @property
    def text(self) -> str:
        """What a person reads, with single spaces."""
        return " ".join("".join(self.words).split())

    def all(self, tag: str | None = None, **attributes: str) -> list[Element]:
        """The elements inside, in order; ``_class`` finds one of several classes."""
        found = []
        for child in self.children:
            if tag in (None, child.tag) and child._has(attributes):
                found.append(child)
            found += child.all(tag, **attributes)
        return found

    def one(self, tag: str | None = None, **attributes: str) -> Element:
        """The only such element."""
        [found] = self.all(tag, **attributes)
        return found

    def skeleton(self) -> list[tuple[str, tuple[str, ...]]]:
        """Every element's tag and the names of its attributes: all that is markup."""
        return [(each.tag, tuple(each.attributes)) for each in self.all()]

    def _has(self, wanted: dict[str, str]) -> bool:
        classes = (self.attributes.get("class") or "").split()
        return all(
            value in classes if name == "_class" else self.attributes.get(name) == value
            for name, value in wanted.items()
        )


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"<{tag}> says something twice"
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        shown = self.open if self.open[-1].tag not in _HIDDEN else self.open[-1:]
        for element in shown:
            element.words.append(data)


def parse(page: Path) -> Element:
    """The page in a file; every element in it is closed in its turn."""
    parser = _Parser()
    parser.feed(page.read_text(encoding="utf-8"))
    parser.close()
    assert parser.open == [parser.root]
    return parser.root
