"""Folders in which not one image can be read: the first is named, with the reason."""

from __future__ import annotations

from bad_input.case import Case, file
from bad_input.pictures import BROKEN

CASES = [
    Case(
        f"nothing but {name}",
        "run dcgan --steps 1 --data photos",
        name,
        file(f"photos/{name}", content),
    )
    for name, content in BROKEN.items()
]
