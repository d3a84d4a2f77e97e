"""50. "Information we get from third parties" has a source, and the export does not name the one whose address book it was."""

import json

from tests.promises.test_35_access_own_data import export_of
from tests.serving import Server


async def test_50_an_export_says_that_ones_number_is_in_address_books_and_not_whose(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    await anna.post("/api/v1/contacts", {"authorized": True, "add": [ben.phone]})
    await anna.patch("/api/v1/contacts/ben", {"name": "Benny the plumber"})
    _, archive = await export_of(ben)
    (row,) = json.loads(archive.read("data/contacts/contact.json"))
    assert row == {"source": "the address book of somebody who uses the service (third party)", "account_id": ben.id}
    everything = b"".join(archive.read(name) for name in archive.namelist())
    for unsaid in (anna.id, "anna", "Benny the plumber"):
        assert unsaid.encode() not in everything
    manifest = json.loads(archive.read("manifest.json"))
    assert all(table["source"] for table in manifest["tables"])
    # Her own export has what she gave, in her words.
    _, archive = await export_of(anna)
    (row,) = json.loads(archive.read("data/contacts/contact.json"))
    assert (row["owner_id"], row["name"]) == (anna.id, "Benny the plumber")
    published = (await server.call("GET", "/api/v1/policies/data-map")).json["categories"]
    source = next(entry for entry in published if entry["name"] == "contact")["source"]
    assert "third party" in source


async def test_50_the_export_of_who_is_blocked_does_not_tell(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    await anna.put("/api/v1/blocks/ben")
    _, archive = await export_of(ben)
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert anna.id.encode() not in everything
    _, archive = await export_of(anna)
    assert ben.id in archive.read("data/blocks/block.json").decode()
