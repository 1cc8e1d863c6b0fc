"""What a page says, taken apart: cards, table rows, and all its text."""

import re
from html.parser import HTMLParser

VOID = {"br", "hr", "img", "input", "link", "meta", "path", "rect", "use"}


def squeezed(text: str) -> str:
    """White space as a browser shows it: thin spaces stay."""
    return re.sub(r"[ \t\r\n]+", " ", text).strip(" ")


class PageText(HTMLParser):
    """Cards by name, each with its texts; rows of tables as texts of cells; everything."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.cards: dict[str, list[str]] = {}
        self.rows: list[list[str]] = []
        self.headline = ""
        self._parts: list[str] = []
        self._open: list[tuple[str, str]] = []
        self._texts: list[str] = []
        self._card = ""
        self.feed(html)
        self.text = squeezed(" ".join(self._parts))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        self._open.append((tag, dict(attrs).get("class") or ""))
        self._texts.append("")
        if tag == "tr":
            self.rows.append([])

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1][0] != tag:
            return
        _, classes = self._open.pop()
        text = squeezed(self._texts.pop())
        if self._texts:
            self._texts[-1] += text if tag in ("a", "span", "strong") else ""
        if tag == "dt":
            self._card = text
            self.cards.setdefault(text, [])
        elif tag == "dd":
            self.cards.setdefault(self._card, []).append(text)
        elif tag in ("td", "th") and self.rows:
            self.rows[-1].append(text)
        elif tag == "p" and "headline" in classes and not self.headline:
            self.headline = text

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][0] not in ("script", "style"):
            self._texts[-1] += data
            self._parts.append(data)
