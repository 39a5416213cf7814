"""The console in a browser: with a mouse, with the keyboard alone, without JavaScript, on a phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.browser import browser, complaints, fits, phone, wait

pytestmark = pytest.mark.xdist_group("console")
CSS, LINK = "css selector", "link text"


@pytest.fixture(scope="module")
def chrome() -> Iterator:
    with browser() as chrome:
        yield chrome


def test_run_a_request(site, chrome):
    chrome.get(site.url + "/")
    chrome.find_element(LINK, "/cgi-bin/hello.py").click()
    target = chrome.find_element("name", "target")
    target.send_keys("?who=me")
    chrome.find_element(CSS, "button[value=run]").click()
    wait(chrome, lambda chrome: chrome.find_elements("id", "answer"))
    assert chrome.find_element("id", "body").text == "hello who=me"
    assert chrome.find_element("name", "target").get_attribute("value") == "/cgi-bin/hello.py?who=me"
    assert complaints(chrome) == []


def test_compare_with_one_click(site, chrome):
    chrome.get(f"{site.url}/script?path=/cgi-bin/counts.py")
    first = chrome.current_window_handle
    chrome.find_element(CSS, "button[value=compare]").click()
    wait(chrome, lambda chrome: len(chrome.window_handles) == 2)
    chrome.switch_to.window(next(handle for handle in chrome.window_handles if handle != first))
    wait(chrome, lambda chrome: "/cgi-bin/counts.py" in chrome.find_element("tag name", "body").text, 30)
    assert chrome.find_elements(CSS, "article")
    assert complaints(chrome) == []
    chrome.close()
    chrome.switch_to.window(first)


def test_the_table_stays_up_to_date(site, chrome):
    chrome.get(site.url + "/")
    row = "//tr[.//a='/cgi-bin/broken.py']"
    before = wait(chrome, lambda chrome: chrome.find_element("xpath", row).text)
    site.ask("/cgi-bin/broken.py")
    wait(chrome, lambda chrome: chrome.find_element("xpath", row).text != before)
    wait(chrome, lambda chrome: "ZeroDivisionError" in chrome.find_element("xpath", row).text)
    assert complaints(chrome) == []


def test_the_log_is_followed_and_searched(site, chrome):
    for _ in range(8):
        site.ask("/cgi-bin/broken.py")
    chrome.get(site.url + "/log")
    log = chrome.find_element("id", "log")
    count = len(log.find_elements("tag name", "li"))
    site.ask("/cgi-bin/broken.py?fresh")
    wait(chrome, lambda chrome: "broken.py?fresh" in log.text)
    assert len(log.find_elements("tag name", "li")) > count
    frame = chrome.find_element("id", "frame")
    last = "const box = arguments[0].lastElementChild.getBoundingClientRect(); return box.bottom"
    at_end = f"{last} < arguments[1].getBoundingClientRect().bottom"
    wait(chrome, lambda chrome: chrome.execute_script(at_end, log, frame))
    chrome.find_element("id", "filter").send_keys("?FRESH")
    shown = [line.text for line in log.find_elements("tag name", "li") if line.is_displayed()]
    assert shown and all("?fresh" in line for line in shown if line.startswith("["))
    assert any("ZeroDivisionError" in line for line in shown)  # an entry is shown as a whole
    chrome.find_element("id", "filter").send_keys("\b" * 6)
    wait(chrome, lambda chrome: len(log.text.splitlines()) > len(shown))
    chrome.execute_script("arguments[0].scrollTop = -9999", frame)  # who reads is left alone
    wait(chrome, lambda chrome: not chrome.find_element("id", "follow").is_selected())
    site.ask("/cgi-bin/broken.py?next")
    wait(chrome, lambda chrome: "broken.py?next" in log.text)
    assert not chrome.execute_script(at_end, log, frame)
    assert complaints(chrome) == []


def test_the_keyboard_is_enough(site, chrome):
    from selenium.webdriver import ActionChains, Keys

    def press(*keys: str) -> None:
        ActionChains(chrome).send_keys(*keys).perform()

    chrome.get(f"{site.url}/script?path=/cgi-bin/hello.py")
    seen = []
    for _ in range(12):
        press(Keys.TAB)
        focused = chrome.switch_to.active_element
        seen.append(focused.get_attribute("name") or focused.text)
        assert chrome.execute_script("return getComputedStyle(document.activeElement).outlineStyle") != "none"
        if focused.get_attribute("value") == "run":
            press(Keys.ENTER)
            break
    assert seen[:5] == ["Skip to the content", "Scripts", "Error log", "method", "target"]
    wait(chrome, lambda chrome: chrome.find_elements("id", "answer"))


def test_on_a_phone_in_the_dark(site, chrome):
    site.ask("/cgi-bin/broken.py")
    phone(chrome)
    for path in ("/", "/script?path=/cgi-bin/broken.py", "/log"):
        chrome.get(site.url + path)
        assert fits(chrome), path
        background = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
        assert max(chrome.execute_script(background)) < 60


def test_without_javascript(site):
    with browser(script=False) as chrome:
        chrome.get(site.url + "/")
        chrome.find_element(LINK, "/cgi-bin/hello.py").click()
        chrome.find_element(CSS, "button[value=run]").click()
        assert chrome.find_element("id", "body").text.strip() == "hello"
        site.ask("/cgi-bin/broken.py?plain")
        chrome.find_element(LINK, "Error log").click()
        wait(chrome, lambda chrome: "broken.py?plain" in chrome.page_source)
        site.ask("/cgi-bin/broken.py?later")
        assert not chrome.find_element("id", "filter").is_displayed()
        at_end = (
            "return document.querySelector('#log li:last-child').getBoundingClientRect().bottom < innerHeight"
        )
        assert chrome.execute_script(at_end)
        wait(chrome, lambda chrome: "broken.py?later" in chrome.page_source)
