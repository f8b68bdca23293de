# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Reading and changing the configuration."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from server.config import ConfigError
from server.config_backing import BackingError, open_backing
from server.errors import ApiError, DropConnection, invalid_body
from server.http import Answer, Request
from server.ids import now
from server.router import ADMIN, OPEN, Route, is_admin, ok
from server.settings import WrongType, lookup, sanitized, without_masked

if TYPE_CHECKING:
    from server.app import App

_NO_CACHE = {"Cache-Control": "no-cache, no-store, must-revalidate"}
_URL = ("ServiceSettings", "SiteURL")


def read(app: App, request: Request) -> Answer:
    return _shown(app, request, app.config.get())


def _shown(app: App, request: Request, config: dict[str, Any]) -> Answer:
    """Secrets are masked, except on the local-mode socket of 11 and later."""
    shown = config if request.local and app.release.is_11 else sanitized(config)
    if app.release.is_11 and not request.local:
        shown = _without_absent_plugins(app, shown)
    if app.release.is_11 and request.flag("remove_masked"):
        shown = without_masked(shown)
    return Answer(shown, headers=dict(_NO_CACHE))


def _without_absent_plugins(app: App, config: dict[str, Any]) -> dict[str, Any]:
    installed = {manifest["id"] for manifest in app.plugins.installed()}
    plugins = {name: value for name, value in config["PluginSettings"]["Plugins"].items() if name in installed}
    return {**config, "PluginSettings": {**config["PluginSettings"], "Plugins": plugins}}


def environment(app: App, request: Request) -> Answer:
    """Whoever may not read the configuration is told of no key."""
    tree = app.config.environment_tree() if is_admin(request) else None
    return Answer(tree or None, headers=dict(_NO_CACHE))


def client(app: App, request: Request) -> dict[str, str]:
    form = request.query.get("format", "")
    if not form:
        raise ApiError("api.config.client.old_format.app_error")
    if form != "old":
        raise invalid_body("format")
    return app.client_config.get(limited=request.session is None and not request.local)


def reload(app: App, _request: Request) -> Answer:
    try:
        app.config.load()
    except (ConfigError, BackingError) as error:
        raise ApiError("api.config.reload_config.app_error", status=500) from error
    return ok(**_NO_CACHE)


def patch(app: App, request: Request) -> Answer:
    change = _body(app, request)
    if app.release.is_11 and lookup(change, ("PluginSettings", "Plugins")) == {}:
        del change["PluginSettings"]["Plugins"]
    if request.local:
        _crash_as_the_real_one(app, change)
    else:
        _refuse(app, change)
        _crash_as_the_real_one(app, change)
        _drop_restricted(app, change)
    _writable(app)
    _stamp_export(app, change)
    app.config.patch(change)
    return _shown(app, request, app.config.get())


def update(app: App, request: Request) -> Answer:
    new = _body(app, request)
    fresh = lookup(new, _URL) is None
    whole = app.config.settings.complete(new, update=not fresh)
    if not request.local and app.config("ServiceSettings.SiteURL") and not lookup(whole, _URL):
        raise ApiError("api.config.update_config.clear_siteurl.app_error")
    for key in ("EnableUploads", "SignaturePublicKeyFiles"):
        whole["PluginSettings"][key] = copy.deepcopy(app.config(f"PluginSettings.{key}"))
    if not request.local and not app.config("PluginSettings.EnableUploads"):
        whole["PluginSettings"]["MarketplaceURL"] = app.config("PluginSettings.MarketplaceURL")
    _writable(app)
    app.config.replace(whole, update=not fresh)
    return _shown(app, request, app.config.get())


def migrate(app: App, request: Request) -> Answer:
    places = request.json()
    for name in ("from", "to"):
        if not isinstance(places.get(name), str):
            raise invalid_body(name)
    try:
        text = open_backing(places["from"], app.release_dir).read()
        open_backing(places["to"], app.release_dir).write(text)
    except Exception as error:
        raise ApiError("api.config.migrate_config.app_error") from error
    return ok()


def _body(app: App, request: Request) -> dict[str, Any]:
    try:
        return app.config.settings.accept(request.json("config"))
    except WrongType as error:
        raise invalid_body("config") from error


def _refuse(app: App, change: dict[str, Any]) -> None:
    if app.config("ServiceSettings.SiteURL") and lookup(change, _URL) == "":
        raise ApiError("api.config.update_config.clear_siteurl.app_error")
    plugin = change.get("PluginSettings", {})
    uploads = plugin.get("EnableUploads")
    guarded = []
    if uploads is not None and uploads != app.config("PluginSettings.EnableUploads"):
        guarded.append("PluginSettings.EnableUploads")
    url = plugin.get("MarketplaceURL")
    if url is not None and uploads is False and url != app.config("PluginSettings.MarketplaceURL"):
        guarded.append("PluginSettings.MarketplaceURL")
    directory = lookup(change, ("ImportSettings", "Directory"))
    if app.release.is_11 and directory is not None and directory != app.config("ImportSettings.Directory"):
        guarded.append("ImportSettings.Directory")
    for name in guarded:
        raise ApiError("api.config.update_config.not_allowed_security.app_error", name=name)


def _crash_as_the_real_one(app: App, change: dict[str, Any]) -> None:
    """Before 10 the handler of this one key breaks the connection, unless the time it then looks at is given too."""
    section = change.get("MessageExportSettings", {})
    if app.release.number < (10, 0) and section.get("EnableExport") and section.get("ExportFromTimestamp") is None:
        raise DropConnection


def _stamp_export(app: App, change: dict[str, Any]) -> None:
    """Exports that are switched on begin now, unless it is said when; switched off, the time is forgotten."""
    section = change.get("MessageExportSettings", {})
    wanted = section.get("EnableExport")
    if wanted is None or wanted == app.config("MessageExportSettings.EnableExport"):
        return
    if not wanted:
        section["ExportFromTimestamp"] = 0
    elif not section.get("ExportFromTimestamp"):
        section["ExportFromTimestamp"] = now()


def _drop_restricted(app: App, change: dict[str, Any]) -> None:
    """A restricted administrator changes nothing here: 200, and without effect."""
    if app.config("ExperimentalSettings.RestrictSystemAdmin"):
        for section in ("ExperimentalSettings", "ServiceSettings", "SqlSettings", "PluginSettings", "LogSettings"):
            change.pop(section, None)


def _writable(app: App) -> None:
    if app.config("ClusterSettings.Enable") and app.config("ClusterSettings.ReadOnlyConfig"):
        raise ApiError("ent.cluster.save_config.error")


ROUTES = [
    Route("GET", "/config", read, ADMIN, local=True),
    Route("PUT", "/config", update, ADMIN, local=True),
    Route("PUT", "/config/patch", patch, ADMIN, local=True),
    Route("POST", "/config/reload", reload, ADMIN, local=True),
    Route("POST", "/config/migrate", migrate, ADMIN, local=True, only_local=True),
    Route("GET", "/config/client", client, OPEN, local=True),
    Route("GET", "/config/environment", environment),
]
