"""Words as coverage masks, set in the bundled font so that no system font matters."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SUPERSAMPLING = 2
_FONT = "DejaVuSans-Bold.ttf"
# Ascent of capitals and depth of descenders of the bundled font, in units of the font size.
_CAPITALS = 0.76
_DESCENDERS = 0.24


def render_mask(text: str, height_px: int, *, angle: float = 0.0) -> np.ndarray:
    """Coverage of one line of text.

    Args:
        text: what to write; line breaks count as spaces, blank text gives an empty mask.
        height_px: rows from the top of capitals to the bottom of descenders, at least 1.
        angle: counter-clockwise rotation in degrees; the mask grows to hold the turned line.

    Returns:
        (h, w) float32 in 0..1; h is ``height_px`` unless turned, w is trimmed to the ink.
    """
    line = " ".join(text.split())
    ink = _line(line, max(int(height_px), 1)) if line else _blank(height_px)
    if angle:
        ink = ink.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    return np.asarray(ink, dtype=np.float32) / 255


@lru_cache(maxsize=256)
def _line(text: str, height: int) -> Image.Image:
    fine = height * SUPERSAMPLING
    font = _font(fine)
    left, _, right, _ = font.getbbox(text, anchor="ls")
    columns = max(-(-int(right - left) // SUPERSAMPLING), 1)
    canvas = Image.new("L", (columns * SUPERSAMPLING, fine))
    base = round(fine * _CAPITALS)
    ImageDraw.Draw(canvas).text((-left, base), text, fill=255, font=font, anchor="ls")
    ink = canvas.reduce(SUPERSAMPLING)
    inked = ink.getbbox()  # the font's own box ends with the space that follows a letter
    return ink.crop((inked[0], 0, inked[2], ink.height)) if inked else ink


def _blank(height: int) -> Image.Image:
    return Image.new("L", (1, max(int(height), 1)))


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    # The basic layout engine is part of every Pillow; the other one depends on a system library.
    return ImageFont.truetype(BytesIO(_data()), size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=1)
def _data() -> bytes:
    return (files("clipguard.draw") / "fonts" / _FONT).read_bytes()
