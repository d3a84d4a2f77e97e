"""Staying signed in."""

from playwright.async_api import Route, expect

from tests.browser.conftest import NewVisitor
from tests.processes import Program
from tests.waiting import until


async def test_who_leaves_the_page_while_its_token_is_renewed_stays_signed_in(shared: Program, visitor: NewVisitor) -> None:
    anna = await visitor(shared, "sina")
    anna.forgive("ERR_FAILED")
    lost: list[int] = []

    async def lose_the_first(route: Route) -> None:
        if lost:
            await route.continue_()
            return
        lost.append(0)
        lost[0] = (await route.fetch()).status
        await route.abort()

    await anna.page.route("**/api/v1/sessions/refresh", lose_the_first)
    await anna.arrive()
    await until(lambda: lost and lost[0], "a renewal")
    await anna.go("/me")

    async def is_renewed() -> bool:
        return bool(await anna.page.evaluate("sessionStorage.getItem('livecore.access')"))

    await until(is_renewed, "the same exchange, answered this time")
    assert lost == [200]
    await expect(anna.page.get_by_text("Sina Example").first).to_be_visible()

    # The account is not deleted by somebody who merely found the page open.
    anna.forgive("403")
    await anna.go("/me/data")
    await anna.page.get_by_role("button", name="Delete my account").click()
    await anna.page.get_by_role("textbox", name="Password").fill("not my password")
    await anna.page.get_by_role("button", name="Delete the account").click()
    await expect(anna.page.get_by_role("alert").get_by_text("That is not the present password.")).to_be_visible()
    assert (await anna.person.get("/api/v1/me")).status == 200
