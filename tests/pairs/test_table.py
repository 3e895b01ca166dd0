from __future__ import annotations

import os
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clipguard.core.errors import ClipguardError, InputError
from clipguard.pairs import open_pairs
from clipguard.pairs.spec import parse_files

COUNT = 120


@pytest.fixture
def rows(picture):
    for index in range(5):
        picture(f"img/{index}.png")
    return [(f"img/{index % 5}.png", f"caption {index}") for index in range(COUNT)]


def write(tmp_path, rows, head="filepath,title", separator=",", encoding="utf-8", end="\n"):
    path = tmp_path / "pairs.csv"
    lines = [head.replace(",", separator), *(separator.join(row) for row in rows)]
    path.write_bytes((end.join(lines) + end).encode(encoding))
    return path


def code_of(path):
    with pytest.raises(InputError) as caught:
        open_pairs(path)
    return caught.value.code


@pytest.mark.parametrize("separator", [",", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("head", ["filepath,title", "image,caption", "Image , Caption "])
def test_tables_are_read_as_people_write_them(tmp_path, rows, head, separator, encoding, end):
    pairs = open_pairs(write(tmp_path, rows, head, separator, encoding, end))
    assert len(pairs) == COUNT
    assert not pairs.synthetic
    batch = pairs.read([7, 0], 32)
    assert batch.texts == ("caption 7", "caption 0")
    assert batch.pixels.shape == (2, 3, 32, 32)


@pytest.mark.parametrize("separator", [";", "|"])
def test_rare_separators_are_found_too(tmp_path, rows, separator):
    assert len(open_pairs(write(tmp_path, rows, separator=separator))) == COUNT


def test_columns_separator_and_root_may_be_given(tmp_path, rows, picture):
    table = tmp_path / "deep/t.csv"
    table.parent.mkdir()
    lines = [f"{text};{name};no" for name, text in rows]
    table.write_text("\n".join(["Alt Text;photo;caption", *lines]))
    spec = parse_files(f"{table}:image=photo:caption=alt text:separator=semicolon:root=..")
    assert open_pairs(spec).read([3], 16).texts == ("caption 3",)


def test_the_column_given_is_the_one_taken(tmp_path, rows):
    path = write(tmp_path, rows, "image,caption")
    with pytest.raises(InputError, match="wanted: one of photo and one of title") as caught:
        open_pairs(parse_files(f"{path}:image=photo"))
    assert caught.value.code == "data.columns"
    assert "image, caption" in caught.value.what


def test_absolute_paths_inside_the_folder_are_fine(tmp_path, rows):
    rows[4] = (str(tmp_path / rows[4][0]), rows[4][1])
    assert open_pairs(write(tmp_path, rows)).read([4], 16).texts == ("caption 4",)


def test_columns_may_stand_anywhere_and_captions_be_quoted(tmp_path, rows):
    table = tmp_path / "t.csv"
    lines = [
        f'{index},"a dog, ""big""\n and {index}",{name}' for index, (name, _) in enumerate(rows)
    ]
    table.write_text("\n".join(["id,text,path", *lines]))
    assert open_pairs(table).read([3], 16).texts == ('a dog, "big" and 3',)


def test_the_description_names_the_content_not_the_place(tmp_path, rows):
    path = write(tmp_path, rows)
    first = open_pairs(path).id
    assert str(tmp_path) not in first
    moved = path.rename(tmp_path / "other.csv")
    assert open_pairs(moved).id == first
    assert open_pairs(write(tmp_path, rows[:-1])).id != first


@pytest.mark.parametrize("head", ["a,b", "filepath,label", "url,caption", ""])
def test_wrong_columns_are_listed(tmp_path, rows, head):
    path = write(tmp_path, rows, head)
    with pytest.raises(InputError, match="wanted: one of filepath, image") as caught:
        open_pairs(path)
    assert caught.value.code == "data.columns"
    assert head.split(",")[-1] in caught.value.what


def test_latin_1_is_refused_with_its_place(tmp_path, rows):
    path = write(tmp_path, [*rows, ("img/0.png", "café")], encoding="latin-1")
    with pytest.raises(InputError, match=r"not UTF-8 \(byte \d+\)"):
        open_pairs(path)


@pytest.mark.parametrize("name", ["/etc/hostname", "../x.png", "img/../../x.png", "C:\\x.png"])
def test_paths_that_leave_the_folder_are_refused(tmp_path, rows, name):
    path = write(tmp_path, [*rows, (name, "caption")])
    assert code_of(path) in {"path.escape", "data.scheme"}


@pytest.mark.parametrize(
    "name", ["http://example.org/a.png", "file:///etc/passwd", "FILE:a.png", "pipe:rm -rf x"]
)
def test_urls_are_not_fetched(tmp_path, rows, name):
    assert code_of(write(tmp_path, [*rows, (name, "caption")])) == "data.scheme"


def test_a_link_out_of_the_folder_is_refused(tmp_path, picture):
    inside = tmp_path / "inside"
    inside.mkdir()
    os.symlink(picture("outside.png"), inside / "link.png")
    assert code_of(write(inside, [("link.png", "caption")])) == "path.escape"


def test_one_percent_may_be_bad(tmp_path, rows):
    pairs = open_pairs(write(tmp_path, [*rows, ("img/missing.png", "caption")]))
    assert len(pairs) == COUNT
    assert pairs.skipped.count == 1
    assert pairs.skipped.first == ((f"row {COUNT + 1}", "no file img/missing.png"),)


@pytest.mark.parametrize("bad", [("img/missing.png", "a"), ("img/0.png", " "), ("", "a"), ("x",)])
def test_more_is_too_many(tmp_path, rows, bad):
    path = write(tmp_path, [*rows, bad, bad])
    with pytest.raises(InputError, match=f"2 of {COUNT + 2} pairs cannot be used") as caught:
        open_pairs(path)
    assert caught.value.code == "data.too_many_bad"
    assert f"row {COUNT + 1} (" in caught.value.what
    assert f", row {COUNT + 2}" in caught.value.what


def test_a_broken_picture_is_stood_in_for_and_counted(tmp_path, rows):
    (tmp_path / "img/broken.png").write_bytes(b"no picture")
    rows[10] = ("img/broken.png", "the broken one")
    pairs = open_pairs(write(tmp_path, rows))
    first, again = pairs.read([10, 11], 16), pairs.read([10], 16)
    assert first.texts == ("caption 11", "caption 11")
    assert torch.equal(first.pixels[0], again.pixels[0])
    assert pairs.skipped.count == 1
    assert pairs.skipped.first == (("row 11", "cannot be used: no picture"),)


def test_a_broken_picture_is_stood_in_for_from_its_own_part(tmp_path, rows):
    (tmp_path / "img/broken.png").write_bytes(b"no picture")
    rows[10] = ("img/broken.png", "the broken one")
    part = open_pairs(write(tmp_path, rows)).take(np.array([10, 50]))
    assert part.read([0, 1], 16).texts == ("caption 50", "caption 50")


def test_threads_read_the_same_and_count_once(tmp_path, rows):
    (tmp_path / "img/broken.png").write_bytes(b"no picture")
    rows[10] = ("img/broken.png", "the broken one")
    path = write(tmp_path, rows)
    alone = open_pairs(path).read(range(20), 16)
    shared = open_pairs(path)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: shared.read(range(20), 16), range(8)))
    assert all(batch.texts == alone.texts for batch in found)
    assert all(torch.equal(batch.pixels, alone.pixels) for batch in found)
    assert shared.skipped.count == 1


def test_memory_does_not_grow_with_the_captions(tmp_path, picture):
    picture("a.png")
    path = tmp_path / "pairs.csv"
    with path.open("w") as file:
        file.write("filepath,title\n")
        file.writelines(f"a.png,{index} {'x' * 2000}\n" for index in range(3000))
    tracemalloc.start()
    pairs = open_pairs(path)
    pairs.read([2999], 16)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < path.stat().st_size / 4


def test_a_table_that_changes_is_not_misread(tmp_path, rows):
    path = write(tmp_path, rows)
    pairs = open_pairs(path)
    write(tmp_path, [("img/0.png", "x"), *rows])
    with pytest.raises(InputError) as caught:
        pairs.read([0], 16)
    assert caught.value.code == "data.changed"


def test_an_endless_line_is_refused(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_bytes(b"filepath,title\na.png," + b"x" * (2 << 20))
    assert code_of(path) == "data.table"


def test_many_broken_pictures_stop_the_reading(tmp_path, rows):
    (tmp_path / "img/broken.png").write_bytes(b"no picture")
    rows[10] = rows[40] = ("img/broken.png", "caption")
    pairs = open_pairs(write(tmp_path, rows))
    pairs.read([10], 16)
    with pytest.raises(InputError, match="at most 1%"):
        pairs.read([40], 16)


def test_equal_captions_are_refused(tmp_path, rows):
    path = write(tmp_path, [(name, "a photo") for name, _ in rows])
    assert code_of(path) == "data.degenerate_captions"


def test_a_header_alone_is_empty(tmp_path):
    assert code_of(write(tmp_path, [])) == "data.empty"


def test_formulas_and_markup_are_text(tmp_path, rows):
    rows[0] = (rows[0][0], "=cmd|'/c calc'!A0 <script>")
    assert open_pairs(write(tmp_path, rows)).read([0], 16).texts == ("=cmd|'/c calc'!A0 <script>",)


@pytest.mark.parametrize("index", [-1, COUNT])
def test_an_index_outside_is_refused(tmp_path, rows, index):
    with pytest.raises(IndexError):
        open_pairs(write(tmp_path, rows)).read([index], 16)


@settings(max_examples=150, deadline=None)
@given(data=st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_any_bytes_give_one_clear_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("any") / "pairs.csv"
    path.write_bytes(b"filepath,title\n" + data if len(data) % 2 else data)
    with pytest.raises(ClipguardError) as caught:
        open_pairs(path)
    assert caught.value.code.startswith(("data.", "path."))
    assert "\n" not in caught.value.what
