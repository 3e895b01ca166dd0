"""The report in headless Chromium: quiet, cut off, fitting, and accessible by axe-core's rules.

Kept out of the default run: ``sh tests/report/browser.sh`` fetches what it needs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bench.screenshots import launch
from clipguard.core import schema
from clipguard.core.results import Result
from clipguard.report.html import render_html

pytestmark = [pytest.mark.a11y, pytest.mark.timeout(300)]

NEEDS = "run: sh tests/report/browser.sh"
AXE = Path(sys.prefix) / "share/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = (1280, 375, 320)
LISTEN = """
window.violations = [];
document.addEventListener("securitypolicyviolation", e => violations.push(e.violatedDirective));
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason=f"no playwright; {NEEDS}")
    with playwright.sync_playwright() as engine:
        try:
            started = launch(engine)
        except FileNotFoundError as error:
            pytest.skip(str(error))
        yield started
        started.close()


class Visit:
    """One page, opened from its file under its own policy, and whatever it caused."""

    def __init__(self, browser: Any, file: Path, *, width: int = 1280) -> None:
        self.trouble: list[str] = []
        context = browser.new_context(viewport={"width": width, "height": 800})
        context.add_init_script(LISTEN)
        context.on("request", lambda item: self._requested(item.url, file.as_uri()))
        self.page = context.new_page()
        self.page.on("console", lambda item: self.trouble.append(f"console: {item.text}"))
        self.page.on("pageerror", lambda item: self.trouble.append(f"error: {item}"))
        self.page.on("dialog", lambda item: self.trouble.append(f"dialog: {item.message}"))
        self.page.goto(file.as_uri(), wait_until="load")
        self.page.wait_for_timeout(50)
        violations = self.page.evaluate("violations")
        self.trouble += [f"policy: {item}" for item in violations]

    def _requested(self, url: str, own: str) -> None:
        if url.partition("#")[0] != own and not url.startswith("data:"):
            self.trouble.append(f"request: {url}")

    def overflow(self) -> int:
        """Pixels that the page is wider than the window, with everything unfolded."""
        self.page.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")
        found: int = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return found

    def close(self) -> None:
        self.page.context.close()


def faults(browser: Any, file: Path, scheme: str, width: int) -> list[str]:
    """What axe-core finds; the policy is set aside, since it would keep axe-core out as well."""
    if not AXE.exists():
        pytest.skip(f"no axe-core; {NEEDS}")
    context = browser.new_context(
        bypass_csp=True, color_scheme=scheme, viewport={"width": width, "height": 800}
    )
    page = context.new_page()
    page.goto(file.as_uri())
    page.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")
    page.add_script_tag(path=AXE)
    found = page.evaluate(
        "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", RULES
    )
    context.close()
    assert found["passes"]
    return [
        f"{item['id']}: {node['html'][:200]}"
        for item in found["violations"]
        for node in item["nodes"]
    ]


@pytest.fixture
def file(shape: Result, tmp_path: Path) -> Path:
    """The page of one result of every shape."""
    path = tmp_path / "report.html"
    path.write_bytes(render_html(shape))
    return path


def test_page_is_quiet_and_fits_every_screen(browser: Any, file: Path) -> None:
    for width in WIDTHS:
        visit = Visit(browser, file, width=width)
        assert visit.trouble == []
        assert visit.overflow() <= 0, width
        visit.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 320)])
def test_page_is_accessible(browser: Any, file: Path, scheme: str, width: int) -> None:
    assert faults(browser, file, scheme, width) == []


def test_the_result_can_be_downloaded(
    browser: Any, shapes: dict[str, Result], tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    path.write_bytes(render_html(shapes["audit"]))
    visit = Visit(browser, path)
    with visit.page.expect_download() as waiting:
        visit.page.get_by_role("link", name="Download the result").click()
    waiting.value.save_as(tmp_path / "result.json")
    found = schema.loads((tmp_path / "result.json").read_bytes())
    assert found.delivered.verdict == shapes["audit"].delivered.verdict
    assert visit.trouble == []
    visit.close()


def test_hostile_names_stay_inert_and_fit(
    browser: Any,
    build: ModuleType,
    shapes: dict[str, Result],
    spoil: Callable[[Any, str], Any],
    tmp_path: Path,
) -> None:
    path = tmp_path / "hostile.html"
    for text in (*build.HOSTILE, "a" * 1_000_000, "<b>\u202e\x1b[31m" * 100_000):
        path.write_bytes(render_html(spoil(shapes["audit"], text)))
        assert path.stat().st_size < 2_000_000
        visit = Visit(browser, path, width=320)
        assert visit.trouble == []
        assert visit.overflow() <= 0, text[:20]
        visit.close()
    assert faults(browser, path, "light", 320) == []


def test_trouble_would_be_noticed(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "bad.html"
    path.write_text(
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">'
        '<p style="width: 4000px">wide</p><img src="http://127.0.0.1:9/x.png">'
        "<script>alert(1)</script>"
    )
    visit = Visit(browser, path)
    kinds = {item.partition(":")[0] for item in visit.trouble}
    assert {"console", "policy"} <= kinds
    visit.close()
    path.write_text('<p style="width: 4000px">wide</p><img src="http://127.0.0.1:9/x.png">')
    visit = Visit(browser, path)
    assert "request: http://127.0.0.1:9/x.png" in visit.trouble
    assert visit.overflow() > 0
    visit.close()
    assert any(item.startswith("image-alt") for item in faults(browser, path, "light", 320))
