# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Requests to another server: its site URL, the system's certificates, and a proxy if the environment names one."""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import ssl
import urllib.request
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from server import gojson
from server.database import Row
from server.ids import is_id, new_id, now

TOKEN, ID = "X-RemoteCluster-Token", "X-RemoteCluster-Id"
SEND_TIMEOUT, PING_TIMEOUT = 60.0, 15.0
# where Go looks for certificates too, whatever this Python was built for
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


class SendError(Exception):
    """The other server was not reached, or refused."""


class Wire:
    """Sends; verifies certificates always, there is no switch."""

    def __init__(self) -> None:
        context = ssl.create_default_context()
        if not any(os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")):
            for bundle in _BUNDLES:
                if os.path.exists(bundle):
                    context.load_verify_locations(bundle)
                    break
        https = urllib.request.HTTPSHandler(context=context)
        self._proxied = urllib.request.build_opener(https)
        self._direct = urllib.request.build_opener(https, urllib.request.ProxyHandler({}))

    def frame(self, row: Row, path: str, topic: str, payload: Any, timeout: float = SEND_TIMEOUT) -> Any:
        """Send one message in its frame; answers the decoded JSON."""
        message = {"id": new_id(), "topic": topic, "create_at": now(), "payload": payload}
        body = gojson.dumps({"remote_id": row["remote_id"], "msg": message}).encode()
        answer = self.post(row, path, body, "application/json", timeout)
        try:
            return json.loads(answer)
        except ValueError as error:
            raise SendError(f"invalid response from remote server: {error}") from error

    def post(self, row: Row, path: str, body: bytes, content_type: str = "", timeout: float = SEND_TIMEOUT) -> bytes:
        url = f"{row['site_url']}/api/v4/remotecluster/{path}"
        headers = {ID: row["remote_id"], TOKEN: row["remote_token"]}
        headers["Content-Type"] = content_type or "application/octet-stream"
        request = urllib.request.Request(url, body, headers, method="POST")
        opener = self._direct if _is_loopback(url) else self._proxied
        try:
            with opener.open(request, timeout=timeout) as answer:
                if answer.status != HTTPStatus.OK:
                    raise SendError(f"unexpected response: {answer.status} - {answer.status} {answer.reason}")
                content: bytes = answer.read()
                return content
        except HTTPError as error:
            raise SendError(f"unexpected response: {error.code} - {error.code} {error.reason}") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise SendError(f'Post "{url}": {getattr(error, "reason", error)}') from error


def _is_loopback(url: str) -> bool:
    """Go never asks a proxy for these."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def frame_problem(frame: Any) -> tuple[str, str]:
    """(error id, name for its text) of what is wrong with a received frame, empty when nothing is."""
    message = frame.get("msg") if isinstance(frame, dict) else None
    if not isinstance(message, dict):
        return "api.unmarshal_error", ""
    if not is_id(frame.get("remote_id")) or not is_id(message.get("id")):
        return "api.remote_cluster.invalid_id.app_error", ""
    if not message.get("topic"):
        return "api.remote_cluster.invalid_topic.app_error", ""
    if "payload" not in message:
        return "api.context.invalid_body_param.app_error", "PayLoad"
    return "", ""
