"""Messages from the sender's acknowledgement to the last device, on both databases."""

import asyncio
from datetime import timedelta

from tests.rooms.talk import bodies, direct, friends, group, hears, nothing_held, received, refusal, rows, say, synced
from tests.serving import Server
from tests.waiting import until


async def test_a_message_arrives_once_and_is_gone_when_it_has_arrived(either_server: Server) -> None:
    anna, ben = await friends(either_server, "anna", "ben")
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    sent = await say(a, talk, "hello")
    assert sent["seq"] == 1
    [heard] = await hears(b, "hello")
    assert heard | {"epoch": ""} == {
        "kind": "message",
        "conversation": talk,
        "epoch": "",
        "seq": 1,
        "id": sent["id"],
        "client_id": "hello",
        "sender": "anna",
        "sent_at": sent["sent_at"],
        "body": "hello",
        "attachments": [],
        "reply_to": None,
        "timer": None,
    }
    assert not a.heard("message:new")
    assert await rows(either_server, "message") == 1
    await received(b, talk, 1)
    await nothing_held(either_server)
    assert await until(lambda: a.heard("message:receipt")) == [{"conversation": talk, "user": "ben", "kind": "received", "up_to": 1}]


async def test_the_same_client_id_gives_the_same_answer_and_sends_nothing(either_server: Server) -> None:
    anna, ben = await friends(either_server, "anna", "ben")
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    answers = await asyncio.gather(*(say(a, talk, "once", "k1") for _ in range(5)))
    assert all(answer == answers[0] for answer in answers)
    await received(b, talk, 1)
    assert await say(a, talk, "another text", "k1") == answers[0]
    await say(a, talk, "after", "k2")
    await hears(b, "once", "after")


async def test_messages_of_one_client_keep_their_order_without_waiting_for_answers(either_server: Server) -> None:
    anna, ben = await friends(either_server, "anna", "ben")
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    texts = [f"m{number}" for number in range(60)]
    answers = await asyncio.gather(*(say(a, talk, text) for text in texts))
    assert [answer["seq"] for answer in answers] == list(range(1, 61))
    heard = await hears(b, *texts)
    assert [message["seq"] for message in heard] == list(range(1, 61))


async def test_an_absent_device_gets_what_is_held_in_pages(either_server: Server) -> None:
    anna, ben = await friends(either_server, "anna", "ben")
    talk = await direct(anna, ben)
    a = await anna.connect()
    texts = [f"m{number}" for number in range(230)]
    await asyncio.gather(*(say(a, talk, text) for text in texts))
    b = await ben.connect()
    first = await synced(b, talk)
    assert (first["more"], first["upto"], len(first["messages"])) == (True, 200, 200)
    second = await synced(b, talk, first["epoch"], first["upto"])
    assert (second["more"], second["upto"]) == (False, 230)
    assert bodies(first["messages"] + second["messages"]) == texts
    assert "reset" not in first | second
    await received(b, talk, 230)
    await nothing_held(either_server)


async def test_every_device_gets_it_before_it_goes(either_server: Server) -> None:
    anna, ben = await friends(either_server, "anna", "ben")
    talk = await direct(anna, ben)
    a, phone = await anna.connect(), await ben.connect()
    await ben.sign_in({"id": "laptop", "name": "Laptop"})
    laptop = await ben.connect()
    await anna.sign_in({"id": "tablet", "name": "Tablet"})
    tablet = await anna.connect()
    await say(a, talk, "hello")
    for listener in (phone, laptop, tablet):
        await hears(listener, "hello")
    for listener in (phone, tablet):
        await received(listener, talk, 1)
    assert await rows(either_server, "message") == 1
    assert bodies((await synced(laptop, talk))["messages"]) == ["hello"]
    await received(laptop, talk, 1)
    await nothing_held(either_server)


async def test_a_device_that_signs_out_is_not_waited_for(either_server: Server) -> None:
    anna, ben = await friends(either_server, "anna", "ben")
    talk = await direct(anna, ben)
    a, phone = await anna.connect(), await ben.connect()
    phone_token = ben.access
    await ben.sign_in({"id": "laptop", "name": "Laptop"})
    laptop = await ben.connect()
    await say(a, talk, "hello")
    await hears(phone, "hello")
    await received(phone, talk, 1)
    sessions = (await ben.get("/api/v1/me/sessions")).json
    listed = sessions["items"] if isinstance(sessions, dict) else sessions
    [own] = [one for one in listed if one["current"]]
    assert (await ben.delete(f"/api/v1/me/sessions/{own['id']}")).status == 204
    await until(lambda: not laptop.connected, "the laptop's socket to end")
    await nothing_held(either_server)
    ben.access = phone_token
    await say(a, talk, "again")
    await hears(phone, "hello", "again")


async def test_reactions_edits_and_deletions_take_numbers_in_the_same_order(either_server: Server) -> None:
    anna, ben = await friends(either_server, "anna", "ben")
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    sent = await say(a, talk, "hello")
    await say(a, talk, "secret")
    secret = (await hears(b, "hello", "secret"))[1]
    assert (await b.call("message:react", {"conversation": talk, "id": sent["id"], "emoji": "❤️"}))["data"] == {"seq": 3}
    assert (await a.call("message:edit", {"conversation": talk, "id": sent["id"], "body": "Hello!"}))["data"] == {"seq": 4}
    assert (await a.call("message:delete", {"conversation": talk, "id": secret["id"]}))["data"] == {"seq": 5}
    [reaction] = await until(lambda: a.heard("message:reaction"))
    assert (reaction["id"], reaction["sender"], reaction["emoji"], reaction["seq"]) == (sent["id"], "ben", "❤️", 3)
    [edited] = await until(lambda: b.heard("message:edited"))
    assert (edited["id"], edited["body"], edited["seq"]) == (sent["id"], "Hello!", 4)
    [deleted] = await until(lambda: b.heard("message:deleted"))
    assert (deleted["id"], deleted["seq"]) == (secret["id"], 5)
    held = await synced(b, talk)
    # One's own reaction is not held for the device that made it, and what was taken back is held for nobody.
    assert [(one["kind"], one["seq"]) for one in held["messages"]] == [("message", 1), ("edited", 4), ("deleted", 5)]
    assert await refusal(b, "message:edit", {"conversation": talk, "id": sent["id"], "body": "mine"}) == "not_sender"
    assert await refusal(b, "message:delete", {"conversation": talk, "id": "0" * 32}) == "not_found"


async def test_a_message_can_be_changed_for_a_day(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a = await anna.connect()
    sent = await say(a, talk, "hello")
    server.clock.advance(timedelta(hours=25).total_seconds())
    assert await refusal(a, "message:edit", {"conversation": talk, "id": sent["id"], "body": "late"}) == "too_late"


async def test_an_unread_body_is_gone_at_its_time_and_the_recipient_is_told(either_server: Server) -> None:
    server = either_server
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    await say(a, talk, "kept")
    await received(b, talk, 1)
    await b.close()
    await say(a, talk, "missed")
    server.clock.advance(timedelta(days=31).total_seconds())
    await server.app.rooms.expiry.run()
    await nothing_held(server)
    await say(a, talk, "new")
    await ben.sign_in()
    b = await ben.connect()
    epoch = (await synced(b, talk))["epoch"]
    held = await synced(b, talk, epoch, 1)
    assert (bodies(held["messages"]), held["upto"], held["reset"]) == (["new"], 3, True)
    assert "reset" not in await synced(b, talk, epoch, 3)


async def test_a_body_whose_time_is_over_is_not_given_out_before_it_is_swept(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a = await anna.connect()
    await say(a, talk, "old")
    server.clock.advance(timedelta(days=31).total_seconds())
    await ben.sign_in()
    held = await synced(await ben.connect(), talk)
    assert (held["messages"], held["reset"]) == ([], True)


async def test_read_marks_are_told_unless_the_reader_keeps_them(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    await say(a, talk, "one")
    await say(a, talk, "two")
    for seq in (1, 2):
        assert (await b.call("message:read", {"conversation": talk, "seq": seq}))["ok"]
    told = await until(lambda: [one for one in a.heard("message:receipt") if one["up_to"] == 2])
    assert told == [{"conversation": talk, "user": "ben", "kind": "read", "up_to": 2}]
    assert (await ben.patch("/api/v1/me/settings", {"read_receipts": False})).status == 200
    await say(a, talk, "three")
    assert (await b.call("message:read", {"conversation": talk, "seq": 3}))["ok"]
    await received(b, talk, 3)
    await until(lambda: [one for one in a.heard("message:receipt") if one["kind"] == "received" and one["up_to"] == 3])
    assert not [one for one in a.heard("message:receipt") if one["kind"] == "read" and one["up_to"] == 3]


async def test_typing_reaches_the_others(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    assert (await a.call("typing", {"conversation": talk, "active": True}))["ok"]
    assert await until(lambda: b.heard("typing")) == [{"conversation": talk, "user": "anna", "active": True}]
    assert not a.heard("typing")


async def test_a_group_hears_everything_in_one_order(either_server: Server) -> None:
    people = await friends(either_server, "anna", "ben", "carl")
    talk = await group(people[0], *people[1:])
    sockets = [await person.connect() for person in people]
    await asyncio.gather(*(say(socket, talk, f"{index}-{number}") for number in range(15) for index, socket in enumerate(sockets)))
    for index, socket in enumerate(sockets):
        await until(lambda socket=socket: len(socket.heard("message:new")) == 30, "what the two others said")
        seqs = [message["seq"] for message in socket.heard("message:new")]
        assert seqs == sorted(set(seqs))
        assert all(not body.startswith(f"{index}-") for body in bodies(socket.heard("message:new")))
    orders = [{message["seq"]: message["body"] for message in socket.heard("message:new")} for socket in sockets]
    merged: dict[int, str] = {}
    for order in orders:
        for seq, body in order.items():
            assert merged.setdefault(seq, body) == body
    assert sorted(merged) == list(range(1, 46))


async def test_a_message_too_long_or_empty_is_refused_and_takes_no_number(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a = await anna.connect()
    assert await refusal(a, "message:send", {"conversation": talk, "client_id": "k", "body": "x" * 16_385}) == "too_large"
    assert await refusal(a, "message:send", {"conversation": talk, "client_id": "k", "body": "ü" * 8_193}) == "too_large"
    assert await refusal(a, "message:send", {"conversation": talk, "client_id": "k", "body": "  "}) == "invalid"
    assert await refusal(a, "message:send", {"conversation": talk, "client_id": "k"}) == "invalid"
    assert await refusal(a, "message:send", {"conversation": talk, "body": "x"}) == "invalid"
    assert await refusal(a, "message:send", {"conversation": "0" * 32, "client_id": "k", "body": "x"}) == "not_found"
    assert (await say(a, talk, "x" * 16_384, "longest"))["seq"] == 1
