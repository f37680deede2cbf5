"""Ways to damage files: their bytes, the JSON in them, and the state that was pickled."""

from __future__ import annotations

import io
import json
import pickle
import random
import struct
import zipfile
from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from pathlib import Path

Mutate = Callable[[bytes, random.Random], bytes]

VALUES: list[Any] = [
    None, True, False, 0, -1, 1.5, 2**31, 2**63, 10**400, float("nan"), float("inf"), "", "none",
    "../../x", "x" * 5000, "\x00\x1b", [], [1], [[]], {}, {"a": {"a": {}}}, "categorical(10)",
    "categorical(999999999999)", [1, 2**30, 2**30],
]  # fmt: skip
"""What a value of a JSON file may be swapped for."""


class Trap:
    """An object whose pickle makes a file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.canary), "w")


def flip_bits(content: bytes, dice: random.Random) -> bytes:
    """Flip 1 to 16 bits."""
    changed = bytearray(content)
    for _ in range(dice.randint(1, 16)):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def flip_early_bits(content: bytes, dice: random.Random) -> bytes:
    """Flip bits near the start, where headers are."""
    return flip_bits(content[:400], dice) + content[400:]


def truncate(content: bytes, dice: random.Random) -> bytes:
    """Cut the end off."""
    return content[: dice.randrange(len(content))]


def insert(content: bytes, dice: random.Random) -> bytes:
    """Put up to 64 bytes between."""
    place = dice.randrange(len(content) + 1)
    return content[:place] + dice.randbytes(dice.randint(1, 64)) + content[place:]


def drop(content: bytes, dice: random.Random) -> bytes:
    """Take up to 64 bytes out."""
    place = dice.randrange(len(content))
    return content[:place] + content[place + dice.randint(1, 64) :]


def zero(content: bytes, dice: random.Random) -> bytes:
    """Set a block to zero, as after a power cut."""
    place = dice.randrange(len(content))
    length = min(dice.choice([1, 64, 4096]), len(content) - place)
    return content[:place] + bytes(length) + content[place + length :]


def change_json(content: bytes, dice: random.Random) -> bytes:
    """Change what a JSON file says, 1 to 3 times."""
    document = json.loads(content)
    for _ in range(dice.randint(1, 3)):
        document = _changed(document, dice)
    return json.dumps(document).encode()


def change_header(content: bytes, dice: random.Random) -> bytes:
    """Change what the JSON header of a safetensors file says, or how long it is said to be."""
    (length,) = struct.unpack("<Q", content[:8])
    header, rest = content[8 : 8 + length], content[8 + length :]
    if dice.random() < 0.2:
        return struct.pack("<Q", dice.choice([0, 1, length - 1, 2**40, 2**64 - 1])) + header + rest
    changed = change_json(header, dice)
    return struct.pack("<Q", len(changed)) + changed + rest


def change_state(content: bytes, dice: random.Random) -> bytes:
    """Change a value of a state that ``torch.save`` wrote."""
    state = torch.load(io.BytesIO(content), weights_only=True)
    for _ in range(dice.randint(1, 3)):
        state = _changed(state, dice)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def change_pickle(content: bytes, dice: random.Random) -> bytes:
    """Damage the pickle inside of the archive that ``torch.save`` wrote; the archive is whole."""
    damage = dice.choice([flip_bits, truncate, insert, drop])
    return _with_pickle(content, lambda pickled: damage(pickled, dice))


def trap(canary: Path) -> Mutate:
    """Put a pickle that makes a file in the place of a file, or of the pickle in an archive."""

    def plant(content: bytes, dice: random.Random) -> bytes:
        pickled = pickle.dumps(Trap(canary), protocol=dice.choice([2, 4]))
        if content.startswith(b"PK") and dice.random() < 0.8:
            return _with_pickle(content, lambda _: pickled)
        return pickled

    return plant


def _with_pickle(content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            member = old.read(name)
            new.writestr(name, change(member) if name.endswith("data.pkl") else member)
    return buffer.getvalue()


def _changed(document: Any, dice: random.Random) -> Any:
    """The document with one value at any depth swapped, removed, doubled or renamed."""
    place = document
    while True:
        if not isinstance(place, dict | list) or not place:
            return deepcopy(dice.choice(VALUES))
        keys = list(place) if isinstance(place, dict) else range(len(place))
        key = dice.choice(keys)
        if isinstance(place[key], dict | list) and place[key] and dice.random() < 0.8:
            place = place[key]
            continue
        match dice.randrange(4):
            case 0:
                del place[key]
            case 1 if isinstance(place, dict):
                place[dice.choice(["", "x", "name", f"{key}_"])] = place.pop(key)
            case 1 if isinstance(place, list):
                place.append(place[key])
            case 2 if torch.is_tensor(place[key]):
                place[key] = dice.choice([torch.zeros(3), torch.zeros(2, 2, dtype=torch.int64)])
            case _:
                place[key] = deepcopy(dice.choice(VALUES))
        return document


ANY: list[Mutate] = [flip_bits, flip_early_bits, truncate, insert, drop, zero]
"""Damages that any file may have."""
