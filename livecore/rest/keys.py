"""Public keys of devices for end-to-end encryption (docs/end-to-end.md)."""

import base64
import binascii
from typing import Annotated

from pydantic import AfterValidator, Field

from livecore.endtoend.bundle import Bundle, OneTimeKey, SignedPrekey
from livecore.rest.api import Body, Call, Model, Reply, Routes

routes = Routes("keys")


def _bytes_of(count: int) -> AfterValidator:
    def check(value: str) -> str:
        if len(_decode(value)) != count:
            raise ValueError(f"must be {count} bytes in base64url")
        return value

    return AfterValidator(check)


def _decode(value: str) -> bytes:
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except binascii.Error as exc:
        raise ValueError("is no base64url") from exc


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


# base64url without padding (RFC 4648, 5).
PublicKey = Annotated[str, Field(max_length=44), _bytes_of(32)]
Signature = Annotated[str, Field(max_length=88), _bytes_of(64)]
KeyId = Annotated[int, Field(ge=0, le=2**31 - 1)]


class GivenPrekey(Body):
    id: KeyId
    key: PublicKey
    signature: Signature


class GivenBundle(Body):
    """`identity_key` is Ed25519, all others X25519. Signatures are the identity's, over `livecore agreement key\\0` and the key, and over
    `livecore prekey\\0`, the id as four bytes (big endian) and the key."""

    identity_key: PublicKey
    agreement_key: PublicKey
    agreement_signature: Signature
    signed_prekey: GivenPrekey


class GivenOneTimeKey(Body):
    id: KeyId
    key: PublicKey


class GivenOneTimeKeys(Body):
    keys: Annotated[list[GivenOneTimeKey], Field(min_length=1, max_length=200)]


class ToldPrekey(Model):
    id: int
    key: str
    signature: str


class ToldOneTimeKey(Model):
    id: int
    key: str


class OwnKeys(Model):
    identity_key: str
    agreement_key: str
    agreement_signature: str
    signed_prekey: ToldPrekey
    one_time_keys_left: int


class OneTimeKeysLeft(Model):
    one_time_keys_left: int


class DeviceBundle(Model):
    """`one_time_key` is given to nobody else; null when the device has none left."""

    device: str
    identity_key: str
    agreement_key: str
    agreement_signature: str
    signed_prekey: ToldPrekey
    one_time_key: ToldOneTimeKey | None


class DeviceBundles(Model):
    devices: list[DeviceBundle]


def _told(bundle: Bundle) -> dict[str, object]:
    prekey = ToldPrekey(id=bundle.prekey.id, key=_encode(bundle.prekey.key), signature=_encode(bundle.prekey.signature))
    return {
        "identity_key": _encode(bundle.identity),
        "agreement_key": _encode(bundle.agreement),
        "agreement_signature": _encode(bundle.agreement_signature),
        "signed_prekey": prekey,
    }


@routes.put("/api/v1/me/keys", body=GivenBundle, ok=(204, None))
async def publish(call: Call, body: GivenBundle) -> Reply:
    """Publish the keys of the device that asks; replaces those before"""
    prekey = SignedPrekey(body.signed_prekey.id, _decode(body.signed_prekey.key), _decode(body.signed_prekey.signature))
    bundle = Bundle(_decode(body.identity_key), _decode(body.agreement_key), _decode(body.agreement_signature), prekey)
    await call.app.device_keys.publish(call.me, bundle)
    return Reply(status=204)


@routes.get("/api/v1/me/keys", ok=(200, OwnKeys), errors=(404,))
async def own(call: Call) -> Reply:
    """What the device that asks has published, and how many one-time keys are left"""
    bundle, left = await call.app.device_keys.own(call.me)
    return Reply(OwnKeys.model_validate({**_told(bundle), "one_time_keys_left": left}))


@routes.delete("/api/v1/me/keys", ok=(204, None))
async def withdraw(call: Call) -> Reply:
    """Take the keys of the device that asks away; nobody can begin an encrypted conversation with it then"""
    await call.app.device_keys.withdraw(call.me)
    return Reply(status=204)


@routes.post("/api/v1/me/keys/one-time", body=GivenOneTimeKeys, ok=(200, OneTimeKeysLeft), errors=(409,))
async def add_one_time(call: Call, body: GivenOneTimeKeys) -> Reply:
    """Bring one-time keys; each is given to one other device, once"""
    held = await call.app.device_keys.add_one_time(call.me, [OneTimeKey(one.id, _decode(one.key)) for one in body.keys])
    return Reply(OneTimeKeysLeft(one_time_keys_left=held))


@routes.post("/api/v1/users/{username}/keys", ok=(200, DeviceBundles), errors=(404,))
async def claim(call: Call) -> Reply:
    """A bundle for each device of somebody whom you may write to, each with a one-time key of its own; of oneself: one's other devices"""
    claimed = await call.app.device_keys.claim(call.me, call.path["username"])
    devices = [
        DeviceBundle.model_validate(
            {
                **_told(one.bundle),
                "device": one.device_id,
                "one_time_key": None if one.one_time is None else {"id": one.one_time.id, "key": _encode(one.one_time.key)},
            }
        )
        for one in claimed
    ]
    return Reply(DeviceBundles(devices=devices))
