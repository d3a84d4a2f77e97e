"""Web Push: where the device that asks may be woken."""

from typing import Annotated

from pydantic import Field

from livecore.push.endpoints import ENDPOINT_LIMIT
from livecore.rest.api import Body, Call, Model, Reply, Routes

routes = Routes("push")


class PushState(Model):
    """`key` is the `applicationServerKey` to subscribe with (RFC 8292), base64url."""

    key: str
    subscribed: bool


class Subscription(Body):
    """A PushSubscription as browsers write it. Its keys are not kept: a push has no content that would have to be encrypted."""

    endpoint: Annotated[str, Field(min_length=1, max_length=ENDPOINT_LIMIT)]
    expiration_time: Annotated[float | None, Field(alias="expirationTime")] = None
    keys: Annotated[dict[str, Annotated[str, Field(max_length=200)]], Field(max_length=4)] | None = None


@routes.get("/api/v1/me/push", ok=(200, PushState))
async def state(call: Call) -> Reply:
    """Whether the device that asks is woken by push, and the key to subscribe with"""
    return Reply(PushState(key=call.app.push.vapid.public_key, subscribed=await call.app.push.is_subscribed(call.me)))


@routes.put("/api/v1/me/push", body=Subscription, ok=(204, None))
async def subscribe(call: Call, body: Subscription) -> Reply:
    """Wake the device that asks when it lacks something; the push itself says nothing"""
    await call.app.push.subscribe(call.me, body.endpoint)
    return Reply(status=204)


@routes.delete("/api/v1/me/push", ok=(204, None))
async def unsubscribe(call: Call) -> Reply:
    """Wake the device that asks no longer"""
    await call.app.push.unsubscribe(call.me)
    return Reply(status=204)
