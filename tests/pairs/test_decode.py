from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from clipguard.core.errors import InputError
from clipguard.model.compat import open_clip
from clipguard.pairs.decode import read_picture, square


@pytest.mark.parametrize("size", [(40, 30), (31, 77), (224, 224), (500, 333), (10, 13), (57, 400)])
@pytest.mark.parametrize("side", [32, 64])
def test_pictures_are_cut_as_clips_validation_transform_does(picture, size, side):
    path = picture("a.png", size)
    with Image.open(path) as opened:
        transform = open_clip().image_transform(side, False, mean=(0, 0, 0), std=(1, 1, 1))
        expected = (transform(opened) * 255).round().byte().permute(1, 2, 0)
    assert np.array_equal(read_picture(path, side), expected)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.gif", "a.bmp"])
def test_formats_are_recognised_by_content(picture, name):
    path = picture(name)
    disguised = path.rename(path.with_suffix(".dat"))
    assert read_picture(disguised, 16).shape == (16, 16, 3)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_every_mode_becomes_rgb(picture, mode):
    name = "a.jpg" if mode == "CMYK" else "a.png"
    if mode == "LA":
        path = picture(name, mode="L")
        with Image.open(path) as opened:
            opened.convert("LA").save(path)
    else:
        path = picture(name, mode=mode)
    pixels = read_picture(path, 16)
    assert pixels.shape == (16, 16, 3)
    assert pixels.std() > 5


def test_sixteen_bits_are_scaled_not_cut(tmp_path):
    path = tmp_path / "deep.png"
    Image.fromarray(np.full((8, 8), 32768, np.uint16)).save(path)
    assert read_picture(path, 8).mean() == pytest.approx(128, abs=1)


def test_rotation_is_applied(picture, tmp_path):
    path = picture("a.png", (40, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter to the right
    with Image.open(path) as opened:
        opened.save(tmp_path / "turned.png", exif=exif)
    plain, turned = read_picture(path, 40), read_picture(tmp_path / "turned.png", 40)
    assert np.array_equal(turned, np.rot90(plain, -1))


def test_of_an_animation_the_first_frame_is_taken(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_picture(tmp_path / "a.gif", 8)[4, 4].tolist() == [255, 0, 0]


def bomb(width, height):
    """A PNG whose header announces a size that its data does not have."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("size", [(14000, 14000), (10000, 6000), (10**6, 51), (2**31 - 1, 1)])
def test_a_bomb_is_refused_before_decoding(tmp_path, size):
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(*size))
    with pytest.raises(InputError, match="more than 50 million pixels"):
        read_picture(path, 32)


def test_a_long_strip_needs_no_long_memory(tmp_path):
    path = tmp_path / "strip.png"
    Image.new("RGB", (200_000, 1), "red").save(path)
    assert read_picture(path, 224).shape == (224, 224, 3)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.gif", "a.bmp"])
def test_truncated_pictures_are_refused(picture, name):
    path = picture(name, (64, 64))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="cannot be used"):
        read_picture(path, 32)


@pytest.mark.parametrize(
    "data",
    [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<!DOCTYPE html>", b"%!PS-Adobe-3.0 EPSF"],
)
def test_what_is_no_picture_is_refused(tmp_path, data):
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(InputError, match="no picture"):
        read_picture(path, 32)


def test_other_formats_of_the_decoder_are_refused(picture):
    with pytest.raises(InputError, match="no picture"):
        read_picture(picture("a.tiff"), 32)


def test_a_folder_or_nothing_is_no_picture(tmp_path):
    for path in (tmp_path, tmp_path / "missing.png"):
        with pytest.raises(InputError, match="no such file"):
            read_picture(path, 32)


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_damaged_bytes_give_a_picture_or_one_clear_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damaged") / "a.png"
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "BMP"]))
    Image.linear_gradient("L").resize((24, 24)).save(path, kind)
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(raw))
    try:
        outcome = read_picture(path, 16).shape
    except InputError as error:
        outcome = error.code, str(error).count("\n")
    assert outcome in {(16, 16, 3), ("data.picture", 0)}


def test_square_keeps_the_middle():
    picture = Image.new("RGB", (90, 30), "white")
    picture.paste("red", (30, 0, 60, 30))
    assert (square(picture, 30) == (255, 0, 0)).all(axis=2).mean() > 0.9
