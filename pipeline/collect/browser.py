"""A real Chromium, driven by Selenium, without a window."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver

from pipeline.errors import UserError

__all__ = ["find_browser", "find_driver", "opened"]

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find_browser() -> str | None:
    """The path of an installed Chromium or Chrome; the variable DARKROOM_CHROMIUM comes first."""
    return os.environ.get("DARKROOM_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)


def find_driver() -> str | None:
    """The path of an installed chromedriver; the variable DARKROOM_CHROMEDRIVER comes first."""
    return os.environ.get("DARKROOM_CHROMEDRIVER") or shutil.which("chromedriver")


@contextmanager
def opened() -> Iterator[WebDriver]:
    """A headless browser for the length of the block. Raises UserError where it will not start.

    Without an installed browser and driver, Selenium's own manager is left to fetch them.
    """
    options = Options()
    for argument in ("--headless=new", "--window-size=1200,900", "--disable-dev-shm-usage", "--no-first-run"):
        options.add_argument(argument)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium refuses to run as root with it
    browser, driver = find_browser(), find_driver()
    if browser:
        options.binary_location = browser
    try:
        window = webdriver.Chrome(options=options, service=Service(driver) if driver else Service())
    except (WebDriverException, OSError) as error:
        reason = str(getattr(error, "msg", None) or error).strip().splitlines()[0]
        raise UserError(
            f"the browser did not start ({browser or 'no Chromium found'}: {reason}); install Chromium and its driver "
            "(Debian and Ubuntu: apt-get install chromium chromium-driver) or Google Chrome, then run again"
        ) from None
    try:
        window.set_page_load_timeout(60)
        yield window
    finally:
        window.quit()
