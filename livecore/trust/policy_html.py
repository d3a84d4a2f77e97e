"""Policy texts as HTML: which elements one may hold, and the page that shows one."""

from html import escape
from html.parser import HTMLParser

from livecore.errors import FieldError, Invalid

ALLOWED = frozenset(
    [
        "p",
        "h2",
        "h3",
        "ul",
        "ol",
        "li",
        "dl",
        "dt",
        "dd",
        "strong",
        "em",
        "code",
        "br",
        "hr",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "a",
        "section",
        "abbr",
        "time",
        "blockquote",
    ]
)
VOID = frozenset(("br", "hr"))
ATTRIBUTES: dict[str, frozenset[str]] = {
    "a": frozenset(("href",)),
    "h2": frozenset(("id",)),
    "h3": frozenset(("id",)),
    "abbr": frozenset(("title",)),
    "time": frozenset(("datetime",)),
    "th": frozenset(("scope",)),
}
# A link may leave for the web or for mail and stay on this server; `javascript:` and `data:` may not.
LINKS = ("https://", "http://", "mailto:", "/", "#")


class _Checker(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ALLOWED:
            self.faults.append(f"<{tag}> is not taken")
        for name, value in attrs:
            if name not in ATTRIBUTES.get(tag, frozenset()):
                self.faults.append(f"{name} on <{tag}> is not taken")
            elif name == "href" and not (value or "").startswith(LINKS):
                self.faults.append("a link leads to https:, mailto: or this server")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing")

    def handle_comment(self, data: str) -> None:
        self.faults.append("comments are not taken")

    def handle_decl(self, decl: str) -> None:
        self.faults.append("declarations are not taken")

    def handle_pi(self, data: str) -> None:
        self.faults.append("processing instructions are not taken")

    def unknown_decl(self, data: str) -> None:
        self.faults.append("declarations are not taken")


def check_html(html: str) -> None:
    """Raises Invalid naming `html` unless it is well nested and made of the allowed elements alone."""
    checker = _Checker()
    checker.feed(html)
    checker.close()
    faults = checker.faults + [f"<{tag}> is not closed" for tag in checker.open]
    if faults:
        raise Invalid([FieldError("html", fault) for fault in dict.fromkeys(faults[:20])])


_STYLE = (
    ":root{color-scheme:light dark}body{font:17px/1.6 system-ui,sans-serif;max-width:44rem;margin:0 auto;padding:2rem 1.25rem 4rem}"
    "h1{line-height:1.2;margin-bottom:.25rem}.date{opacity:.75;margin-top:0}h2{margin-top:2.5rem;line-height:1.3}"
    "aside{border-inline-start:4px solid currentColor;padding:.25rem 1rem;margin:1.5rem 0;opacity:.9}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:start;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid #8886}"
    "nav a{margin-inline-end:1rem}"
)
# The page runs no script and fetches nothing.
PAGE_CSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def page(*, title: str, last_modified: str, effective: str, version: int, summary: str, html: str) -> str:
    points = "".join(f"<li>{escape(point)}</li>" for point in summary.split("\n\n"))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f'<nav><a href="/policies/privacy">Privacy</a><a href="/policies/terms">Terms</a><a href="/policies/ip">Intellectual property</a></nav>'
        f'<main><h1>{escape(title)}</h1><p class="date">Last Modified: <time datetime="{escape(last_modified)}">{escape(last_modified)}</time>'
        f" · version {version} · in force since {escape(effective)}</p>"
        f"<aside><strong>In short</strong><ul>{points}</ul></aside>{html}</main></body></html>"
    )
