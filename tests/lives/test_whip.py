"""WHIP (RFC 9725) and WHEP through HTTP, header by header and code by code."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bench.rtcpeer import RtcPeer
from tests.clocks import ShiftedClock
from tests.conftest import StartServer
from tests.flows.broadcast import SDP, Broadcast, watch
from tests.people import Person
from tests.serving import Answer, Server
from tests.turn import COTURN, TURN_SECRET, allocate, turn_server
from tests.waiting import until

FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}


def fragment(ufrag: str = "abcd", password: str = "0123456789012345678901") -> str:
    return f"a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\na=mid:0\r\na=end-of-candidates\r\n"


async def offered(person: Person, live: str, token: str | None = None, query: str = "") -> Answer:
    offer = RtcPeer().offer_to_watch()
    return await person.server.call("POST", f"/whep/{live}{query}", data=offer, headers=SDP, token=token or person.access)


async def test_any_origin_is_told_what_each_address_takes(server: Server) -> None:
    """Before a page of another origin may post, its browser asks (CORS), without a token; encoders ask for `Accept-Post` (RFC 9725)."""
    live = (await (await server.person("anna")).post("/api/v1/lives", {"title": "Asked"})).json["id"]
    asking = {
        "Origin": "https://player.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    for path, header, kind in (
        (f"/whip/{live}", "Accept-Post", SDP["Content-Type"]),
        (f"/whep/{live}", "Accept-Post", SDP["Content-Type"]),
        ("/media/0-none", "Accept-Patch", FRAGMENT["Content-Type"]),
    ):
        answer = await server.call("OPTIONS", path, headers=asking)
        assert (answer.status, answer.body) == (200, b""), (path, answer.body)
        assert answer.headers[header] == kind
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert {"Authorization", "Content-Type", "If-Match"} <= set(answer.headers["Access-Control-Allow-Headers"].split(", "))
        assert {"POST", "PATCH", "DELETE"} <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))
        assert header in answer.headers["Access-Control-Expose-Headers"]


@pytest.fixture
async def turn_port(tmp_path: Path) -> AsyncIterator[int | None]:
    """Of a real coturn; None where there is none."""
    if COTURN is None:
        yield None
        return
    async with turn_server(tmp_path) as port:
        yield port


async def test_publishing_and_watching_answer_as_the_standards_say(start_server: StartServer, turn_port: int | None) -> None:
    servers = f"stun:stun.example.org,turn:127.0.0.1:{turn_port or 3478}?transport=udp"
    server = await start_server(media=True, ice_servers=servers, turn_secret=TURN_SECRET, turn_credential_s=600)
    anna, ben = await server.person("anna"), await server.person("ben")
    live = (await anna.post("/api/v1/lives", {"title": "Standards", "codec": "vp8"})).json

    early = await offered(ben, live["id"])
    assert (early.status, early.type) == (409, "no_publisher")
    assert int(early.headers["Retry-After"]) >= 1
    assert early.headers["Access-Control-Allow-Origin"] == "*"

    broadcast = Broadcast(anna)
    broadcast.live = live
    await broadcast.publish()
    await broadcast.on_the_air()
    try:
        answer = await offered(ben, live["id"])
        offer = RtcPeer().offer_to_publish()
        # A second connection of the publisher's: it takes over once it is connected.
        again = await server.call("POST", live["whip"], data=offer, headers=SDP, token=live["token"])
        for created, token in ((answer, ben.access), (again, live["token"])):
            _created(created)
            await _session(server, created, token)
        await _session_of_another(anna, ben, answer)
        if turn_port is not None:
            await _relay(turn_port, await _old_relay(server, ben, live["id"]), _relay_of(answer))
        assert (await server.call("DELETE", again.headers["Location"], token=live["token"])).status == 200
        assert (await anna.get(f"/api/v1/lives/{live['id']}")).json["state"] == "live", "the first goes on"

        gone = await ben.server.call("DELETE", answer.headers["Location"], token=ben.access)
        assert gone.status == 200
        assert (await ben.server.call("DELETE", answer.headers["Location"], token=ben.access)).status == 200
        late = await ben.server.call(
            "PATCH", answer.headers["Location"], data=fragment(), headers=FRAGMENT | {"If-Match": "*"}, token=ben.access
        )
        assert late.status == 404, "a session that is over restarts no more"
    finally:
        await broadcast.stop()
    # The publisher's own session: its end is the end of the publication.
    ended = await server.call("DELETE", broadcast.session, token=live["token"])
    assert ended.status == 200


def _created(answer: Answer) -> None:
    """201 with the answer, the session's address and tag, what may be patched, and servers for ICE; all of it for players of other origins."""
    assert answer.status == 201
    assert answer.headers["Content-Type"].startswith("application/sdp")
    assert answer.headers["Location"].startswith("/media/")
    assert answer.body.startswith(b"v=0")
    assert re.fullmatch(r'"[^"]+"', answer.headers["ETag"])
    assert answer.headers["Accept-Patch"] == FRAGMENT["Content-Type"]
    exposed = answer.headers["Access-Control-Expose-Headers"]
    assert all(name in exposed for name in ("Location", "ETag", "Link"))
    links = answer.headers.getall("Link")
    assert links[0] == '<stun:stun.example.org>; rel="ice-server"'
    assert re.match(
        r'<turn:127\.0\.0\.1:\d+\?transport=udp>; rel="ice-server"; username="\d+:[0-9a-f]+"; credential="[^"]+"; credential-type="password"',
        links[1],
    )


def _relay_of(answer: Answer) -> tuple[str, str]:
    """Username and credential for the TURN server that an answer names."""
    username, credential = re.findall(r'(?:username|credential)="([^"]*)"', answer.headers.getall("Link")[1])
    return username, credential


async def _old_relay(server: Server, ben: Person, live_id: str) -> tuple[str, str]:
    """What was given a quarter of an hour ago, for ten minutes."""
    server.clock.advance(-900)
    answer = await offered(ben, live_id)
    server.clock.advance(900)
    await server.call("DELETE", answer.headers["Location"], token=ben.access)
    return _relay_of(answer)


async def _relay(port: int, old: tuple[str, str], new: tuple[str, str]) -> None:
    """A real TURN server takes what the answer names, as long as it holds, and nothing else."""
    username, credential = new
    assert await allocate(port, username, credential) == 0
    assert await allocate(port, *old) == 401, "expired"
    assert await allocate(port, username, "bm90IHRoaXMgb25l") == 401
    until_s, _, who = username.partition(":")
    assert await allocate(port, f"{int(until_s) + 3600}:{who}", credential) == 401, "nobody prolongs it by himself"


async def _session(server: Server, created: Answer, token: str) -> None:
    """PATCH: 428 without a tag, 412 with another, 204 for a trickle, 200 and a new tag for a restart, 400 and 415 for what is neither."""
    place, tag = created.headers["Location"], created.headers["ETag"]

    async def patch(body: str, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await server.call("PATCH", place, data=body, headers=FRAGMENT | named, token=token)

    assert (await patch(fragment())).status == 428
    assert (await patch(fragment(), If_Match='"another"')).status == 412
    candidate = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"
    trickled = await patch(candidate, If_Match=tag)
    assert (trickled.status, trickled.body) == (204, b"")
    restarted = await patch(fragment("efgh", "9876543210987654321098"), If_Match="*")
    assert restarted.status == 200
    assert restarted.headers["Content-Type"].startswith(FRAGMENT["Content-Type"])
    assert b"a=ice-ufrag:" in restarted.body
    assert b"a=ice-pwd:" in restarted.body
    assert b"a=candidate:" in restarted.body
    assert restarted.headers["ETag"] != tag
    assert (await patch(candidate, If_Match=tag)).status == 412
    assert (await patch("hello", If_Match="*")).status == 400
    wrong = await server.call("PATCH", place, data="{}", headers={"Content-Type": "application/json", "If-Match": "*"}, token=token)
    assert wrong.status == 415
    assert wrong.headers["Accept-Patch"] == FRAGMENT["Content-Type"]
    nobody = await server.call("PATCH", place, data="", headers=FRAGMENT)
    assert nobody.status == 401
    assert nobody.headers["Access-Control-Allow-Origin"] == "*", "refusals too are to be read"
    for method in ("GET", "HEAD", "PUT", "POST"):
        assert (await server.call(method, place, data="v=0", headers=SDP, token=token)).status == 405


async def _session_of_another(anna: Person, ben: Person, created: Answer) -> None:
    place = created.headers["Location"]
    assert (await anna.server.call("DELETE", place, token=anna.access)).status == 403
    assert (await anna.server.call("DELETE", place + "x", token=ben.access)).status == 403
    preflight = await anna.server.call("OPTIONS", place)
    assert preflight.status == 200
    assert "PATCH" in preflight.headers["Access-Control-Allow-Methods"]
    assert "If-Match" in preflight.headers["Access-Control-Allow-Headers"]


async def test_what_is_no_offer_is_refused_in_the_standards_words(start_server: StartServer) -> None:
    """A codec that nobody forwards, no offer, no SDP, no token, no live, another live's token, a live that is over, a server that is full."""
    server = await start_server(media=True, media_sessions=1)
    anna, ben = await server.person("anna"), await server.person("ben")
    live = (await anna.post("/api/v1/lives", {"title": "Refused"})).json
    other, ended = [(await anna.post("/api/v1/lives", {"title": title})).json for title in ("Other", "Over")]
    assert (await anna.post(f"/api/v1/lives/{ended['id']}/end")).status == 200
    ours = RtcPeer()
    theora = ours.offer_to_publish("vp8", audio=False).replace("VP8/90000", "theora/90000")

    async def posted(path: str, body: str, token: str | None, headers: dict[str, str] = SDP) -> Answer:
        return await server.call("POST", path, data=body.encode("latin-1"), headers=headers, token=token)

    async def read() -> Answer | None:
        answer = await posted(live["whip"], theora, live["token"])
        return None if answer.status == 503 else answer

    refused = await until(read, "the media plane")
    assert (refused.status, refused.type) == (406, "no_common_codec")
    for body, kind in (("hello", "bad_offer"), ("v=0\r\n", "bad_offer"), ("v=0\r\nm=video", "bad_offer"), ("\xff", "bad_offer")):
        answer = await posted(live["whip"], body, live["token"])
        assert (answer.status, answer.type) == (400, kind), body
    for path, token in ((live["whip"], live["token"]), (live["whep"], ben.access)):
        wrong = await posted(path, "v=0", token, {"Content-Type": "text/plain"})
        assert (wrong.status, wrong.headers["Accept-Post"]) == (415, SDP["Content-Type"])
        assert (await posted(path, "v=0" + "x" * 120_000, token)).status == 413
        for nobody in (None, "live_made-up", "made-up"):
            unknown = await posted(path, "v=0", nobody)
            assert (unknown.status, unknown.headers["Access-Control-Allow-Origin"]) == (401, "*")
            assert unknown.headers["WWW-Authenticate"].startswith("Bearer")
        for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
            answer = await server.call(method, path, token=token)
            assert answer.status == 405, method
            assert {"POST", "OPTIONS"} <= set(answer.headers["Allow"].replace(" ", "").split(","))
    assert (await posted("/whep/nowhere", ours.offer_to_watch(), ben.access)).status == 404
    assert (await posted("/whip/nowhere", ours.offer_to_publish(), live["token"])).status == 404
    assert (await posted(other["whip"], ours.offer_to_publish(), live["token"])).status == 401, "a token is for one live"
    assert (await posted(ended["whip"], ours.offer_to_publish(), ended["token"])).status == 410
    assert (await posted(ended["whep"], ours.offer_to_watch(), ben.access)).status == 410
    assert (await posted(live["whep"] + "?max_height=tall", ours.offer_to_watch(), ben.access)).status == 422
    assert (await posted(other["whip"], ours.offer_to_publish(), other["token"])).status == 201
    full = await posted(live["whip"], ours.offer_to_publish(), live["token"])
    assert (full.status, full.type) == (503, "full")
    assert int(full.headers["Retry-After"]) >= 1


async def test_watch_token_watches_one_live_and_does_nothing_else(start_server: StartServer) -> None:
    server = await start_server(media=True)
    anna, ben = await server.person("anna"), await server.person("ben")
    broadcast = await Broadcast(anna).start()
    try:
        other = (await anna.post("/api/v1/lives", {"title": "Another"})).json
        told = await ben.post(f"/api/v1/lives/{broadcast.id}/watch-token")
        assert told.status == 201
        token = told.json["token"]
        created = await offered(ben, broadcast.id, token)
        assert created.status == 201
        assert (await offered(ben, other["id"], token)).status == 401
        assert (await offered(ben, broadcast.id, token + "x")).status == 401
        assert (await server.call("GET", "/api/v1/me", token=token)).status == 401
        publish = await server.call("POST", broadcast.live["whip"], data=RtcPeer().offer_to_publish(), headers=SDP, token=token)
        assert publish.status == 401
        assert (await offered(ben, broadcast.id, broadcast.live["token"])).status == 401, "a publish token watches nothing"
        assert (await server.call("DELETE", created.headers["Location"], token=token)).status == 200
        assert (await anna.put("/api/v1/blocks/ben")).status in (200, 201, 204)
        assert (await offered(ben, broadcast.id, token)).status == 404, "a block holds for it too"
    finally:
        await broadcast.end()


async def test_tokens_expire_and_a_new_one_ends_the_old(start_server: StartServer) -> None:
    clock = ShiftedClock()
    server = await start_server(clock=clock, publish_token_s=3600, watch_token_s=600)
    anna = await server.person("anna")
    live = (await anna.post("/api/v1/lives", {"title": "Once"})).json

    async def publish(token: str) -> Answer:
        return await server.call("POST", live["whip"], data="hello", headers=SDP, token=token)

    assert (await publish(live["token"])).status != 401
    watching = (await anna.post(f"/api/v1/lives/{live['id']}/watch-token")).json
    before_ms = clock.at_ms()
    renewed = (await anna.post(f"/api/v1/lives/{live['id']}/publish-token")).json
    assert before_ms <= renewed["expires_at"] - 3_600_000 <= clock.at_ms()
    assert (await publish(live["token"])).status == 401
    assert (await publish(renewed["token"])).status != 401
    clock.advance(601)
    late = await server.call("POST", watching["whep"], data="hello", headers=SDP, token=watching["token"])
    assert (late.status, late.type) == (401, "token_expired")
    clock.advance(3000)
    late = await publish(renewed["token"])
    assert (late.status, late.type) == (401, "token_expired")


async def test_viewer_asks_for_a_layer_over_http(start_server: StartServer) -> None:
    server = await start_server(media=True)
    anna, ben = await server.person("anna"), await server.person("ben")
    broadcast = await Broadcast(anna).start()
    try:
        created = await offered(ben, broadcast.id, query="?max_height=360&trace=1")
        assert created.status == 201
        place = created.headers["Location"] + "/layers"
        told = await ben.get(place)
        assert (told.status, told.json["max_height"], told.json["rid"]) == (200, 360, None)
        assert [layer["rid"] for layer in told.json["layers"]] == [""]
        assert (await ben.put(place, {"rid": "m", "max_height": None})).status == 204
        assert (await ben.get(place)).json["rid"] == "m"
        assert (await anna.put(place, {"rid": "h"})).status == 403
        assert (await ben.put(place, {"max_height": 0})).status == 422
        publisher = await server.call("GET", broadcast.session + "/layers", token=broadcast.live["token"])
        assert publisher.status == 404
        peer = await watch(ben, broadcast.id)
        await until(lambda: peer.received > 10, "pictures")
        peer.close()
    finally:
        await broadcast.end()


async def test_another_audience_ends_the_watching_of_those_who_are_not_in_it(start_server: StartServer) -> None:
    server = await start_server(media=True)
    anna, ben, cora = [await server.person(name) for name in ("anna", "ben", "cora")]
    await server.befriend(anna, ben)
    broadcast = await Broadcast(anna).start()
    try:
        peers = [await watch(ben, broadcast.id), await watch(cora, broadcast.id)]
        assert await server.app.media.watchers(broadcast.id) == sorted([ben.id, cora.id])
        assert (await anna.patch(f"/api/v1/lives/{broadcast.id}", {"visibility": "friends"})).status == 200

        async def only_ben() -> bool:
            figures = (await anna.get(f"/api/v1/lives/{broadcast.id}/stats")).json
            return sum(len(one["viewers"]) for one in figures["media"]["publications"].values()) == 1

        await until(only_ben, "the other to be put out")
        assert await server.app.media.watchers(broadcast.id) == [ben.id]
        assert (await offered(cora, broadcast.id)).status == 404
        for peer in peers:
            peer.close()
    finally:
        await broadcast.end()
