# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Plugins over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.errors import ApiError
from server.http import Answer, Request
from server.multipart import is_multipart, parse
from server.router import ADMIN, OPEN, Route, ok

if TYPE_CHECKING:
    from server.app import App


def upload(app: App, request: Request) -> Answer:
    settings = app.config.get()["PluginSettings"]
    if not settings["Enable"] or not settings["EnableUploads"] or settings["RequirePluginSignature"]:
        raise ApiError("app.plugin.upload_disabled.app_error")
    fields, files = parse(request) if is_multipart(request) else ({}, {})
    if len(files.get("plugin", [])) != 1:
        raise ApiError("api.plugin.upload.no_file.app_error")
    _name, bundle = files["plugin"][0]
    return Answer(app.plugins.install(bundle, force=fields.get("force") == "true"), 201)


def listing(app: App, _request: Request) -> dict[str, Any]:
    _enabled(app)
    return app.plugins.listing()


def statuses(app: App, _request: Request) -> list[dict[str, Any]]:
    _enabled(app)
    return app.plugins.statuses()


def enable(app: App, request: Request) -> Answer:
    _enabled(app)
    app.plugins.switch(request.params["plugin"], on=True)
    return ok()


def disable(app: App, request: Request) -> Answer:
    _enabled(app)
    app.plugins.switch(request.params["plugin"], on=False)
    return ok()


def remove(app: App, request: Request) -> Answer:
    _enabled(app)
    app.plugins.remove(request.params["plugin"])
    return ok()


def webapp(app: App, _request: Request) -> list[dict[str, Any]]:
    return [manifest for manifest in app.plugins.listing()["active"] if manifest.get("webapp")]


def marketplace(app: App, request: Request) -> Any:
    """Nothing is on offer; asking the remote marketplace is a call to the outside."""
    _enabled(app)
    if not app.config("PluginSettings.EnableMarketplace"):
        raise ApiError("app.plugin.marketplace_disabled.app_error")
    if app.config("PluginSettings.EnableRemoteMarketplace") and not request.flag("local_only"):
        url = app.config("PluginSettings.MarketplaceURL")
        if not app.outbound.try_now(url, "Failed to get plugins from the marketplace server."):
            raise ApiError("app.plugin.marketplace_client.failed_to_fetch")
    return None


def _enabled(app: App) -> None:
    if not app.config("PluginSettings.Enable"):
        raise ApiError("app.plugin.disabled.app_error")


ROUTES = [
    Route("POST", "/plugins", upload, ADMIN, local=True),
    Route("GET", "/plugins", listing, ADMIN, local=True),
    Route("GET", "/plugins/statuses", statuses, ADMIN),
    Route("GET", "/plugins/webapp", webapp, OPEN),
    Route("GET", "/plugins/marketplace", marketplace, ADMIN, local=True),
    Route("POST", "/plugins/{plugin}/enable", enable, ADMIN, local=True),
    Route("POST", "/plugins/{plugin}/disable", disable, ADMIN, local=True),
    Route("DELETE", "/plugins/{plugin}", remove, ADMIN, local=True),
]
