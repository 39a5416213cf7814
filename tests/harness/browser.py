"""A real browser: headless chromium, driven by way of chromedriver."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

T = TypeVar("T")


@contextmanager
def browser(script: bool = True) -> Iterator[Chrome]:
    """A browser, with JavaScript or without; skips the test where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("needs chromium and chromedriver (apt-get install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,900"):
        options.add_argument(flag)
    if not script:
        prefs = {"profile.managed_default_content_settings.javascript": 2}
        options.add_experimental_option("prefs", prefs)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    chrome.implicitly_wait(10)  # a click returns before the page it leads to is there
    try:
        yield chrome
    finally:
        chrome.quit()


def wait(chrome: Chrome, find: Callable[[Chrome], T], timeout: float = 30) -> T:
    """Until `find` gives something true, which is returned. What it looks at may be replaced meanwhile."""
    from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
    from selenium.webdriver.support.wait import WebDriverWait

    passing = (NoSuchElementException, StaleElementReferenceException)
    return WebDriverWait(chrome, timeout, 0.05, ignored_exceptions=passing).until(find)


def phone(chrome: Chrome) -> None:
    """The screen of a phone from now on, and its owner likes it dark."""
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def fits(chrome: Chrome) -> bool:
    """Is the page no wider than the screen?"""
    return chrome.execute_script("return document.documentElement.scrollWidth <= innerWidth")


def complaints(chrome: Chrome) -> list[str]:
    """What the browser has found wrong: violated policies, missing files, errors of scripts."""
    return [entry["message"] for entry in chrome.get_log("browser")]
