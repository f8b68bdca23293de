# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""From a request to the function that answers it: who may call what is said in the tables of routes/."""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable

from server.errors import ApiError, DropConnection, forbidden, invalid_url, no_such_route
from server.http import TAKEN, Answer, Request
from server.ids import is_id, new_id
from server.permissions import has_permission, is_admin
from server.sessions import require_second_factor

if TYPE_CHECKING:
    from server.app import App

OPEN = "open"  # no session needed
SESSION = "session"  # any session; the function checks what else is needed
ADMIN = "admin"  # manage_system, or a finer permission that only administrators have here
# Any other word is the name of the permission that is needed.
PREFIX = "/api/v4"
Handler = Callable[["App", Request], Any]


@dataclass(frozen=True)
class Route:
    """One line of a route table. `local`: also on the local-mode socket; `only_local`: there alone."""

    method: str
    path: str
    handler: Handler
    access: str = SESSION
    local: bool = False
    only_local: bool = False
    since: tuple[int, int] = (0, 0)


class Router:
    """Finds the route, the session and the permission, and turns what comes back into an answer."""

    def __init__(self, app: App, routes: list[Route]) -> None:
        self._app = app
        usable = [route for route in routes if app.release.number >= route.since]
        # a literal path is tried before one with parameters: /users/ids before /users/{user_id}
        usable.sort(key=lambda route: (route.path.count("{"), -len(route.path)))
        self._routes = [(route, _compile(route.path)) for route in usable]

    def serve(self, request: Request) -> Answer | None:
        subpath = self._app.web.subpath
        if subpath and not request.local:  # the API moves with the site
            if not request.path.startswith(subpath + "/"):
                return Answer(None, 302, {"Location": subpath + request.path}, "text/html; charset=utf-8", b"")
            request.path = request.path[len(subpath) :]
        found = self._find(request)
        if found is None:
            return self._outside_api(request)
        route, request.params = found
        request.request_id = new_id()
        headers = self._headers(request)
        try:
            answer = self._call(route, request)
        except DropConnection:
            return None
        except ApiError as error:
            answer = Answer(error.body(request.request_id, is_11=self._app.release.is_11), error.status)
        except Exception as error:
            self._app.log.error(
                "Request failed in the stand-in",
                path=request.path,
                error=repr(error),
                trace=traceback.format_exc().replace("\n", " | "),
            )
            failure = ApiError("app.standin.internal.app_error", reason=type(error).__name__)
            answer = Answer(failure.body(request.request_id), failure.status)
        if answer is not None:
            answer.headers = {**headers, **answer.headers}
        return answer

    def _find(self, request: Request) -> tuple[Route, dict[str, str]] | None:
        for route, pattern in self._routes:
            if route.method != request.method:
                continue
            if (request.local and not route.local) or (route.only_local and not request.local):
                continue
            match = pattern.fullmatch(request.path)
            if match:
                return route, match.groupdict()
        return None

    def _outside_api(self, request: Request) -> Answer | None:
        if not request.local and not request.path.startswith(PREFIX):
            return self._app.web.serve(request)
        error = no_such_route(request.path)
        return Answer(error.body(""), error.status)

    def _call(self, route: Route, request: Request) -> Answer | None:
        self._authorize(route, request)
        for name, value in request.params.items():
            if not name.endswith("_id"):
                continue
            if name == "user_id" and value == "me" and request.user is not None:
                request.params[name] = request.user["id"]
            elif not is_id(value):
                raise invalid_url(name)
        result = route.handler(self._app, request)
        if result is TAKEN:
            return None
        return result if isinstance(result, Answer) else Answer(result)

    def _authorize(self, route: Route, request: Request) -> None:
        if request.local:
            return
        request.session, request.user = self._app.sessions.of(request)
        if route.access == OPEN:
            return
        if request.session is None:
            raise ApiError("api.context.session_expired.app_error")
        require_second_factor(self._app, request)
        if route.access == SESSION or is_admin(request):
            return
        if route.access == ADMIN or not has_permission(self._app, request, route.access):
            raise forbidden()

    def _headers(self, request: Request) -> dict[str, str]:
        headers = {
            "Permissions-Policy": "",
            "Referrer-Policy": "no-referrer",
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
            "X-Request-Id": request.request_id,
            "X-Version-Id": self._app.version_id(),
        }
        if request.method == "GET":
            headers["Expires"] = "0"
        return headers


def require_admin(request: Request) -> None:
    if not is_admin(request):
        raise forbidden()


def require_self_or_admin(request: Request) -> None:
    """For routes below /users/{user_id}."""
    if not is_admin(request) and (request.user is None or request.user["id"] != request.params["user_id"]):
        raise forbidden()


def ok(**headers: str) -> Answer:
    return Answer({"status": "OK"}, headers=dict(headers))


def _compile(path: str) -> re.Pattern[str]:
    shapes = {
        "username": r"[A-Za-z0-9_.-]+",
        "email": r".+",
        "team_name": r"[A-Za-z0-9_-]+",
        "channel_name": r"[A-Za-z0-9_-]+",
        "role_name": r"[a-z0-9_]+",
        "plugin": r"[A-Za-z0-9_.-]+",
        "emoji_name": r"[A-Za-z0-9_+-]+",
        "job_type": r"[A-Za-z0-9_-]+",
        "rest": r".*",
    }

    def group(match: re.Match[str]) -> str:
        name = match.group(1)
        return f"(?P<{name}>{shapes.get(name, '[A-Za-z0-9]+')})"

    return re.compile(re.escape(PREFIX) + re.sub(r"\{(\w+)\}", group, path))
