# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Health, the licence, and what an administrator asks of a running server."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from server.database import DatabaseError, NoDatabase
from server.errors import ApiError, invalid_url
from server.http import Answer, Request
from server.ids import new_id, now
from server.multipart import is_multipart, parse
from server.permissions import has_permission
from server.router import ADMIN, OPEN, Route, ok

if TYPE_CHECKING:
    from server.app import App

_OK, _UNHEALTHY = "OK", "UNHEALTHY"


def ping(app: App, request: Request) -> Answer:
    status = {
        "ActiveSearchBackend": "database",
        "AndroidLatestVersion": "",
        "AndroidMinVersion": "",
        "IosLatestVersion": "",
        "IosMinVersion": "",
        "status": _OK,
    }
    headers: dict[str, str] = {}
    if request.query.get("get_server_status") == "true":
        status["database_status"] = _database_status(app)
        status["filestore_status"] = _filestore_status(app)
        if _UNHEALTHY in status.values():
            status["status"] = _UNHEALTHY
        headers = {name: status[name] for name in ("status", "database_status", "filestore_status")}
    unhealthy = status["status"] != _OK and request.query.get("use_rest_semantics") != "true"
    return Answer(status, 500 if unhealthy else 200, headers)


def _database_status(app: App) -> str:
    """The real check writes a row and deletes it."""
    if app.release.broken == "unhealthy":
        app.log.warn("Unable to write to database.", error="this build of the stand-in is broken on purpose")
        return _UNHEALTHY
    name = "DBHealthCheck_" + new_id()
    try:
        app.store.set_system(name, str(now()))
        app.store.delete("systems", name=name)
    except (NoDatabase, DatabaseError) as error:
        app.log.warn("Unable to write to database.", error=str(error))
        return _UNHEALTHY
    return _OK


def _filestore_status(app: App) -> str:
    try:
        app.files.check()
    except OSError as error:
        app.log.warn("Unable to test filestore connection.", error=str(error))
        return _UNHEALTHY
    return _OK


def schema_version(app: App, _request: Request) -> list[dict[str, Any]]:
    return app.database.run("SELECT version, name FROM db_migrations ORDER BY version DESC")


def license_client(app: App, request: Request) -> dict[str, str]:
    given = request.query.get("format", "")
    if given not in ("", "old"):
        raise invalid_url("format")
    if not given:
        raise ApiError("api.license.client.old_format.app_error")
    return app.licence.client(full=has_permission(app, request, "read_license_information"))


def license_add(app: App, request: Request) -> Answer:
    if not is_multipart(request):
        return Answer(None, 400, {}, "text/plain; charset=utf-8", b"request Content-Type isn't multipart/form-data\n")
    _fields, files = parse(request)
    if "license" not in files:
        raise ApiError("api.license.add_license.no_file.app_error")
    _name, content = files["license"][0]
    return Answer(app.licence.save(content))


def license_load(app: App, _request: Request) -> dict[str, int]:
    """Accounts seen in the last month, in thousandths of those that are licensed."""
    if app.licence.current is None:
        return {"load": 0}
    seen = "deleteat = 0 AND id NOT IN (SELECT userid FROM bots) AND id IN (SELECT userid FROM sessions)"
    return {"load": round(1000 * app.store.count("users", seen) / app.licence.current["features"]["users"])}


def license_remove(app: App, _request: Request) -> Answer:
    app.licence.remove()
    return ok()


def user_limits(app: App) -> tuple[int, int]:
    """(warning, refusal) above which no account is made; both 0 for no limit."""
    if app.licence.licensed:
        return 0, 0
    return (200, 250) if app.release.is_11 else (5000, 11000)


def limits(app: App, _request: Request) -> dict[str, int]:
    soft, hard = user_limits(app)
    active = app.store.count("users", "deleteat = 0 AND remoteid = '' AND id NOT IN (SELECT userid FROM bots)")
    return {"maxUsersLimit": soft, "maxUsersHardLimit": hard, "activeUserCount": active}


def recycle(app: App, _request: Request) -> Answer:
    app.database.recycle()
    return ok()


def invalidate(_app: App, _request: Request) -> Answer:
    return ok(**{"Cache-Control": "no-cache, no-store, must-revalidate"})


def restart(_app: App, _request: Request) -> Answer:
    """Accepted and without effect, as on any real server that is not a container of the maker's."""
    return ok()


def logs(app: App, request: Request) -> list[str]:
    limit = request.number("logs_per_page", 10000, 10000)
    path = app.find_dir("logs") / "mattermost.log"
    try:
        with path.open(encoding="utf-8") as stream:
            return list(deque(stream, maxlen=limit))
    except OSError:
        return []


def audits(app: App, request: Request) -> list[dict[str, Any]]:
    limit, offset = request.page
    return app.store.find("audits", order="createat DESC", limit=limit, offset=offset)


def analytics(app: App, _request: Request) -> list[dict[str, Any]]:
    counts = {
        "channel_open_count": app.store.count("channels", "type = 'O' AND deleteat = 0"),
        "channel_private_count": app.store.count("channels", "type = 'P' AND deleteat = 0"),
        "post_count": app.store.count("posts", "deleteat = 0"),
        "unique_user_count": app.store.count("users", "deleteat = 0"),
        "team_count": app.store.count("teams", "deleteat = 0"),
    }
    return [{"name": name, "value": value} for name, value in counts.items()]


def file_test(app: App, _request: Request) -> Answer:
    try:
        app.files.check()
    except OSError as error:
        raise ApiError("api.file.test_connection.app_error", status=500) from error
    return ok()


def latest_version(app: App, _request: Request) -> dict[str, Any]:
    app.outbound.try_now("https://api.github.com", "Failed to get the latest version")
    raise ApiError("app.standin.internal.app_error", reason="it fetches nothing from outside")


def cluster_status(_app: App, _request: Request) -> list[Any]:
    return []


def websocket(app: App, request: Request) -> Any:
    return app.hub.upgrade(request)


ROUTES = [
    Route("GET", "/system/ping", ping, OPEN, local=True),
    Route("GET", "/system/schema/version", schema_version, ADMIN, local=True),
    Route("GET", "/license/client", license_client, OPEN),
    Route("GET", "/license/client", license_client, local=True, only_local=True, since=(11, 0)),
    Route("GET", "/license/load_metric", license_load, since=(11, 0)),
    Route("POST", "/license", license_add, "manage_license_information", local=True),
    Route("DELETE", "/license", license_remove, "manage_license_information", local=True),
    Route("GET", "/limits/server", limits, ADMIN),
    Route("POST", "/database/recycle", recycle, ADMIN),
    Route("POST", "/caches/invalidate", invalidate, ADMIN),
    Route("POST", "/restart", restart, ADMIN),
    Route("POST", "/file/s3_test", file_test, ADMIN),
    Route("GET", "/logs", logs, ADMIN, local=True),
    Route("GET", "/audits", audits, ADMIN),
    Route("GET", "/analytics/old", analytics, ADMIN),
    Route("GET", "/latest_version", latest_version, ADMIN),
    Route("GET", "/cluster/status", cluster_status, ADMIN),
    Route("GET", "/websocket", websocket, OPEN),
]
