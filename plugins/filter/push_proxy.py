# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters of the role mattermost_push_proxy: what is wrong with its input, its configuration, and what notifications may say."""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Mapping, Union
from urllib.parse import urlsplit

from ansible_collections.fieldops.mattermost.plugins.module_utils._errors import MattermostError
from ansible_collections.fieldops.mattermost.plugins.module_utils._licences import parse
from ansible_collections.fieldops.mattermost.plugins.plugin_utils.network import is_address, port_range

ARCHITECTURES = ("x86_64", "aarch64")
APPLE_KEYS = {"type", "topic", "key", "key_id", "team_id", "certificate", "certificate_password", "development"}
ANDROID_KEYS = {"type", "service_account"}
TYPES = {"apple": ("apple", "apple_rn"), "android": ("android", "android_rn")}
ACCOUNT = ("project_id", "client_email", "private_key")
VERSION = re.compile(r"\d+\.\d+\.\d+")
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
CONTENTS = ("full", "generic", "generic_no_channel", "id_loaded")
# The tiers that are known to have notifications which hold ids alone.
ID_LOADED_TIERS = ("enterprise", "advanced", "e20")


def _release(given: dict[str, Any]) -> list[str]:
    problems = []
    if not VERSION.fullmatch(str(given["version"])):
        problems.append(
            f"mattermost_push_proxy_version is {given['version']!r}; give the release's full number, such as 6.5.0."
        )
    if not given["source"]:
        problems.append(
            "mattermost_push_proxy_artifact_url and mattermost_push_proxy_artifact_path are empty; give one of them."
        )
    if not SHA256.fullmatch(str(given["sha256"])):
        problems.append("mattermost_push_proxy_artifact_sha256 must be the 64 hexadecimal digits of the tarball.")
    if given["architecture"] not in ARCHITECTURES:
        problems.append(f"There are releases for {' and '.join(ARCHITECTURES)}, not for {given['architecture']}.")
    return problems


def _apple(app: dict[str, Any]) -> list[str]:
    unknown = sorted(set(app) - APPLE_KEYS)
    problems = [f"has the unknown key {', '.join(unknown)}"] if unknown else []
    if not app.get("topic"):
        problems.append("has no topic; give the identifier of your app's bundle")
    if bool(app.get("key")) == bool(app.get("certificate")):
        problems.append("needs a key or a certificate, and not both")
    elif app.get("key"):
        if "PRIVATE KEY-----" not in str(app["key"]):
            problems.append("has a key that is not the text of a .p8 file")
        missing = [name for name in ("key_id", "team_id") if not app.get(name)]
        if missing:
            problems.append(f"has no {' and no '.join(missing)}, which Apple asks for with the key")
    elif not all(f"{part}-----" in str(app["certificate"]) for part in ("CERTIFICATE", "PRIVATE KEY")):
        problems.append(
            "has a certificate that is not the text of a .pem file with the certificate and its private key"
        )
    return problems


def _android(app: dict[str, Any]) -> list[str]:
    unknown = sorted(set(app) - ANDROID_KEYS)
    problems = [f"has the unknown key {', '.join(unknown)}"] if unknown else []
    try:
        account = _account(app)
        missing = [name for name in ACCOUNT if not account.get(name)]
    except (ValueError, AttributeError):
        return [*problems, "has a service_account that is not the text of Firebase's service file (JSON)"]
    if missing:
        problems.append(f"has a service_account without {', '.join(missing)}")
    return problems


def _account(app: Mapping[str, Any]) -> dict[str, Any]:
    """The service account; Ansible may have made a mapping of the text already."""
    given = app.get("service_account") or ""
    account: dict[str, Any] = dict(given) if isinstance(given, Mapping) else json.loads(str(given))
    return account


def _apps(given: dict[str, Any]) -> list[str]:
    problems = []
    for platform, judge in (("apple", _apple), ("android", _android)):
        seen = set()
        for number, app in enumerate(given[platform], start=1):
            kind = app.get("type", f"{platform}_rn")
            label = f"mattermost_push_proxy_{platform}, number {number},"
            if kind not in TYPES[platform]:
                problems.append(f"{label} has the type {kind!r}; give one of {', '.join(TYPES[platform])}.")
            elif kind in seen:
                problems.append(f"{label} has the type {kind}, which another one has; the program keeps one of each.")
            seen.add(kind)
            problems += [f"{label} {problem}." for problem in judge(app)]
    if not given["apple"] and not given["android"]:
        problems.append(
            "mattermost_push_proxy_apple and mattermost_push_proxy_android are empty, so that it could send to nobody; give the keys of "
            "the apps that you built. The apps of the stores take notifications from Mattermost's own push proxies alone."
        )
    return problems


def _service(given: dict[str, Any]) -> list[str]:
    problems = []
    host, colon, port = str(given["listen_address"]).rpartition(":")
    try:
        port_range(port)
        good = bool(colon) and (not host or is_address(host.strip("[]")))
    except ValueError:
        good = False
    if not good:
        problems.append(
            f"mattermost_push_proxy_listen_address is {given['listen_address']!r}; give :8066, or an address and a port."
        )
    if not 1 <= int(given["retry_timeout"]) <= int(given["send_timeout"]):
        problems.append(
            f"mattermost_push_proxy_retry_timeout is {given['retry_timeout']}; give 1 to mattermost_push_proxy_send_timeout seconds."
        )
    if int(given["per_second"]) < 1:
        problems.append(f"mattermost_push_proxy_per_second is {given['per_second']}; give at least 1.")
    proxy = str(given["outgoing_proxy"])
    if proxy and (urlsplit(proxy).scheme not in ("http", "https") or not urlsplit(proxy).hostname or " " in proxy):
        problems.append(
            "mattermost_push_proxy_outgoing_proxy must be the URL of a proxy, such as http://proxy.example.org:3128."
        )
    return problems


def push_proxy_problems(given: dict[str, Any]) -> list[str]:
    """All that is wrong with the role's input, a sentence each; an empty list when nothing is."""
    return [*_release(given), *_apps(given), *_service(given)]


def push_proxy_platforms(apple: list[dict[str, Any]], android: list[dict[str, Any]], folder: str) -> dict[str, Any]:
    """The apps as the program's configuration has them, and the files that it names."""
    found: dict[str, Any] = {"apple": [], "android": [], "files": []}
    for app in apple:
        kind = app.get("type", "apple_rn")
        path = f"{folder}/{kind}.pem"
        found["files"].append({"path": path, "content": str(app.get("key") or app.get("certificate")).strip() + "\n"})
        found["apple"].append(
            {
                "Type": kind,
                "ApplePushUseDevelopment": bool(app.get("development")),
                "ApplePushCertPrivate": path if app.get("certificate") else "",
                "ApplePushCertPassword": str(app.get("certificate_password") or ""),
                "ApplePushTopic": str(app["topic"]),
                "AppleAuthKeyFile": path if app.get("key") else "",
                "AppleAuthKeyID": str(app.get("key_id") or ""),
                "AppleTeamID": str(app.get("team_id") or ""),
            }
        )
    for app in android:
        kind = app.get("type", "android_rn")
        path = f"{folder}/{kind}.json"
        found["files"].append({"path": path, "content": json.dumps(_account(app), indent=2, sort_keys=True) + "\n"})
        found["android"].append({"Type": kind, "ServiceFileLocation": path})
    return found


def push_contents_problems(contents: str, licence: Union[str, Mapping[str, Any], None]) -> list[str]:
    """Why the server would not keep to this value of EmailSettings.PushNotificationContents; an empty list when it does.

    The server takes V(id_loaded) with any licence and then sends V(generic), with the names of senders and channels, without a word.
    """
    if contents not in CONTENTS:
        return [f"PushNotificationContents is {contents!r}; give one of {', '.join(CONTENTS)}."]
    if contents != "id_loaded":
        return []
    warning = "the server would send the names of senders and channels to the push services instead, without a word."
    choose = "Choose generic_no_channel, or license it."
    if licence is None:
        return [
            f"PushNotificationContents is id_loaded, but the server does not tell its licence: without one {warning}"
        ]
    try:
        tier = _tier(licence)
    except MattermostError as error:
        return [f"PushNotificationContents is id_loaded, but whether it is licensed cannot be told: {error}"]
    if not tier:
        return [f"PushNotificationContents is id_loaded, which an unlicensed server does not have: {warning} {choose}"]
    if tier.lower() not in ID_LOADED_TIERS:
        return [
            f"PushNotificationContents is id_loaded, which a licence of the tier {tier!r} is not known to have: {warning} {choose}"
        ]
    return []


def _tier(licence: Union[str, Mapping[str, Any]]) -> str:
    if isinstance(licence, Mapping):
        return str(licence.get("sku_short_name") or "unknown") if licence.get("is_licensed") else ""
    return str(parse(licence.strip().encode())["sku_short_name"] or "unknown") if licence.strip() else ""


class FilterModule:
    """Filters for mattermost_push_proxy."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "push_proxy_problems": push_proxy_problems,
            "push_proxy_platforms": push_proxy_platforms,
            "push_contents_problems": push_contents_problems,
        }
