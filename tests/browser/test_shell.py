"""How the demo's files are served: the policy of the pages, caching, and what may not be reached."""

import re

from tests.serving import Server

IMMUTABLE = "public, max-age=31536000, immutable"


async def _shell(server: Server) -> tuple[str, str]:
    answer = await server.call("GET", "/")
    assert answer.status == 200
    text = answer.body.decode()
    found = re.search(r'data-build="([0-9a-f]+)"', text)
    assert found
    return text, found[1]


async def test_pages_allow_no_script_but_their_own(server: Server) -> None:
    answer = await server.call("GET", "/")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    text = answer.body.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r'\bstyle="|<style', text)


async def test_no_page_names_another_origin(server: Server) -> None:
    for path in ("/", "/docs"):
        text = (await server.call("GET", path)).body.decode()
        assert not re.search(r'(?:src|href)="(?:https?:)?//', text)


async def test_deep_links_answer_the_shell(server: Server) -> None:
    text, _ = await _shell(server)
    for path in (
        "/signup",
        "/messages/0190",
        "/watch/0190",
        "/me/settings",
        "/search",
        "/video/0190/insights",
        "/staff/claims/0190",
        "/policies/privacy",
    ):
        answer = await server.call("GET", path)
        assert (answer.status, answer.body.decode()) == (200, text), path


async def test_a_mistyped_address_is_a_page_for_browsers_and_a_problem_for_programs(server: Server) -> None:
    text, _ = await _shell(server)
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for path in ("/no/such/page", "/watsch/0190", "/videos"):
        answer = await server.call("GET", path, headers=browser)
        assert (answer.status, answer.body.decode()) == (404, text), path
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert (await server.call("GET", path)).type == "not_found"
        assert (await server.call("POST", path, headers=browser)).type == "not_found"
    assert (await server.call("GET", "/api/v1/nothing", headers=browser)).type == "not_found"
    assert (await server.call("GET", "/assets/0/nothing.js", headers=browser)).type == "not_found"


async def test_a_shell_that_the_browser_has_is_not_sent_again(server: Server) -> None:
    tag = (await server.call("GET", "/")).headers["ETag"]
    answer = await server.call("GET", "/", headers={"If-None-Match": tag})
    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["Content-Security-Policy"]


async def test_files_of_this_build_are_kept_for_ever_and_those_of_another_are_not(server: Server) -> None:
    _, build = await _shell(server)
    answer = await server.call("GET", f"/assets/{build}/app.js")
    assert (answer.status, answer.headers["Cache-Control"]) == (200, IMMUTABLE)
    assert answer.headers["Content-Type"].startswith("text/javascript")
    answer = await server.call("GET", "/assets/000000000000/app.js")
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache")


async def test_modules_that_the_entry_needs_are_named_in_the_shell(server: Server) -> None:
    text, build = await _shell(server)
    preloaded = re.findall(r'rel="modulepreload" href="([^"]+)"', text)
    assert f"/assets/{build}/core/router.js" in preloaded
    for path in preloaded:
        assert (await server.call("GET", path)).status == 200, path


async def test_compressed_where_it_helps(server: Server) -> None:
    _, build = await _shell(server)
    plain = await server.call("GET", f"/assets/{build}/css/parts/controls.css", headers={"Accept-Encoding": "identity"})
    packed = await server.call("GET", f"/assets/{build}/css/parts/controls.css", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.body == plain.body  # the client unpacks
    assert packed.headers["ETag"] == f"W/{plain.headers['ETag']}"


async def test_only_the_named_files_of_others_are_reachable(server: Server) -> None:
    _, build = await _shell(server)
    assert (await server.call("GET", f"/vendor/{build}/socket.io.js")).status == 200
    for path in (
        f"/vendor/{build}/axe.min.js",
        f"/vendor/{build}/..%2f..%2fpackage.json",
        f"/assets/{build}/package.json",
        f"/assets/{build}/.npmrc",
        f"/assets/{build}/node_modules/axe-core/axe.js",
        f"/assets/{build}/../../livecore/app.py",
        f"/assets/{build}/%2e%2e/%2e%2e/pyproject.toml",
    ):
        answer = await server.call("GET", path)
        assert answer.status == 404, path
        assert answer.headers["Content-Type"].startswith("application/problem+json"), path
