"""84. Save by viewers of chat media: "Users with whom you communicate may store"."""

from tests.rooms.media_files import clip
from tests.rooms.talk import direct, friends, nothing_held, received
from tests.rooms.test_attachments import give, send
from tests.serving import Server
from tests.waiting import until


async def test_84_chat_media_have_a_signed_address_for_members_that_ends_and_can_be_saved(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    carl = await server.person("carl")
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    given = await give(anna, talk, clip(), "video/mp4")
    await send(a, talk, {"kind": "video", "id": given["id"]})
    [heard] = await until(lambda: b.heard("message:new"))
    path = f"/api/v1/attachments/{heard['attachments'][0]['id']}"
    # Member-only.
    assert (await server.call("GET", path)).status == 401
    assert (await carl.get(path)).status == 410
    assert (await server.call("GET", f"{path}/content")).status == 401
    # Signed: not to be made up, nor used for something else.
    url = (await ben.get(path)).json["url"]
    other = await give(anna, talk, clip(), "video/mp4")
    assert (await server.call("GET", url[:-4] + "AAAA")).type == "bad_link"
    assert (await server.call("GET", url.replace(given["id"], other["id"]))).type == "bad_link"
    # Saved by the member, whole and in parts, also once the message itself is gone from the server.
    await received(b, talk, heard["seq"])
    await nothing_held(server)
    whole = await server.call("GET", url)
    assert (whole.status, whole.headers["Content-Type"], len(whole.body)) == (200, "video/mp4", given["size"])
    part = await server.call("GET", url, headers={"Range": "bytes=5-9"})
    assert (part.status, part.body) == (206, whole.body[5:10])
    # Expiring.
    server.clock.advance(server.settings.media_link_s + 1)
    assert (await server.call("GET", url)).type == "link_expired"
    await ben.sign_in()
    again = (await ben.get(path)).json["url"]
    assert (await server.call("GET", again)).body == whole.body
    server.clock.advance(30 * 86400)
    assert (await server.call("GET", again)).status == 410
