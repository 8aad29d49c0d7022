"""Debian's Chromium, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

# The names under which distributions have it.
_names = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """Where it is; None if there is none."""
    return next((path for name in _names if (path := shutil.which(name))), None)


def require_chromium() -> None:
    """Skip the test where there is no browser; in CI, fail."""
    if chromium() is None:
        text = "there is no Chromium here (Debian: apt-get install chromium fonts-dejavu-core)"
        pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without network. Its sandbox needs rights that a container's root does not have."""
    path = chromium()
    assert path is not None
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=Path(path), args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        try:
            yield running
        finally:
            running.close()
