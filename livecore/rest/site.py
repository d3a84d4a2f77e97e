"""What a client must know of this server before anybody is signed in."""

from pydantic import Field

from livecore import __version__
from livecore.rest.api import Call, Model, Reply, Routes

routes = Routes("site")


class Senders(Model):
    """Whether codes leave by these ways; what has none is written to `outbox.jsonl` in the data directory."""

    email: bool
    sms: bool


class Site(Model):
    version: str
    senders: Senders
    adult_age: int = Field(description="Years; younger people cannot sign up.")


# The promise of the service, which no setting can lower.
ADULT_AGE = 18


@routes.get("/api/v1/config", auth="none", ok=(200, Site), rate="anonymous_per_address")
async def config(call: Call) -> Reply:
    """How this server is set up, as far as clients need to know."""
    settings = call.app.settings
    senders = Senders(email=bool(settings.smtp_url), sms=bool(settings.sms_url))
    return Reply(Site(version=__version__, senders=senders, adult_age=ADULT_AGE))
