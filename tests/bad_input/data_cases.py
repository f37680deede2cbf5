"""Data sets that hold no images, or not those that were asked for."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from bad_input.case import Case, Make, both, file
from bad_input.pictures import encoded, photo

if TYPE_CHECKING:
    from pathlib import Path

_PNG = encoded(photo())
_RUN = "run dcgan --steps 1 --data"
_TABLE = f"{_RUN} table.parquet"


def _parquet(**columns: Any) -> Make:
    def make(here: Path) -> None:
        pq.write_table(pa.table(columns), here / "table.parquet")

    return make


def _cut_short(here: Path) -> None:
    _parquet(image=[_PNG] * 9)(here)
    table = here / "table.parquet"
    table.write_bytes(table.read_bytes()[:-100])


def _rows(*rows: list[str]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode()


def _folder(here: Path) -> None:
    (here / "photos").mkdir()


_CLASSES = both(
    file("photos/test/a/1.png", _PNG),
    file("photos/test/b/2.png", _PNG),
)
_IMAGES = [_PNG] * 4

CASES = [
    Case("an empty folder", f"{_RUN} photos", "it is empty", _folder),
    Case("a folder of texts", f"{_RUN} photos", "other kinds", file("photos/a.txt", "hello")),
    Case("a folder of hidden images", f"{_RUN} photos", "it is empty", file("photos/.a.png", _PNG)),
    Case("a folder without the split", f"{_RUN} photos", "no split 'train'", _CLASSES),
    Case("a pattern that nothing fits", f"{_RUN} 'photos/*.png'", "'photos/*.png'"),
    Case("a text file", f"{_RUN} notes.txt", "'notes.txt'", file("notes.txt", "hello")),
    Case("a lone image", f"{_RUN} a.png", "'a.png'", file("a.png", _PNG)),
    Case("a table that breaks off", _TABLE, "cannot read 'table.parquet'", _cut_short),
    Case("a table of prose", _TABLE, "cannot read", file("table.parquet", "no table")),
    Case("a table of nothing", _TABLE, "cannot read", file("table.parquet", b"")),
    Case("a table without rows", _TABLE, "empty", _parquet(image=pa.array([], pa.binary()))),
    Case("a table without images", _TABLE, "no column of images", _parquet(x=[1], y=["a"])),
    Case("a table of two images", _TABLE, "2 columns of images", _parquet(a=_IMAGES, b=_IMAGES)),
    Case("a table of empty images", _TABLE, "table.parquet", _parquet(image=[b""] * 4)),
    Case(
        "a table of missing images",
        _TABLE,
        "no image",
        _parquet(image=pa.array([None] * 4, pa.binary())),
    ),
    Case("a table of words for images", _TABLE, "table.parquet", _parquet(image=[b"hi"] * 4)),
    Case(
        "an image column that is not there",
        f"{_TABLE} --set data.image_column=picture",
        "no column 'picture'",
        _parquet(image=_IMAGES),
    ),
    Case(
        "numbers for images",
        f"{_TABLE} --set data.image_column=x",
        "holds no images but int64",
        _parquet(image=_IMAGES, x=[1, 2, 3, 4]),
    ),
    Case(
        "a label column that is not there",
        f"{_TABLE} --set data.label_column=lable",
        "did you mean 'label'?",
        _parquet(image=_IMAGES, label=[0, 1, 0, 1]),
    ),
    Case(
        "fractions for labels",
        f"{_TABLE} --set data.label_column=label",
        "holds no class numbers but float64",
        _parquet(image=_IMAGES, label=[0.5, 1.0, 0.5, 1.0]),
    ),
    Case(
        "nothing for labels",
        f"{_TABLE} --set data.label_column=label",
        "'label'",
        _parquet(image=_IMAGES, label=[None] * 4),
    ),
    Case(
        "parts for labels",
        f"{_TABLE} --set data.label_column=label",
        "holds no class numbers but",
        _parquet(image=_IMAGES, label=[0.5, 1, 0, 1]),
    ),
    Case(
        "labels below 0",
        _TABLE,
        "these are no class numbers",
        _parquet(image=_IMAGES, label=[-7, 1, 0, 1]),
    ),
    Case(
        "labels beyond all classes",
        _TABLE,
        "these are no class numbers",
        _parquet(image=_IMAGES, label=[2**40, 1, 0, 1]),
    ),
    Case(
        "a split of a table that is not there",
        f"{_TABLE} --set data.split=tset",
        "no split 'tset'",
        _parquet(image=_IMAGES),
    ),
    Case(
        "a csv without images",
        f"{_RUN} a.csv",
        "no column of images",
        file("a.csv", _rows(["name", "size"], ["a.png", "3"])),
    ),
    Case(
        "a csv of images that are not there",
        f"{_RUN} a.csv --set data.image_column=name",
        "gone.png",
        file("a.csv", _rows(["name"], ["gone.png"])),
    ),
    Case("a csv of bytes", f"{_RUN} a.csv", "'a.csv'", file("a.csv", bytes(range(256)))),
    Case("a csv of nothing", f"{_RUN} a.csv", "'a.csv'", file("a.csv", b"")),
    Case("an archive that is none", f"{_RUN} a.tar", "'a.tar'", file("a.tar", b"no archive")),
    Case("an arrow file that is none", f"{_RUN} a.arrow", "'a.arrow'", file("a.arrow", b"x" * 99)),
    Case(
        "images that a data set makes, of another size",
        "run dcgan --steps 1 --data cdsprites --set data.crop=9",
        "cannot change that",
    ),
    Case("a split of a bundled set", "run dcgan --set data.split=tset", "no split 'tset'"),
    Case(
        "a column of a bundled set",
        "run dcgan --set data.image_column=picture",
        "no column 'picture'",
    ),
]
