"""Finding images and labels in tables."""

from __future__ import annotations

import datasets
import pyarrow as pa
import pytest
from pyarrow import parquet
from small_images import load, pack, picture, png, pngs, tabular, write

from ganzoo import UserError
from ganzoo.data import (
    open_source,
)
from ganzoo.schema import DataSettings

pytestmark = pytest.mark.usefixtures("caches")


def test_columns_are_found_by_their_features(tmp_path, registry):
    features = {
        "n": datasets.Value("int64"),
        "img": datasets.Image(),
        "animal": datasets.ClassLabel(names=["cat", "dog"]),
    }
    path = tabular(tmp_path, {"n": [7, 8], "img": pngs(2), "animal": [1, 0]}, features)
    images = load(path, registry)
    assert images.classes == ("cat", "dog")
    assert images.labels.tolist() == [1, 0]


@pytest.mark.parametrize("form", ["struct", "binary"])
def test_bytes_without_metadata_are_images(tmp_path, registry, form):
    values = pngs(3) if form == "struct" else [value["bytes"] for value in pngs(3)]
    table = pa.table({"picture": values, "label": [0, 4, 2]})
    parquet.write_table(table, tmp_path / "plain.parquet")
    images = load(tmp_path / "plain.parquet", registry)
    assert images.images[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert images.classes == ("0", "1", "2", "3", "4")


def test_two_columns_of_images_ask_for_one(tmp_path, registry):
    features = {"left": datasets.Image(), "right": datasets.Image()}
    path = tabular(tmp_path, {"left": pngs(2), "right": pngs(2)[::-1]}, features)
    with pytest.raises(UserError, match="2 columns of images: left, right") as caught:
        load(path, registry)
    assert "data.image_column=left" in caught.value.hint
    assert load(path, registry, image_column="right").images[:, 0, 0, 0].tolist() == [1, 0]
    with pytest.raises(UserError, match=r"no column 'rigth'.*did you mean 'right'"):
        load(path, registry, image_column="rigth")


def test_no_column_of_images_names_the_columns(tmp_path, registry):
    path = tabular(tmp_path, {"a": [1], "b": ["x"]})
    with pytest.raises(UserError, match=r"no column of images.*a \(int64\), b \(string\)"):
        load(path, registry)
    with pytest.raises(UserError, match=r"'a' of .* holds no images but int64"):
        load(path, registry, image_column="a")


def test_two_columns_of_labels_ask_for_one_unless_one_is_called_so(tmp_path, registry):
    label = datasets.ClassLabel(names=["x", "y"])
    features = {"image": datasets.Image(), "fine": label, "coarse": label}
    path = tabular(tmp_path, {"image": pngs(2), "fine": [0, 1], "coarse": [1, 0]}, features)
    with pytest.raises(UserError, match="2 columns of labels: fine, coarse"):
        load(path, registry)
    assert load(path, registry, label_column="coarse").labels.tolist() == [1, 0]
    features = {"image": datasets.Image(), "fine_label": label, "coarse_label": label}
    columns = {"image": pngs(2), "fine_label": [0, 1], "coarse_label": [1, 0]}
    path = tabular(tmp_path, columns, features, "cifar.parquet")
    assert load(path, registry).labels.tolist() == [0, 1]


def test_missing_labels_are_said_and_a_column_of_none_is_no_label(tmp_path, registry):
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=["x", "y"])}
    path = tabular(tmp_path, {"image": pngs(3), "label": [0, -1, None]}, features)
    images = load(path, registry)
    assert images.labels.tolist() == [0, -1, -1]
    assert images.notes == ("2 of 3 images have no label",)
    path = tabular(tmp_path, {"image": pngs(3), "label": [-1] * 3}, features, "none.parquet")
    assert load(path, registry).labels is None


def test_numbers_that_are_no_classes_are_refused(tmp_path, registry):
    path = tabular(tmp_path, {"image": pngs(2), "label": [-7, 3]}, None)
    with pytest.raises(UserError, match="holds -7 to 3: these are no class numbers"):
        load(path, registry)


def test_words_in_a_named_column_are_classes_of_the_same_numbers_in_each_split(tmp_path, registry):
    folder = tmp_path / "pets"
    folder.mkdir()
    kinds = {"train": ["dog", "cat", None], "test": ["emu", "dog"]}
    for split, words in kinds.items():
        columns = {"image": pngs(len(words)), "kind": words}
        features = {"image": datasets.Image(), "kind": datasets.Value("string")}
        tabular(folder, columns, features, f"{split}.parquet")
    assert load(folder, registry).labels is None
    train = load(folder, registry, label_column="kind")
    assert train.classes == ("cat", "dog", "emu")
    assert train.labels.tolist() == [1, 0, -1]
    assert load(folder, registry, label_column="kind", split="test").labels.tolist() == [2, 1]
    tabular(folder, {"image": pngs(1), "kind": ["ant"]}, features, "test.parquet")
    again = load(folder, registry, label_column="kind")
    assert again.classes == ("ant", "cat", "dog")
    assert again.labels.tolist() == [2, 1, -1]
    with pytest.raises(UserError, match="holds no class numbers but string"):
        load(folder, registry, label_column="kind", stream=True)


def test_rows_without_an_image_count_as_broken(tmp_path, registry):
    features = {"image": datasets.Image()}
    path = tabular(tmp_path, {"image": [*pngs(20), None]}, features)
    images = load(path, registry)
    assert len(images) == 20
    assert "row 20 (no image)" in images.notes[0]


def test_a_csv_of_paths_is_read_when_its_column_is_named(tmp_path, registry):
    write(tmp_path / "files" / "a.png", picture(color=9))
    (tmp_path / "list.csv").write_text("file,label\nfiles/a.png,0\nfiles/b.png,1\n")
    with pytest.raises(UserError, match="no column of images") as caught:
        load(tmp_path / "list.csv", registry)
    assert "data.image_column=file" in caught.value.hint
    images = load(tmp_path / "list.csv", registry, image_column="file", broken_share=0.5)
    assert images.images.unique().tolist() == [9]
    assert "files/b.png (No such file or directory)" in images.notes[0]


def test_arrow_and_webdataset_files_are_read(tmp_path, registry):
    members = {"0.png": png(0), "0.cls": b"0", "1.png": png(1), "1.cls": b"1"}
    pack(tmp_path / "shard.tar", members)
    images = load(tmp_path / "shard.tar", registry)
    assert images.labels.tolist() == [0, 1]
    table = datasets.Dataset.from_dict(
        {"image": pngs(3)}, features=datasets.Features(image=datasets.Image())
    )
    table.save_to_disk(str(tmp_path / "saved"))
    assert len(load(tmp_path / "saved", registry)) == 3
    [arrow] = (tmp_path / "saved").glob("*.arrow")
    assert len(load(arrow, registry)) == 3


def test_a_folder_and_a_pattern_of_parquet_files_keep_their_splits(tmp_path, registry):
    features = {"image": datasets.Image()}
    folder = tmp_path / "shards"
    folder.mkdir()
    for name, count in (("train-0.parquet", 2), ("train-1.parquet", 3), ("test-0.parquet", 4)):
        tabular(folder, {"image": pngs(count)}, features, name)
    for name in (folder, folder / "*.parquet"):
        settings = DataSettings(name=str(name))
        assert len(open_source(settings, registry, "train")) == 5
        assert len(open_source(settings, registry, "test")) == 4
    assert len(load(folder / "test-0.parquet", registry)) == 4


def test_a_table_that_is_written_again_is_read_again(tmp_path, registry):
    features = {"image": datasets.Image()}
    for count in (2, 3):
        path = tabular(tmp_path, {"image": pngs(count)}, features)
        assert len(load(path, registry)) == count


def test_an_unreadable_or_empty_table_is_one_clear_line(tmp_path, registry, capfd):
    (tmp_path / "bad.parquet").write_text("not parquet")
    with pytest.raises(UserError, match=r"cannot read .*bad\.parquet"):
        load(tmp_path / "bad.parquet", registry)
    path = tmp_path / "empty.parquet"
    none = datasets.Dataset.from_dict({"image": []}, datasets.Features({"image": datasets.Image()}))
    parquet.write_table(none.data.table, path)
    capfd.readouterr()
    with pytest.raises(UserError, match=r"empty\.parquet' is empty"):
        load(path, registry)
    assert capfd.readouterr() == ("", "")


def test_a_file_that_a_row_names_is_decoded_again_once_it_is_written_again(tmp_path, registry):
    for number in range(2):
        write(tmp_path / f"{number}.png", picture(color=number))
    (tmp_path / "names.csv").write_text("file\n0.png\n1.png\nno.png\n")
    table = tmp_path / "names.csv"
    options = {"image_column": "file", "broken_share": 0.5}
    before = load(table, registry, **options)
    assert before.images[:, 0, 0, 0].tolist() == [0, 1]
    assert load(table, registry, **options).fingerprint == before.fingerprint
    write(tmp_path / "1.png", picture(color=9))
    assert load(table, registry, **options).images[:, 0, 0, 0].tolist() == [0, 9]


@pytest.mark.parametrize("row", [{"bytes": png(7)}, {"bytes": png(7), "path": 3}])
def test_a_struct_without_paths_names_no_files(tmp_path, registry, row):
    parquet.write_table(pa.table({"img": [row, {**row, "bytes": None}]}), tmp_path / "a.parquet")
    images = load(tmp_path / "a.parquet", registry, broken_share=0.5)
    assert images.images[:, 0, 0, 0].tolist() == [7]
