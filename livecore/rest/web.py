"""The web demo over HTTP: its pages, its modules and the few files of other makers that it needs.

Three kinds of address, all below the server's own origin:

- a page (`/`, `/watch/{id}`, …) answers the same shell, `index.html`; the client's router draws what the path says, so
  that a deep link survives a reload;
- `/assets/{build}/…` is `clients/web-demo`, `/vendor/{build}/…` the named files of its `node_modules`. `build` is a digest
  of all of them: a file at such an address never changes (`immutable`, RFC 8246), and a new build has new addresses;
- `/docs` is the page that shows `/openapi.json`.

The policy of the pages (CSP level 3) allows scripts, styles and connections of this origin alone, and no inline script.
"""

import functools
import gzip
import hashlib
import mimetypes
import posixpath
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from livecore import errors

# The client as it stands beside the package in a checkout.
WEB_DEMO = Path(__file__).resolve().parents[2] / "clients" / "web-demo"

# What the client may load from node_modules, by the name it has at /vendor. Nothing else of that folder is reachable.
VENDOR_FILES = {
    "socket.io.js": "socket.io-client/dist/socket.io.esm.min.js",
    "hls.js": "hls.js/dist/hls.min.mjs",
    "swagger-ui.js": "swagger-ui-dist/swagger-ui-bundle.js",
    "swagger-ui.css": "swagger-ui-dist/swagger-ui.css",
}

# The paths that the client's router knows; `{…}` is one segment. Each answers the shell.
PAGES = (
    "/",
    "/signup",
    "/signin",
    "/forgot",
    "/verify",
    "/discover",
    "/live",
    "/upload",
    "/watch/{live}",
    "/guest/{live}",
    "/video/{video}",
    "/video/{video}/insights",
    "/post/{post}",
    "/search",
    "/messages",
    "/messages/{conversation}",
    "/call/{call}",
    "/join/{token}",
    "/people",
    "/meet",
    "/contacts",
    "/friend/{token}",
    "/u/{username}",
    "/me",
    "/me/{section}",
    "/policies",
    "/policies/{kind}",
    "/claim",
    "/claim/{claim}",
    "/staff",
    "/staff/{section}",
    "/staff/{section}/{item}",
)

# Below these a program asks, even from a browser's address bar.
NOT_PAGES = ("/api/", "/assets/", "/vendor/")


# `blob:` carries pictures fetched with a token, previews and Media Source playback; `data:` the API page's own icons.
def origin_of(address: str) -> str:
    """Scheme, host and port of an address; empty of an empty one."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def content_security_policy(media_origin: str = "") -> str:
    """`media_origin`: of the store that sends pictures and films itself, where it does (`send_files = "redirect"`)."""
    media = f"'self' {media_origin}".strip()
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src {media} blob: data:",
            f"media-src {media} blob:",
            f"connect-src {media}",
            "manifest-src 'self'",
            "worker-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


PAGE_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    # The shell is checked at each visit (a 304 of no body); what it names is immutable.
    "Cache-Control": "no-cache",
}

ASSET_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "public, max-age=31536000, immutable",
}

# Shorter bodies gain nothing from gzip: the header and the table cost more than they save.
GZIP_FROM_BYTES = 600
SOURCE_SUFFIXES = frozenset({".css", ".html", ".js", ".json", ".svg", ".webmanifest", ".png"})
# Python's table differs between systems; modules are refused by browsers under any but a JavaScript type.
MEDIA_TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json", ".svg": "image/svg+xml"}


# `import … from "./x.js"` and `export … from "./x.js"`; an import() inside a function is loaded when it is needed.
_STATIC_IMPORT = re.compile(r'^(?:import|export)\b[^"]*?\bfrom "(\.[^"]+)"', re.MULTILINE)


@dataclass(frozen=True)
class Asset:
    """One file, held in memory."""

    body: bytes = field(repr=False)
    content_type: str
    etag: str

    @functools.cached_property
    def gzipped(self) -> bytes | None:
        """None where compressing gains nothing. Made when it is first asked for: all at once would hold a start up."""
        if len(self.body) < GZIP_FROM_BYTES:
            return None
        packed = gzip.compress(self.body, 6, mtime=0)
        return packed if len(packed) < len(self.body) else None


def asset(name: str, body: bytes) -> Asset:
    suffix = Path(name).suffix
    content_type = MEDIA_TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    if content_type.startswith("text/") or suffix in {".json", ".svg", ".webmanifest"}:
        content_type += "; charset=utf-8"
    return Asset(body, content_type, f'"{hashlib.sha256(body).hexdigest()[:24]}"')


class WebDemo:
    """The files of the demo as they were at start, and the routes that serve them.

    `root` is `clients/web-demo`; `media_origin` as of `content_security_policy`. Where its `node_modules` is absent the pages still come; `/vendor` then answers 404
    with the command that installs it.
    """

    def __init__(self, root: Path, media_origin: str = "") -> None:
        self._headers = PAGE_HEADERS | {"Content-Security-Policy": content_security_policy(media_origin)}
        sources = {name: (root / name).read_bytes() for name in sorted(_source_names(root))}
        vendor = {name: path.read_bytes() for name, inner in VENDOR_FILES.items() if (path := root / "node_modules" / inner).is_file()}
        digest = hashlib.sha256()
        for name, body in [*sources.items(), *vendor.items()]:
            digest.update(f"{name}\0{len(body)}\0".encode())
            digest.update(body)
        self.build = digest.hexdigest()[:12]
        self.assets = {name: asset(name, body) for name, body in sources.items() if not name.endswith(".html")}
        self.vendor = {name: asset(name, body) for name, body in vendor.items()}
        self.shell = self._page(sources, "index.html")
        self.docs = self._page(sources, "docs.html")

    @staticmethod
    @functools.cache
    def at(root: Path, media_origin: str = "") -> "WebDemo":
        """The one of this process, read when it is first asked for."""
        return WebDemo(root, media_origin)

    def _page(self, sources: dict[str, bytes], name: str) -> Asset:
        """A page with the build and the list of modules put in; ValueError where the client is not there at all."""
        if name not in sources:
            raise ValueError(f"clients/web-demo has no {name}")
        text = sources[name].decode()
        preload = "\n    ".join(f'<link rel="modulepreload" href="/assets/{self.build}/{module}">' for module in first_modules(sources))
        return asset(name, text.replace("{{preload}}", preload).replace("{{build}}", self.build).encode())

    def routes(self) -> list[web.RouteDef]:
        pages = [web.get(path, self.get_shell) for path in PAGES]
        return [
            *pages,
            web.get("/docs", self.get_docs),
            web.get("/favicon.ico", self.get_icon),
            web.get("/sw.js", self.get_worker),
            web.get("/robots.txt", self.get_robots),
            web.get("/assets/{build}/{name:.+}", self.get_asset),
            web.get("/vendor/{build}/{name}", self.get_vendor),
        ]

    async def get_shell(self, request: web.Request) -> web.Response:
        return _answer(request, self.shell, self._headers)

    @web.middleware
    async def strayed(self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
        """An address that nothing answers, asked for by a browser as a page, is told so by the client's own page; 404 all the same."""
        try:
            return await handler(request)
        except web.HTTPNotFound:
            wants_page = request.method == "GET" and "text/html" in request.headers.get("Accept", "")
            if not wants_page or request.path.startswith(NOT_PAGES):
                raise
            response = _answer(request, self.shell, self._headers)
            if response.status == 200:
                response.set_status(404)
            return response

    async def get_docs(self, request: web.Request) -> web.Response:
        return _answer(request, self.docs, self._headers)

    async def get_icon(self, request: web.Request) -> web.Response:
        return _answer(request, self.assets["icons/icon.svg"], {"Cache-Control": "public, max-age=86400"})

    async def get_worker(self, request: web.Request) -> web.Response:
        """At the root, since a service worker serves what lies below its own address; looked up anew at each visit."""
        return _answer(request, self.assets["sw.js"], {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"})

    async def get_robots(self, request: web.Request) -> web.Response:
        return web.Response(text="User-agent: *\nAllow: /policies\nDisallow: /\n")

    async def get_asset(self, request: web.Request) -> web.Response:
        found = self.assets.get(request.match_info["name"])
        if found is None:
            raise errors.NotFound("The client has no such file.")
        return _answer(request, found, self._asset_headers(request))

    async def get_vendor(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        found = self.vendor.get(name)
        if found is None:
            hint = "Run `make setup` to install it." if name in VENDOR_FILES else "The client has no such file."
            raise errors.NotFound(hint)
        return _answer(request, found, self._asset_headers(request))

    def _asset_headers(self, request: web.Request) -> dict[str, str]:
        """A page of an older build that is still open gets today's file, which nobody may then keep under that address."""
        if request.match_info["build"] == self.build:
            return ASSET_HEADERS
        return ASSET_HEADERS | {"Cache-Control": "no-cache"}


def first_modules(sources: Mapping[str, bytes], entry: str = "app.js") -> list[str]:
    """The modules that `entry` needs before it runs, without itself: what a browser would else find one import at a time."""
    found: list[str] = []
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name in found or name not in sources:
            continue
        found.append(name)
        imports = _STATIC_IMPORT.findall(sources[name].decode())
        waiting.extend(posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) for path in imports)
    return found[1:]


def _source_names(root: Path) -> Iterator[str]:
    """The client's own files, relative to `root`; nothing hidden, nothing of node_modules, no package files."""
    for top in root.iterdir():
        if top.name == "node_modules" or top.name.startswith((".", "package")):
            continue
        for path in top.rglob("*") if top.is_dir() else [top]:
            if path.suffix in SOURCE_SUFFIXES and path.is_file():
                yield path.relative_to(root).as_posix()


def _answer(request: web.Request, found: Asset, headers: dict[str, str]) -> web.Response:
    """The file, or 304 (RFC 9110, 13.1.2: weak comparison of the tags in If-None-Match)."""
    out = headers | {"ETag": found.etag, "Vary": "Accept-Encoding"}
    tags = [tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(",")]
    if found.etag in tags or "*" in tags:
        return web.Response(status=304, headers=out)
    out["Content-Type"] = found.content_type
    if "gzip" in request.headers.get("Accept-Encoding", "") and found.gzipped is not None:
        # The compressed body is another representation, so its tag is weak: equal in meaning, not in bytes.
        out |= {"Content-Encoding": "gzip", "ETag": f"W/{found.etag}"}
        return web.Response(body=found.gzipped, headers=out)
    return web.Response(body=found.body, headers=out)
