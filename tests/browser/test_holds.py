"""Staff preserve an account: asked for by one, agreed to by another, ended."""

from playwright.async_api import expect

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import DESKTOP, PHONE
from tests.processes import Program


async def test_a_hold_is_asked_for_agreed_to_and_ended(shared: Program, visitor: NewVisitor) -> None:
    await shared.person("hanna")
    otto = await shared.person("otto", staff="legal")
    lena = await visitor(shared, "lena", size=PHONE)
    await lena.arrive()
    await shared.admin("grant", "lena", "legal")
    page = lena.page
    await lena.go("/staff/holds")
    await expect(page.get_by_text("No account is preserved.")).to_be_visible()
    await page.get_by_label("Whose account").fill("hanna")
    await page.get_by_label("Why").fill("Request 7 of the court")
    await page.get_by_role("button", name="Ask for a hold").click()
    await expect(page.get_by_text("Waits for a second one")).to_be_visible()
    # Who asked cannot agree.
    await expect(page.get_by_role("button", name="Agree", exact=True)).to_have_count(0)
    [hold] = (await otto.get("/api/v1/admin/holds")).json["items"]
    assert (hold["username"], hold["reason"]) == ("hanna", "Request 7 of the court")
    assert (await otto.post(f"/api/v1/admin/holds/{hold['id']}/approve")).status == 200
    await page.reload()
    await expect(page.get_by_text("In force", exact=True)).to_be_visible()
    await lena.fits()
    await lena.accessible()
    await lena.picture("staff-holds", also=DESKTOP)
    await page.get_by_label("Reason").fill("Settled")
    await page.get_by_role("button", name="End the hold").click()
    await expect(page.get_by_text("No account is preserved.")).to_be_visible()
