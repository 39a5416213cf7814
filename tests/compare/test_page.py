"""The page of a comparison in a real browser: filter, search, keys, light and dark, phone, no JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cgicompat.compare.html import page, policy
from cgicompat.compare.report import Report
from tests.compare.conftest import run
from tests.harness.browser import browser as chrome
from tests.harness.browser import complaints, fits

if TYPE_CHECKING:
    from selenium.webdriver.remote.webdriver import WebDriver

TAB, ENTER, SPACE = "\ue004", "\ue007", " "  # WebDriver, keyboard actions


class Browser:
    """A browser that shows one page."""

    def __init__(self, driver: WebDriver) -> None:
        self.driver = driver

    def show(self, file: Path, *, width: int = 1200, dark: bool = False, script: bool = True) -> Browser:
        """Load it anew, on a screen of that width, in the reader's colours."""
        self._set(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        colour = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._set("Emulation.setEmulatedMedia", features=[colour])
        self._set("Emulation.setScriptExecutionDisabled", value=not script)
        self.driver.get(file.as_uri())
        return self

    def _set(self, command: str, **values: object) -> None:
        self.driver.execute_cdp_cmd(command, values)

    def find(self, selector: str) -> list:
        return self.driver.find_elements("css selector", selector)

    def one(self, selector: str):
        return self.driver.find_element("css selector", selector)

    def shown(self, selector: str) -> list[str]:
        """The texts of those that can be seen."""
        code = "return [...document.querySelectorAll(arguments[0])].filter((e) => e.checkVisibility())"
        return self.driver.execute_script(f"{code}.map((e) => e.innerText)", selector)

    def run(self, code: str) -> object:
        return self.driver.execute_script(code)

    def press(self, *keys: str) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chrome() as driver:
        yield Browser(driver)


@pytest.fixture(scope="module")
def file(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(page(report))
    return file


def test_nothing_is_loaded_from_elsewhere(report: Report) -> None:
    text = page(report)
    assert "http://" not in text
    assert "https://" not in text
    assert policy().startswith("default-src 'none'")


def test_what_scripts_print_is_text(tmp_path: Path) -> None:
    (tmp_path / "cgi-bin").mkdir()
    (tmp_path / "cgi-bin" / "x.py").write_text(
        "import sys\nprint('Content-Type: text/html\\n\\n</pre></script><script>alert(1)</script>\\x1b[2J')\n"
        "print('cgicompat.runners.warm' in sys.modules, '<b>')\n"
    )
    text = page(run(tmp_path, repeat=2))
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;␛[2J" in text
    assert text.count("<script>") == 1


def test_the_filter(browser: Browser, file: Path, report: Report) -> None:
    browser.show(file)
    articles = len(report.scripts)
    assert len(browser.shown("article")) == articles
    assert browser.one("#shown").text == f"{articles} of {articles} shown"
    browser.one("#only").click()
    different = [script.path for script in report.scripts if not script.same]
    assert browser.shown("article h3") == browser.shown("table.summary tbody th") == different
    assert browser.one("#shown").text == f"{len(different)} of {articles} shown"
    browser.one("#search").send_keys("body")
    assert browser.shown("article h3") == ["/cgi-bin/differs_body.py"]
    browser.one("#search").send_keys("xyz")
    assert browser.shown("#nothing") == ["Nothing here fits the filter."]


def test_a_difference_is_opened(browser: Browser, file: Path) -> None:
    browser.show(file)
    article = "article[data-name='/cgi-bin/differs_body.py'] "
    opened = [
        element.get_attribute("open") is not None for element in browser.find(article + "details.runner")
    ]
    assert opened == [True, False]  # cgihandler, fork
    assert browser.shown(article + "tr.differs mark") == ["alone", "in a pool"]
    browser.find(article + "details.runner summary")[1].click()
    assert browser.shown(article + "tr.differs mark") == ["alone", "in a pool"] * 2
    browser.one("#close").click()
    assert browser.shown("article table.diff") == []
    browser.one("#open").click()
    assert len(browser.shown("article table.diff")) > 30


def test_the_keyboard_is_enough(browser: Browser, file: Path) -> None:
    browser.show(file)
    seen = []
    for _ in range(2):
        browser.press("n")
        seen.append(browser.run("return document.activeElement.dataset.name"))
    browser.press("p")
    assert browser.run("return document.activeElement.dataset.name") == seen[0] != seen[1]
    browser.press("/")
    browser.press("unstable", TAB)
    assert browser.run("return document.activeElement.id") == "open"
    assert browser.shown("article h3") == ["/cgi-bin/unstable.py"]
    browser.show(file)
    browser.press(TAB, SPACE)
    assert browser.run("return document.querySelector('#only').checked")
    browser.run("document.querySelector('article[data-state=differs] summary').focus()")
    browser.press(ENTER)
    assert browser.run("return document.activeElement.parentElement.open") is False


def test_light_and_dark(browser: Browser, file: Path) -> None:
    def contrast() -> float:
        code = """
            const style = getComputedStyle(document.body);
            const light = (text) => {
              const [r, g, b] = text.match(/\\d+/g).map((x) => x / 255)
                .map((x) => (x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
              return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            return [light(style.color), light(style.backgroundColor)];
        """
        ink, paper = browser.run(code)  # type: ignore[misc]
        return (ink + 0.05) / (paper + 0.05)

    browser.show(file)
    assert contrast() < 1 / 7
    browser.show(file, dark=True)
    assert contrast() > 7


@pytest.mark.parametrize("width", [320, 390, 800])
def test_a_narrow_screen_scrolls_one_way(browser: Browser, file: Path, width: int) -> None:
    browser.show(file, width=width)
    browser.one("#open").click()
    assert fits(browser.driver)
    left, right = browser.find("article[data-name='/cgi-bin/differs_body.py'] tr.differs td:not(.n)")[:2]
    stacked = right.rect["y"] > left.rect["y"]
    assert stacked is (width < 700)


def test_without_javascript(browser: Browser, file: Path, report: Report) -> None:
    browser.show(file, script=False)
    try:
        assert len(browser.shown("article")) == len(report.scripts)
        assert browser.shown("#search") == []  # it would do nothing
        browser.one("#only").click()
        assert len(browser.shown("article")) == sum(not script.same for script in report.scripts)
    finally:
        browser.show(file)


def test_the_browser_has_no_complaint(browser: Browser, file: Path) -> None:
    complaints(browser.driver)
    browser.show(file)
    assert complaints(browser.driver) == []
