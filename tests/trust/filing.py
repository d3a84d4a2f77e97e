"""Somebody without an account files a claim, and staff decide it: through the public interface."""

from typing import Any

from tests.people import Person
from tests.serving import Answer, Server

CLAIMANT = "rights@studio.example"


def copyright_claim(about: dict[str, Any], /, **changes: Any) -> dict[str, Any]:
    """A complete claim; a change to None leaves the element out."""
    claim: dict[str, Any] = {
        "kind": "copyright",
        "target": about,
        "contact": {"name": "Rita Rightholder", "address": "Studio Lane 1, Town", "phone": "+1 202 555 0142", "email": CLAIMANT},
        "signature": "Rita Rightholder",
        "work": "The film 'Morning Swim', first shown in 2019",
        "good_faith": True,
        "accuracy": True,
    }
    return {name: value for name, value in (claim | changes).items() if value is not None}


async def file_claim(server: Server, about: dict[str, Any], /, **changes: Any) -> dict[str, Any]:
    """File and confirm by mail; the receipt."""
    before = len([one for one in server.sent(CLAIMANT) if one.get("code")])
    answer = await server.call("POST", "/api/v1/claims", copyright_claim(about, **changes))
    assert answer.status == 201, answer
    code = await server.code(CLAIMANT, after=before)
    confirmed = await server.call("POST", f"/api/v1/claims/{answer.json['id']}/confirm", {"code": code})
    assert confirmed.status == 204, confirmed
    receipt: dict[str, Any] = answer.json
    return receipt


async def decide(staff: Person, claim_id: str, decision: str) -> Answer:
    answer = await staff.post(f"/api/v1/admin/claims/{claim_id}/decision", {"decision": decision, "reason": "Looked at it."})
    assert answer.status == 200, answer
    return answer
