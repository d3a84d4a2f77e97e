"""An event that another process encoded reads like one that was encoded here."""

import msgpack
import orjson
import pytest

from livecore.signaling.encoding import Encoded, Form

DATA = {"id": "7", "body": 'Grüße\n"quoted"', "seq": 3}


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("offset", [None, "epoch.12"])
def test_what_was_received_becomes_the_same_bytes(form: Form, offset: str | None) -> None:
    made = Encoded("message:new", DATA)
    received = Encoded.received("message:new", made.payload())
    made.offset = received.offset = offset
    assert received.packet(form) == made.packet(form)
    assert received.frame(form) == made.frame(form)
    assert received.data == DATA


def test_the_offset_is_the_last_argument_for_those_who_asked_for_it() -> None:
    event = Encoded("message:new", DATA)
    event.offset = "epoch.12"
    text, packed = event.packet(Form.TEXT_OFFSET), event.packet(Form.MSGPACK_OFFSET)
    assert orjson.loads(str(text)[1:]) == ["message:new", DATA, "epoch.12"] == msgpack.unpackb(packed)["data"]
    assert orjson.loads(str(event.packet(Form.TEXT))[1:]) == ["message:new", DATA]


@pytest.mark.parametrize("form", list(Form))
def test_data_that_was_encoded_elsewhere_is_copied(form: Form) -> None:
    made, copied = Encoded("live:message", DATA), Encoded.of_json("live:message", orjson.dumps(DATA))
    made.offset = copied.offset = "epoch.12"
    assert copied.frame(form) == made.frame(form)
    assert copied.data == DATA
