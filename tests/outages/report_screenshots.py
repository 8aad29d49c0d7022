"""Pictures of the report for the docs: `make images` writes them. Needs Chromium."""

import sys
from pathlib import Path
from typing import Literal, NamedTuple

from tests.outages.browser import browser
from tests.outages.report_example import example_report

from outlast.outages.report.page import html_page


class Picture(NamedTuple):
    name: str
    width: int
    height: int
    scheme: Literal["light", "dark"]
    section: str
    """Where it begins."""


PICTURES = (
    Picture("report", 1280, 960, "light", "answer"),
    Picture("report-dark", 1280, 960, "dark", "answer"),
    Picture("report-days", 1280, 960, "light", "days"),
    Picture("report-phone", 390, 844, "light", "answer"),
    Picture("report-phone-dark", 390, 844, "dark", "days"),
)


def main(folder: Path) -> None:
    """Write each as a PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    page = html_page(example_report())
    with browser() as chromium:
        for picture in PICTURES:
            size = {"width": picture.width, "height": picture.height}
            tab = chromium.new_page(viewport=size, color_scheme=picture.scheme)
            tab.set_content(page)
            if picture.section != "answer":
                tab.evaluate("name => document.getElementById(name).scrollIntoView()", picture.section)
            tab.screenshot(path=folder / f"{picture.name}.png")
            tab.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
