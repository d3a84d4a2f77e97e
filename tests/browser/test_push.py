"""A browser whose page is closed is woken, and shows a notice that says nothing of who or what."""

from typing import Any

from playwright.async_api import expect

from tests.browser.conftest import NewVisitor
from tests.processes import Program
from tests.waiting import until


async def test_a_push_becomes_a_notice_that_says_nothing(shared: Program, visitor: NewVisitor) -> None:
    anna = await visitor(shared, "petra")
    await anna.arrive()
    anna.forgive("incognito mode")
    await anna.context.grant_permissions(["notifications"], origin=shared.url)
    await anna.go("/me/devices")
    switch = anna.page.get_by_label("Tell me when the page is closed")
    await switch.click()
    # No push service can be reached from a test machine: that is said, and the switch goes back.
    await expect(anna.page.get_by_text("push service cannot be reached")).to_be_visible()
    await expect(switch).not_to_be_checked()
    # The worker is there all the same; the browser hands it a push as its service would.
    devtools = await anna.context.new_cdp_session(anna.page)
    registrations: list[dict[str, Any]] = []
    devtools.on("ServiceWorker.workerRegistrationUpdated", lambda event: registrations.extend(event["registrations"]))
    await devtools.send("ServiceWorker.enable")
    found = await until(lambda: [one for one in registrations if one["scopeURL"] == f"{shared.url}/"], "the service worker")
    push = {"origin": shared.url, "registrationId": found[0]["registrationId"], "data": ""}
    await devtools.send("ServiceWorker.deliverPushMessage", push)

    async def shown() -> list[dict[str, str]]:
        notices = "navigator.serviceWorker.ready.then((one) => one.getNotifications()).then((all) => all.map(({ title, body, tag }) => ({ title, body, tag })))"
        result: list[dict[str, str]] = await anna.page.evaluate(notices)
        return result

    assert await until(shown, "the notice") == [{"title": "livecore", "body": "Something new is waiting for you.", "tag": "waiting"}]
