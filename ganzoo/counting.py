"""Numbers of things in words."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """A number with its noun, which takes an s for any but one: ``1 core``, ``1,200 turns``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
