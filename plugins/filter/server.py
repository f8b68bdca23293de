# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters of the role mattermost_server: what is wrong with its input, in sentences."""

from __future__ import annotations

import re
from typing import Any, Callable
from urllib.parse import urlsplit

SHA256 = re.compile(r"[0-9a-fA-F]{64}")
VERSION = re.compile(r"\d+\.\d+\.\d+(\+[0-9A-Za-z.]+)?")
ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[0-9A-Za-z.-]*):(\d+)")
USERNAME = re.compile(r"[a-z][a-z0-9._-]{2,63}")


def setting_names(settings: dict[str, Any]) -> list[str]:
    """Names (Section.Key) of nested settings, without their values."""
    return sorted(
        f"{section}.{key}"
        for section, keys in (settings or {}).items()
        for key in (keys if isinstance(keys, dict) else {})
    )


def _artifact(given: dict[str, Any]) -> list[str]:
    problems = []
    if not VERSION.fullmatch(str(given["version"])):
        problems.append(
            f"mattermost_server_version is {given['version']!r}; give the release's full number, for instance 11.7.9."
        )
    if bool(given["artifact_url"]) == bool(given["artifact_path"]):
        problems.append(
            "Give exactly one of mattermost_server_artifact_url and mattermost_server_artifact_path: where the release archive is."
        )
    if given["artifact_url"] and urlsplit(given["artifact_url"]).scheme not in ("http", "https"):
        problems.append(
            f"mattermost_server_artifact_url is {given['artifact_url']!r}; it must start with https:// or http://."
        )
    if given["artifact_sha256"] and not SHA256.fullmatch(given["artifact_sha256"]):
        problems.append(
            "mattermost_server_artifact_sha256 is not 64 hexadecimal digits; copy it whole from the release's page."
        )
    if not given["artifact_sha256"] and not given["artifact_signature"]:
        problems.append(
            "Neither mattermost_server_artifact_sha256 nor mattermost_server_artifact_signature is given: "
            "nothing would vouch for the release."
        )
    if given["artifact_signature"] and not given["artifact_public_key"]:
        problems.append(
            "mattermost_server_artifact_signature needs mattermost_server_artifact_public_key, the publisher's key."
        )
    return problems


def _addresses(given: dict[str, Any]) -> list[str]:
    problems = []
    site = urlsplit(str(given["site_url"]))
    if site.scheme not in ("http", "https") or not site.hostname:
        problems.append(
            f"mattermost_server_site_url is {given['site_url']!r}; give the whole address, such as https://chat.example.com."
        )
    elif site.path.strip("/"):
        problems.append(
            f"mattermost_server_site_url {given['site_url']} has the path {site.path}: the server would have to rewrite its own "
            "read-only release for it. Give the site a name of its own."
        )
    match = ADDRESS.fullmatch(str(given["listen_address"]))
    if not match or not 1024 <= int(match[2]) <= 65535:
        problems.append(
            f"mattermost_server_listen_address is {given['listen_address']!r}; give ADDRESS:PORT or :PORT with a port from 1024 to "
            "65535 (the service has no right to lower ones; the proxy takes 443)."
        )
    if given["tls_mode"] == "verify-full" and not given["database_ca_given"]:
        problems.append(
            "mattermost_server_database_tls_mode is verify-full, which needs mattermost_server_database_ca_certificate: "
            "the certificate authority that signed the database's certificate."
        )
    return problems


def _cluster(given: dict[str, Any]) -> list[str]:
    problems = []
    if given["this_host"] not in given["hosts"]:
        problems.append(f"mattermost_server_hosts does not name this host, {given['this_host']}.")
    shared = ("SqlSettings.AtRestEncryptKey", "FileSettings.PublicLinkSalt")
    missing = [key for key in shared if key not in given["secret_setting_names"]]
    if len(given["hosts"]) > 1 and given["config_store"] == "file" and missing:
        problems.append(
            "Several servers with a configuration file each need the same secrets: put "
            f"{' and '.join(missing)} into mattermost_server_secret_settings, or set mattermost_server_config_store to database."
        )
    if len(given["hosts"]) > 1 and int(given["uid"]) == 0:
        problems.append(
            "Several servers share files and must own them by the same number: give mattermost_server_uid, for instance 2000."
        )
    return problems


def _accounts(given: dict[str, Any]) -> list[str]:
    problems = []
    if not USERNAME.fullmatch(str(given["admin_username"])):
        problems.append(
            f"mattermost_server_admin_username is {given['admin_username']!r}; 3 to 64 lower-case letters, digits, '.', '-' and '_', "
            "starting with a letter."
        )
    if "@" not in str(given["admin_email"]):
        problems.append(f"mattermost_server_admin_email is {given['admin_email']!r}, which is no e-mail address.")
    if int(given["admin_password_length"]) < 14:
        problems.append("mattermost_server_admin_password is shorter than 14 characters; choose a longer one.")
    if not given["database_password_given"]:
        problems.append("mattermost_server_database_password is empty; the database takes no account without one.")
    return problems


def _settings(given: dict[str, Any]) -> list[str]:
    problems = []
    for section, keys in (given["settings"] or {}).items():
        if not isinstance(keys, dict):
            problems.append(
                f"mattermost_server_settings.{section} is {keys!r}; give the section as a mapping, for instance "
                "ServiceSettings: {EnableLinkPreviews: false}."
            )
    for name in setting_names(given["settings"]) + list(given["secret_setting_names"]):
        if name in given["owned_keys"]:
            problems.append(f"{name} cannot be given as a setting: it belongs to {given['owned_keys'][name]}.")
    for name in given["environment_names"]:
        if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
            problems.append(f"mattermost_server_environment has the name {name!r}; use capitals, digits and '_'.")
    if given["architecture"] not in ("x86_64", "aarch64"):
        problems.append(
            f"There is no Mattermost release for the architecture {given['architecture']}; use an x86_64 or aarch64 host."
        )
    return problems


def server_problems(given: dict[str, Any]) -> list[str]:
    """All that is wrong with the role's input, a sentence each; an empty list when nothing is."""
    return [problem for check in (_artifact, _addresses, _cluster, _accounts, _settings) for problem in check(given)]


class FilterModule:
    """Filters for mattermost_server."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"server_problems": server_problems, "setting_names": setting_names}
