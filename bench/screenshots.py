"""Photograph the first screen of a report for the documentation.

Usage: clipguard demo && python -m bench.screenshots clipguard-demo/backdoored/result.json

Writes docs/images/report-1280.png and report-375.png. Needs what tests/report/browser.sh fetches.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from clipguard.core import schema
from clipguard.report.html import render_html

SIZES = {1280: 960, 375: 812}
COLOURS = 64  # of the palette: text, a few accents, small pictures
_BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path)
    page = render_html(schema.loads(parser.parse_args().result.read_bytes()))
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as engine:
        file = Path(folder) / "report.html"
        file.write_bytes(page)
        browser = launch(engine)
        for width, height in SIZES.items():
            picture = photograph(browser, file, width, height)
            picture.save(f"docs/images/report-{width}.png", optimize=True)
        browser.close()


def photograph(browser: Any, file: Path, width: int, height: int) -> Image.Image:
    """The top of a page in the light scheme, in few colours."""
    tab = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
    tab.goto(file.as_uri())
    data = tab.screenshot()
    tab.close()
    return Image.open(io.BytesIO(data)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)


def launch(engine: Any) -> Any:
    """Headless Chromium, as installed or as playwright brought it.

    Raises:
        FileNotFoundError: there is none.
    """
    path = Path(next(filter(None, map(shutil.which, _BROWSERS)), engine.chromium.executable_path))
    if not path.exists():
        raise FileNotFoundError("no Chromium; run: sh tests/report/browser.sh")
    # Its sandbox needs rights that containers lack; what it opens is our own page.
    return engine.chromium.launch(executable_path=path, args=["--no-sandbox"])


if __name__ == "__main__":
    main()
