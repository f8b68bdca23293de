# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Which of the two services run: decided when the process starts, by licence and settings, and never again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.errors import ApiError
from server.federation.channels import ChannelService
from server.federation.service import RemoteService

if TYPE_CHECKING:
    from server.app import App


class Federation:
    """`remotes` is the service of secure connections, `channels` that of shared channels; None where it does not run."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.remotes: RemoteService | None = None
        self.channels: ChannelService | None = None

    def start(self) -> None:
        licence = self._app.licence
        if not (licence.has("remote_cluster") or licence.has("shared_channels")):
            return
        if not (self.setting("EnableRemoteClusterService") or self.setting("EnableSharedChannels")):
            return
        self.remotes = RemoteService(self._app)
        if licence.has("shared_channels") and self.setting("EnableSharedChannels"):
            self.channels = ChannelService(self._app, self.remotes)
            self.channels.start()
        self.remotes.start()

    def setting(self, name: str) -> Any:
        section = "ConnectedWorkspacesSettings" if self._app.release.is_11 else "ExperimentalSettings"
        return self._app.config(f"{section}.{name}")

    def service(self) -> RemoteService:
        """The service of secure connections, or the refusal that its absence is."""
        if self.remotes is None:
            raise ApiError("api.remote_cluster.service_not_enabled.app_error")
        return self.remotes

    def channel_service(self) -> ChannelService:
        if self.channels is None:
            raise ApiError("api.command_share.service_disabled")
        return self.channels

    def changed(self, channel_id: str) -> None:
        """Something happened in a channel, shared or not."""
        if self.channels is not None:
            self.channels.changed(channel_id)

    def user_changed(self, user_id: str) -> None:
        if self.channels is not None:
            self.channels.user_changed(user_id)

    def site_url(self) -> str:
        url: str = self._app.config("ServiceSettings.SiteURL").rstrip("/")
        if not url:
            raise ApiError("api.get_site_url_error")
        return url
