"""The page as people see it: in Chromium, light and dark, as wide as a desk and as narrow as a phone.

Contrast is measured for every text that is shown, against the first background below it that is opaque, by
the formula of WCAG 2; 4.5 is what its level AA asks of small text.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.outages.browser import browser, require_chromium
from tests.outages.report_example import crowded_report, example_report

from outlast.outages.report.page import html_page

contrast_min = 4.5
SECTIONS = ("answer", "baskets", "days", "fixes", "incidents", "drills", "basis")
WIDTHS, SCHEMES = (1280, 390), ("light", "dark")
REPORTS = {"example": example_report, "crowded": crowded_report}
LOOKS = [(width, scheme, report) for width in WIDTHS for scheme in SCHEMES for report in REPORTS]

# What sticks out to the right of its section or of the window, but for what only screen readers see.
STICKING_OUT = """() => [...document.querySelectorAll('body *')].filter(e => {
  const box = e.getBoundingClientRect(), section = e.closest('section, header');
  const right = section ? section.getBoundingClientRect().right : window.innerWidth;
  return box.width > 1 && box.height > 1 && box.right > Math.min(right, window.innerWidth) + 0.5;
}).map(e => e.tagName + ' ' + e.textContent.slice(0, 40))"""

# Texts whose contents are wider than their own box.
CUT_OFF = """() => [...document.querySelectorAll('td, th, li, p, h1, h2, h3, dd, dt, .badge')].filter(
  e => e.clientWidth > 1 && e.scrollWidth > e.clientWidth + 1
).map(e => e.tagName + ' ' + e.textContent.slice(0, 40))"""

# Verdicts that have less room than their longest word needs.
SQUEEZED = """() => [...document.querySelectorAll('td .badge')].filter(
  e => e.getBoundingClientRect().width < 80).map(e => e.textContent)"""

FAINT = """least => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => v / 255).map(
      v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const found = parse(getComputedStyle(e).backgroundColor);
      if (found.length < 4 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let looked = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest('svg')) continue;
    looked += 1;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < least) found.push(`${walker.currentNode.data.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return { looked, found };
}"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    require_chromium()
    with browser() as running:
        yield running


@pytest.fixture(params=LOOKS, ids=lambda look: "-".join(map(str, look)))
def tab(request: pytest.FixtureRequest, chromium: Any) -> Iterator[Any]:
    """The page in a window, all of it unfolded; `complaints` collects what the browser says."""
    width, scheme, report = request.param
    opened = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened.complaints = []
    opened.on("console", lambda message: opened.complaints.append(message.text))
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.on("request", lambda request: opened.complaints.append(request.url))
    opened.set_content(html_page(REPORTS[report]()))
    for summary in opened.locator("summary").all():
        summary.click()
    yield opened
    opened.close()


@pytest.mark.slow
def test_the_page_can_be_read(tab: Any) -> None:
    """Nothing sticks out or is cut off, every section shows, every text has contrast, nothing is fetched."""
    assert tab.complaints == []
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert tab.evaluate(STICKING_OUT) == []
    assert tab.evaluate(CUT_OFF) == []
    assert tab.evaluate(SQUEEZED) == []
    for name in SECTIONS:
        section = tab.locator(f"#{name}")
        assert section.is_visible() and section.bounding_box()["height"] > 60
    faint = tab.evaluate(FAINT, contrast_min)
    assert faint["looked"] > 500
    assert faint["found"] == []


@pytest.mark.slow
def test_a_table_is_read_out_as_one(chromium: Any) -> None:
    """Also on a phone, where it is laid out as cards."""
    page = chromium.new_page(viewport={"width": 390, "height": 900})
    page.set_content(html_page(example_report()))
    table = page.get_by_role("table", name="Failure domains and what their loss does")
    assert table.count() == 1
    row = table.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Amazon", exact=True))
    assert row.get_by_role("cell").count() == 11
    page.close()


@pytest.mark.slow
def test_dark_is_dark_and_light_is_light(chromium: Any) -> None:
    def background(scheme: str) -> int:
        page = chromium.new_page(color_scheme=scheme)
        page.set_content(html_page(example_report()))
        found = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
        page.close()
        return sum(found)

    assert background("light") > 600 > 200 > background("dark")
