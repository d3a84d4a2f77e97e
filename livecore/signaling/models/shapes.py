"""What the models have in common, and the small ones that belong to no one subject."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from livecore.ids import is_id


def _check_id(value: str) -> str:
    if not is_id(value):
        raise ValueError("is not an id")
    return value


Id = Annotated[str, StringConstraints(min_length=32, max_length=32), AfterValidator(_check_id)]
ClientId = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Username = Annotated[str, StringConstraints(min_length=1, max_length=40)]
# A number that a bigint column takes; far more messages than any conversation sees.
Seq = Annotated[int, Field(ge=0, le=2**53 - 1, strict=True)]
# The longest family emoji with skin tones has 35 code points.
Emoji = Annotated[str, StringConstraints(min_length=1, max_length=64)]
# The setting message_limit_bytes decides; this only bounds what is looked at.
Body = Annotated[str, StringConstraints(max_length=262_144)]


class Payload(BaseModel):
    """From a client: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Told(BaseModel):
    """To a client."""

    model_config = ConfigDict(extra="forbid")


class Empty(Told):
    pass


class Free(BaseModel):
    """A notice or a friend event: described with its REST resource."""

    model_config = ConfigDict(extra="allow")


class KeysLow(Told):
    """`device` as in the bundles that are handed out; `left`: one-time keys that it still has."""

    device: str
    left: int


class VideoProgress(Told):
    video: str
    status: Literal["processing", "ready", "failed"]
    progress: float
