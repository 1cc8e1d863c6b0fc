"""Pages of a browser that one test uses after the other.

A new page is a window and a process to Chromium, which costs it more than most tests do on it. So a
test leaves its pages as it would find new ones; one that has listeners or routes of it is closed.
"""

from typing import Any

from playwright.sync_api import Browser, BrowserContext, Error, Page

from tests.browsing import PATIENCE_S, Complaints

BLANK = "about:blank"
MOST_KEPT = 2
"""Of those that were opened with the same options. Each is a process."""
LOOK: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"}
"""Wide and light: what most tests need."""
FORGET = "() => { try { localStorage.clear(); sessionStorage.clear(); } catch { /* none here */ } }"


class Tab:
    """A page, and whoever hears of its complaints now."""

    def __init__(self, context: BrowserContext, options: dict[str, Any]) -> None:
        self.page = context.new_page()
        self.complaints = Complaints()
        self._options = options
        self.page.on("console", lambda each: self.complaints.hear(each.type, each.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self._listeners = self._listeners_now()

    def _listeners_now(self) -> dict[str, int]:
        """Routes among them."""
        page: Any = self.page._impl_obj  # what the public page has no word for
        listeners = {str(name): len(page.listeners(name)) for name in page.event_names()}
        return listeners | {"routes": len(page._routes)}

    def is_left_as_new(self) -> bool:
        """Leave what it shows and forget what it was asked; no if that cannot be forgotten."""
        if self.page.is_closed() or self._listeners_now() != self._listeners:
            return False
        try:
            self._forget()
        except Error:  # it has crashed, or another page holds it
            return False
        return True

    def _forget(self) -> None:
        page = self.page
        page.evaluate(FORGET)
        page.goto(BLANK)
        page.context.clear_cookies()
        page.context.clear_permissions()
        page.mouse.move(0, 0)
        page.set_viewport_size(self._options["viewport"])
        page.emulate_media(media="null", color_scheme=self._options["color_scheme"])


class Tabs:
    """Those of a browser. Pages opened with the same options share cookies and a cache."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: dict[str, BrowserContext] = {}
        self._left: dict[str, list[Tab]] = {}
        self._taken: list[tuple[str, Tab]] = []

    def take(self, complaints: Complaints, options: dict[str, Any]) -> Page:
        options = LOOK | options
        key = repr(sorted(options.items()))
        if key not in self._contexts:
            self._contexts[key] = context = self._browser.new_context(**options)
            context.set_default_timeout(PATIENCE_S * 1000)
        left = self._left.setdefault(key, [])
        tab = left.pop() if left else Tab(self._contexts[key], options)
        tab.complaints = complaints
        self._taken.append((key, tab))
        return tab.page

    def leave(self) -> None:
        """Whatever was taken."""
        while self._taken:
            key, tab = self._taken.pop()
            if len(self._left[key]) < MOST_KEPT and tab.is_left_as_new():
                self._left[key].append(tab)
            else:
                tab.page.close()
