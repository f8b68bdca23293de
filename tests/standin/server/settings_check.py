# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Values the server refuses to run with: one row per check, in the real server's order."""

from __future__ import annotations

import os
import re
from typing import Any, Callable, Optional

from server.errors import ApiError
from server.settings import lookup

Check = Callable[[Any], bool]


def _positive(value: int) -> bool:
    return value > 0


def _not_negative(value: int) -> bool:
    return value >= 0


def _filled(value: str) -> bool:
    return value != ""


def _one_of(*choices: str) -> Check:
    return lambda value: value in choices


def _at_least(limit: int) -> Check:
    return lambda value: value >= limit


def _between(low: int, high: int) -> Check:
    return lambda value: low <= value <= high


def _empty_or_long(value: str) -> bool:
    return value == "" or len(value) >= 32


def _empty_or_url(value: str) -> bool:
    return value == "" or bool(re.match(r"(/|[A-Za-z][A-Za-z0-9+.-]*:)[^\s]*$", value))


def _listen_address(value: str) -> bool:
    host, _colon, port = value.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        return False
    return bool(re.fullmatch(r"(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]*)", host))


# (section.key, error id between "model.config.is_valid." and ".app_error", check)
_CHECKS: list[tuple[str, str, Check]] = [
    ("TeamSettings.MaxUsersPerTeam", "max_users", _positive),
    ("TeamSettings.MaxChannelsPerTeam", "max_channels", _positive),
    ("TeamSettings.UserStatusAwayTimeout", "user_status_away_timeout", _positive),
    ("TeamSettings.MaxNotificationsPerChannel", "max_notify_per_channel", _positive),
    ("TeamSettings.RestrictDirectMessage", "restrict_direct_message", _one_of("any", "team")),
    (
        "TeamSettings.TeammateNameDisplay",
        "teammate_name_display",
        _one_of("full_name", "nickname_full_name", "username"),
    ),
    ("TeamSettings.SiteName", "sitename_length", lambda value: len(value) <= 30),
    ("ExperimentalSettings.LinkMetadataTimeoutMilliseconds", "link_metadata_timeout", _positive),
    ("SqlSettings.AtRestEncryptKey", "encrypt_sql", _empty_or_long),
    ("SqlSettings.DriverName", "sql_driver", _one_of("mysql", "postgres")),
    ("SqlSettings.MaxIdleConns", "sql_idle", _positive),
    ("SqlSettings.ConnMaxLifetimeMilliseconds", "sql_conn_max_lifetime_milliseconds", _not_negative),
    ("SqlSettings.ConnMaxIdleTimeMilliseconds", "sql_conn_max_idle_time_milliseconds", _not_negative),
    ("SqlSettings.QueryTimeout", "sql_query_timeout", _positive),
    ("SqlSettings.DataSource", "sql_data_src", _filled),
    ("SqlSettings.MaxOpenConns", "sql_max_conn", _positive),
    ("FileSettings.MaxFileSize", "max_file_size", _positive),
    ("FileSettings.DriverName", "file_driver", _one_of("local", "amazons3")),
    ("FileSettings.PublicLinkSalt", "file_salt", _empty_or_long),
    ("FileSettings.Directory", "directory", _filled),
    ("EmailSettings.ConnectionSecurity", "email_security", _one_of("", "TLS", "STARTTLS", "PLAIN")),
    ("EmailSettings.EmailBatchingBufferSize", "email_batching_buffer_size", _positive),
    ("EmailSettings.EmailBatchingInterval", "email_batching_interval", _at_least(30)),
    (
        "EmailSettings.EmailNotificationContentsType",
        "email_notification_contents_type",
        _one_of("full", "generic"),
    ),
    ("LdapSettings.ConnectionSecurity", "ldap_security", _one_of("", "TLS", "STARTTLS")),
    ("LdapSettings.SyncIntervalMinutes", "ldap_sync_interval", _positive),
    ("LdapSettings.MaxPageSize", "ldap_max_page_size", _not_negative),
    ("PasswordSettings.MinimumLength", "password_length", _between(5, 72)),
    ("RateLimitSettings.MemoryStoreSize", "rate_mem", _positive),
    ("RateLimitSettings.PerSec", "rate_sec", _positive),
    ("RateLimitSettings.MaxBurst", "max_burst", _positive),
    ("ServiceSettings.ConnectionSecurity", "webserver_security", _one_of("", "TLS")),
    ("ServiceSettings.MaximumPayloadSizeBytes", "max_payload_size", _positive),
    ("ServiceSettings.ReadTimeout", "read_timeout", _positive),
    ("ServiceSettings.WriteTimeout", "write_timeout", _positive),
    ("ServiceSettings.TimeBetweenUserTypingUpdatesMilliseconds", "time_between_user_typing", _at_least(1000)),
    ("ServiceSettings.MaximumLoginAttempts", "login_attempts", _positive),
    ("ServiceSettings.SiteURL", "site_url", _empty_or_url),
    ("ServiceSettings.WebsocketURL", "websocket_url", _empty_or_url),
    ("ServiceSettings.ListenAddress", "listen_address", _listen_address),
    (
        "ServiceSettings.OutgoingIntegrationRequestsTimeout",
        "outgoing_integrations_request_timeout",
        _positive,
    ),
    (
        "ServiceSettings.ExperimentalGroupUnreadChannels",
        "group_unread_channels",
        _one_of("disabled", "default_on", "default_off"),
    ),
    (
        "ServiceSettings.CollapsedThreads",
        "collapsed_threads",
        _one_of("disabled", "default_on", "always_on", "default_off"),
    ),
    ("ImportSettings.Directory", "import.directory", _filled),
    ("ImportSettings.RetentionDays", "import.retention_days_too_low", _positive),
    ("ExportSettings.Directory", "export.directory", _filled),
    ("ExportSettings.RetentionDays", "export.retention_days_too_low", _positive),
]


def check(config: dict[str, Any]) -> Optional[ApiError]:
    """The first thing wrong with `config`, or None."""
    for name, error, fits in _CHECKS:
        if not fits(lookup(config, tuple(name.split(".")))):
            return ApiError(f"model.config.is_valid.{error}.app_error")
    return _check_together(config)


def _check_together(config: dict[str, Any]) -> Optional[ApiError]:
    service, email = config["ServiceSettings"], config["EmailSettings"]
    if not service["SiteURL"] and email["EnableEmailBatching"]:
        return ApiError("model.config.is_valid.site_url_email_batching.app_error")
    if not service["SiteURL"] and service["AllowCookiesForSubdomains"]:
        return ApiError("model.config.is_valid.allow_cookies_for_subdomains.app_error")
    if service["ConnectionSecurity"] == "TLS" and not service["UseLetsEncrypt"]:
        for key, error in (("TLSCertFile", "tls_cert_file_missing"), ("TLSKeyFile", "tls_key_file_missing")):
            if not os.path.exists(service[key]):
                return ApiError(f"model.config.is_valid.{error}.app_error")
    if service["EnableLocalMode"] and not os.path.isdir(os.path.dirname(service["LocalModeSocketLocation"]) or "."):
        return ApiError("model.config.is_valid.local_mode_socket.app_error")
    return None
