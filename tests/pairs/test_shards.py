from __future__ import annotations

import io
import json
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clipguard.core.errors import ClipguardError, InputError, RefusedError
from clipguard.pairs import open_pairs
from clipguard.pairs import shards as module
from clipguard.pairs.spec import FileSpec
from clipguard.pairs.synthetic import SyntheticPairs
from clipguard.pairs.write import write_pairs

COUNT = 120


@pytest.fixture
def png(picture):
    return picture("a.png").read_bytes()


def samples(png, count=COUNT):
    """Members of whole samples: names and bytes."""
    found = []
    for index in range(count):
        found += [(f"{index:05d}.png", png), (f"{index:05d}.txt", f"caption {index}".encode())]
    return found


def write(path, members, format=tarfile.PAX_FORMAT, mtime=0):
    """A tar of ``members``: names with bytes, or whole members without content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=format) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size, info.mtime = len(member[1]), mtime
            tar.addfile(info, io.BytesIO(member[1]))
    return path


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 9), cut=st.integers(1, 4))
def test_what_synth_writes_is_read_back(tmp_path_factory, seed, count, cut):
    drawn, folder = SyntheticPairs(seed, count), tmp_path_factory.mktemp("s") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clipguard.pairs.write.PER_SHARD", cut)
        write_pairs(drawn, folder, 16, format="webdataset")
    expected = drawn.read(range(count), 16)
    for source in (folder, folder / f"{{00000..{-(-count // cut) - 1:05d}}}.tar"):
        found = open_pairs(source).read(range(count), 16)
        assert found.texts == expected.texts
        assert found.pixels.equal(expected.pixels)
        assert len(set(found.keys)) == count


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_writer_of_tars_is_read(tmp_path, png, format):
    long = "f" * 90 + "/" + "n" * 60  # too long for a plain header
    members = [(f"{long}{index}.png", png) for index in range(2)]
    members += [(f"{long}{index}.txt", b"caption %d" % index) for index in range(2)]
    path = write(tmp_path / "a.tar", sorted(members), format, mtime=1.5 if format else 0)
    assert open_pairs(path).read([1, 0], 16).texts == ("caption 1", "caption 0")


def test_captions_and_members_of_other_kinds(tmp_path, png):
    members = samples(png, 3)
    members += [("x.JPG", png), ("x.json", json.dumps({"caption": "from json"}).encode())]
    members += [("y.webp", png), ("y.cls", b"3"), ("y.json", b'{"caption": "no"}')]
    members += [("y.txt", b"\xef\xbb\xbffrom  text\n"), ("y.seg.png", b"a mask")]
    pairs = open_pairs(write(tmp_path / "a.tar", members))
    assert pairs.read([3, 4], 16).texts == ("from json", "from text")


BAD = {
    "half": [("bad.txt", b"a")],
    "no caption": [("bad.png", b"p")],
    "an empty caption": [("bad.png", b"p"), ("bad.txt", b" \n")],
    "a caption in latin 1": [("bad.png", b"p"), ("bad.txt", b"caf\xe9")],
    "json without caption": [("bad.png", b"p"), ("bad.json", b'{"caption": 7}')],
    "json in depth": [("bad.png", b"p"), ("bad.json", b"[" * 100_000)],
    "two pictures": [("bad.png", b"p"), ("bad.jpg", b"p"), ("bad.txt", b"a")],
    "a member twice": [("bad.png", b"p"), ("bad.txt", b"a"), ("bad.txt", b"b")],
    "a sample twice": [("00003.png", b"p"), ("00003.txt", b"a")],
    "upward": [("../bad.png", b"p"), ("../bad.txt", b"a")],
    "absolute": [("/etc/bad.png", b"p"), ("/etc/bad.txt", b"a")],
    "a link": [special("bad.png", tarfile.SYMTYPE, "/etc/passwd"), ("bad.txt", b"a")],
    "a hard link": [special("bad.png", tarfile.LNKTYPE, "00001.png"), ("bad.txt", b"a")],
    "a device": [special("bad.png", tarfile.CHRTYPE), ("bad.txt", b"a")],
    "a pipe": [special("bad.png", tarfile.FIFOTYPE), ("bad.txt", b"a")],
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_sample_is_left_out_and_counted(tmp_path, png, kind):
    pairs = open_pairs(write(tmp_path / "a.tar", samples(png) + BAD[kind]))
    assert len(pairs) == COUNT
    assert pairs.skipped.count == 1
    assert pairs.skipped.first[0][0] == f"a.tar sample {COUNT + 1}"
    twice = write(tmp_path / "b.tar", samples(png, 20) + BAD[kind])
    with pytest.raises(InputError, match="1 of 21 pairs cannot be used") as caught:
        open_pairs(twice)
    assert caught.value.code == "data.too_many_bad"


def test_a_huge_member_is_not_read(tmp_path, png, monkeypatch):
    monkeypatch.setattr(module, "LARGEST_PICTURE", len(png))
    pairs = open_pairs(
        write(tmp_path / "a.tar", [*samples(png), ("z.png", png + b"x"), ("z.txt", b"a")])
    )
    assert "larger than" in pairs.skipped.first[0][1]


def test_a_picture_that_is_none_is_stood_in_for(tmp_path, png):
    members = samples(png)
    members[20] = (members[20][0], b"no picture")
    pairs = open_pairs(write(tmp_path / "a.tar", members))
    assert pairs.read([10], 16).texts == ("caption 11",)
    assert pairs.skipped.first == (("a.tar sample 11", "cannot be used: no picture"),)


@pytest.mark.parametrize("name", ["a.pyd", "a.pth", "a.pickle", "a.features.pkl", "run.sh"])
def test_members_that_may_be_code_refuse_the_shard(tmp_path, png, name):
    path = write(tmp_path / "a.tar", [*samples(png, 3), (name, b"\x80\x04.")])
    with pytest.raises(RefusedError) as caught:
        open_pairs(path)
    assert caught.value.code == "data.code_member"


@pytest.mark.parametrize("keep", [0.5, 0.99])
def test_a_shard_that_is_cut_off_is_refused(tmp_path, png, keep):
    path = write(tmp_path / "a.tar", samples(png))
    data = path.read_bytes().rstrip(b"\0")
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(InputError) as caught:
        open_pairs(path)
    assert caught.value.code == "data.shard"


@pytest.mark.parametrize(
    "data", [b"", b"\x1f\x8b" + b"x" * 2000, b"PK\x03\x04" + b"x" * 2000, b"<html>" * 200]
)
def test_what_is_no_archive(tmp_path, data):
    (tmp_path / "a.tar").write_bytes(data)
    with pytest.raises(InputError) as caught:
        open_pairs(tmp_path / "a.tar")
    assert caught.value.code == "data.shard"


def test_a_missing_shard_of_a_range_is_named(tmp_path, png):
    write(tmp_path / "00.tar", samples(png, 3))
    with pytest.raises(InputError, match=r"01\.tar") as caught:
        open_pairs(tmp_path / "{00..01}.tar")
    assert caught.value.code == "data.missing"


def test_settings_of_tables_are_refused(tmp_path, png):
    path = write(tmp_path / "a.tar", samples(png, 3))
    with pytest.raises(ClipguardError, match="for tables alone"):
        open_pairs(FileSpec(str(path), settings={"image": "png"}))


def test_equal_captions_are_refused(tmp_path, png):
    members = [(name, data if name.endswith("png") else b"a photo") for name, data in samples(png)]
    with pytest.raises(InputError) as caught:
        open_pairs(write(tmp_path / "a.tar", members))
    assert caught.value.code == "data.degenerate_captions"


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_archives_are_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damaged") / "a.tar"
    members = [("a.png", b"p" * 600), ("a.txt", b"x"), ("b.png", b"q"), ("b.txt", b"y")]
    write(path, members, mtime=1.5)
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, 6000))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(raw))
    try:
        assert len(open_pairs(path)) <= 2
    except ClipguardError as error:
        assert error.code.startswith("data.")  # noqa: PT017
