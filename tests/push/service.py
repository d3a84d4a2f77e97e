"""A push service of the tests' own: takes pushes over HTTP as a browser's does, and checks who sends them."""

import base64
from dataclasses import dataclass, field

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass
class Pushed:
    device: str
    headers: dict[str, str]
    body: bytes


@dataclass
class PushService:
    """`origin` is where it listens; `status` what it answers."""

    origin: str = ""
    status: int = 201
    pushed: list[Pushed] = field(default_factory=list)

    async def start(self) -> web.AppRunner:
        application = web.Application()
        application.router.add_post("/push/{device}", self._take)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    async def _take(self, request: web.Request) -> web.Response:
        self.pushed.append(Pushed(request.match_info["device"], dict(request.headers), await request.read()))
        return web.Response(status=self.status)

    def endpoint(self, device: str) -> str:
        return f"{self.origin}/push/{device}"

    def to(self, device: str) -> list[Pushed]:
        return [one for one in self.pushed if one.device == device]


def claims_of(pushed: Pushed, key: str, audience: str) -> dict[str, object]:
    """The claims of a push, after its signature was checked with the key that the subscriber was told (RFC 8292)."""
    scheme, _, rest = pushed.headers["Authorization"].partition(" ")
    assert scheme == "vapid"
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert parts["k"] == key
    point = base64.urlsafe_b64decode(key + "=" * (-len(key) % 4))
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    return dict(jwt.decode(parts["t"], public, algorithms=["ES256"], audience=audience, options={"verify_exp": False}))
