"""Staying signed in."""

from playwright.async_api import Route, expect

from tests.browser.conftest import NewVisitor
from tests.conftest import StartProgram
from tests.waiting import until


async def test_who_leaves_the_page_while_its_token_is_renewed_stays_signed_in(program: StartProgram, visitor: NewVisitor) -> None:
    anna = await visitor(await program(), "anna")
    anna.forgive("ERR_FAILED")
    answers: list[int] = []

    async def lose_the_first(route: Route) -> None:
        answer = await route.fetch()
        answers.append(answer.status)
        if len(answers) == 1:
            await route.abort()
        else:
            await route.fulfill(response=answer)

    await anna.page.route("**/api/v1/sessions/refresh", lose_the_first)
    await anna.arrive()
    await until(lambda: answers, "a renewal")
    await anna.go("/me")
    await expect(anna.page.get_by_text("Anna Example").first).to_be_visible()
    assert set(answers) == {200}
    assert len(answers) > 1
