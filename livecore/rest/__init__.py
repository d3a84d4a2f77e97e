"""The HTTP edge: thin handlers, one file per resource. See `livecore.rest.api` for how a route is written.

`ROUTES` collects every resource; a new file adds its `routes` here.
"""

from livecore.rest import (
    accounts,
    admin,
    asyncapi,
    claims,
    contacts,
    conversations,
    exports,
    feed,
    keys,
    lives,
    me,
    notices,
    people,
    policies,
    reports,
    sessions,
    site,
    system,
    two_factor,
    users,
    videos,
    whip,
)
from livecore.rest.api import Routes

ROUTES: list[Routes] = [
    system.routes,
    asyncapi.routes,
    site.routes,
    accounts.routes,
    sessions.routes,
    two_factor.routes,
    me.routes,
    users.routes,
    people.routes,
    contacts.routes,
    conversations.routes,
    keys.routes,
    lives.routes,
    whip.routes,
    videos.routes,
    feed.routes,
    notices.routes,
    policies.routes,
    claims.routes,
    reports.routes,
    exports.routes,
    admin.routes,
]
