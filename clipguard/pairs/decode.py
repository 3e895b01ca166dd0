"""Pictures from outside, decoded with limits and cut square as CLIP's validation transform does."""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from clipguard.core.errors import InputError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
MAX_PIXELS = 50_000_000
# Resizing the short side of a longer strip than this to the model's size would need the memory
# that the limit on pixels is there to save.
_MAX_ASPECT = 8


def read_picture(picture: Path | bytes, image_size: int, *, where: str = "") -> np.ndarray:
    """(S, S, 3) uint8: EXIF rotation applied, RGB, shortest side resized, centre cut.

    Of an animation, the first frame.

    Args:
        picture: a regular file, or what one holds.
        image_size: S in pixels.
        where: how errors call it; default: its path.

    Raises:
        InputError: not one of :data:`FORMATS`, truncated, broken, or above :data:`MAX_PIXELS`.
    """
    if isinstance(picture, Path):
        where = where or str(picture)
        if not picture.is_file():
            raise _refusal("no such file", where)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            return square(_decode(picture), image_size)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning, _TooLargeError):
            what = f"more than {MAX_PIXELS // 1_000_000} million pixels"
            raise _refusal(what, where) from None
        except Exception as error:  # decoders raise anything at all on broken bytes
            what = " ".join(str(error).split()) or type(error).__name__
            reason = "no picture" if isinstance(error, UnidentifiedImageError) else what
            raise _refusal(reason, where) from error


def square(picture: Image.Image, image_size: int) -> np.ndarray:
    """(S, S, 3) uint8 of an RGB picture: shortest side to S (bicubic), then the centre."""
    picture = _shortened(picture)
    width, height = picture.size
    short = min(width, height)
    size = (int(image_size * width / short), int(image_size * height / short))
    resized = picture.resize(size, Image.Resampling.BICUBIC)
    left, top = round((size[0] - image_size) / 2), round((size[1] - image_size) / 2)
    return np.asarray(resized.crop((left, top, left + image_size, top + image_size)))


class _TooLargeError(Exception):
    """The header announces too many pixels."""


def _decode(picture: Path | bytes) -> Image.Image:
    file = BytesIO(picture) if isinstance(picture, bytes) else picture
    with Image.open(file, formats=FORMATS) as opened:
        if opened.width * opened.height > MAX_PIXELS:
            raise _TooLargeError
        opened.load()
        return _to_rgb(ImageOps.exif_transpose(opened))


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):  # 16 bits; Pillow would cut them at 255 instead of scaling
        grey = np.asarray(picture, dtype=np.float64) / 257
        return Image.fromarray(np.rint(grey.clip(0, 255)).astype(np.uint8)).convert("RGB")
    if picture.mode == "P" and "transparency" in picture.info:
        picture = picture.convert("RGBA")
    return picture.convert("RGB")


def _shortened(picture: Image.Image) -> Image.Image:
    """The middle of a very long strip."""
    width, height = picture.size
    keep = min(width, height) * _MAX_ASPECT
    if max(width, height) <= keep:
        return picture
    new = (min(width, keep), min(height, keep))
    left, top = (width - new[0]) // 2, (height - new[1]) // 2
    return picture.crop((left, top, left + new[0], top + new[1]))


def _refusal(what: str, where: str) -> InputError:
    return InputError("data.picture", f"cannot be used: {what}", where=where)
