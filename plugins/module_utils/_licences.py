# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Licences: which one a file holds, and which one a server has.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import base64
import json
from typing import Any, Dict, Optional
from urllib.parse import urlsplit

from ._client import Client, Connection
from ._errors import REMEDIES, MattermostError

# A licence file is base64 of the licence, as JSON, followed by a signature of this length.
_SIGNATURE = 256
_TRIED = "read the licence of the server"


def parse(content: bytes) -> Dict[str, Any]:
    """What a licence file says; whether its signature is good is for the server to judge."""
    try:
        document = json.loads(base64.b64decode(content).rstrip(b"\0")[:-_SIGNATURE].decode("utf-8"))
        return {
            "id": str(document["id"]),
            "sku_short_name": str(document.get("sku_short_name") or ""),
            "expires_at": int(document.get("expires_at") or 0),
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        remedy = REMEDIES["api.license.add_license.invalid.app_error"]
        raise MattermostError(f"Cannot read the licence: it has not the form of a licence file. {remedy}") from error


def installed(client: Client) -> Optional[Dict[str, Any]]:
    """What the server is licensed for; the id is empty when the server hides it, None when it tells nothing."""
    found = client.licence
    if found is None:
        return None
    return {
        "is_licensed": found.get("IsLicensed") == "true",
        "id": found.get("Id", ""),
        "sku_short_name": found.get("SkuShortName", ""),
        "expires_at": int(found.get("ExpiresAt") or 0),
    }


def client_map(client: Client) -> Optional[Dict[str, str]]:
    """What the server tells clients about its licence; `client.licence` asks once."""
    try:
        found: Dict[str, str] = client.get("/license/client", tried=_TRIED, query={"format": "old"})
        return found
    except MattermostError as error:
        if not error.no_route:
            raise
    # Sockets of older servers (9.11) have no such route. The port tells everybody at least whether there is a licence.
    config = client.get("/config", tried="read the configuration", needs="sysconsole_read_* (or manage_system)")
    try:
        with Client(_loopback(config["ServiceSettings"], client.connection.timeout), retries=0) as beside:
            seen: Dict[str, str] = beside.get("/license/client", tried=_TRIED, query={"format": "old"})
            return seen
    except MattermostError:
        return None


def _loopback(settings: Dict[str, Any], timeout: int) -> Connection:
    host, _colon, port = settings["ListenAddress"].rpartition(":")
    host = "127.0.0.1" if host in ("", "0.0.0.0", "[::]") else host  # noqa: S104 - compared, not listened on
    tls = settings["ConnectionSecurity"] == "TLS"
    subpath = urlsplit(settings["SiteURL"] or "").path.rstrip("/")
    url = f"{'https' if tls else 'http'}://{host}:{port or ('443' if tls else '80')}{subpath}"
    # The certificate is made out to the public name; nothing secret is sent, nothing but yes or no is read.
    return Connection(url=url, validate_certs=False, use_proxy=False, timeout=timeout)
