# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Invitations to a secure connection, encrypted with a password as real servers do it.

The text is base64 (URL alphabet, padded) of a salt (16 bytes), a nonce (12), and AES-256-GCM of a JSON object. The key
comes from PBKDF2 where the object says version 3 or more, and from scrypt before.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from server import gojson
from server.errors import ApiError
from server.federation import aesgcm
from server.ids import is_id
from server.release import Release

VERSION = 3
_SALT = 16


@dataclass
class Invitation:
    """What is in an invitation, and in the confirmation that answers it."""

    remote_id: str
    site_url: str
    token: str
    refreshed_token: str = ""
    version: int = 0

    @classmethod
    def parse(cls, found: dict[str, Any]) -> Invitation:
        """From JSON; fields that this release does not know are ignored."""
        texts = {name: str(found.get(name) or "") for name in ("remote_id", "site_url", "token", "refreshed_token")}
        return cls(version=int(found.get("version") or 0), **texts)

    def shown(self) -> dict[str, Any]:
        found = {"remote_id": self.remote_id, "remote_team_id": "", "site_url": self.site_url, "token": self.token}
        if self.refreshed_token:
            found["refreshed_token"] = self.refreshed_token
        return {**found, "version": self.version} if self.version else found


def create(release: Release, remote_id: str, site_url: str, token: str, password: str) -> str:
    """The text that goes to the other side's administrator."""
    invitation = Invitation(remote_id, site_url, token, version=VERSION if release.is_11 else 0)
    if release.is_11 and not (is_id(remote_id) and token and urlsplit(site_url).scheme):
        raise ApiError("api.remote_cluster.create_invite_error")
    return encrypt(invitation, password)


def encrypt(invitation: Invitation, password: str) -> str:
    salt, nonce = os.urandom(_SALT), os.urandom(aesgcm.NONCE)
    key = _pbkdf2(password, salt) if invitation.version >= VERSION else _scrypt(password, salt)
    sealed = aesgcm.seal(key, nonce, gojson.dumps(invitation.shown()).encode())
    return base64.urlsafe_b64encode(salt + nonce + sealed).decode()


def decrypt(release: Release, text: str, password: str) -> Invitation:
    """Releases before 11 know scrypt alone."""
    try:
        blob = base64.b64decode(text.replace("\n", "").replace("\r", "").encode(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ApiError("api.remote_cluster.base64_decode_error") from error
    salt, nonce, sealed = blob[:_SALT], blob[_SALT : _SALT + aesgcm.NONCE], blob[_SALT + aesgcm.NONCE :]
    for derive in (_pbkdf2, _scrypt) if release.is_11 else (_scrypt,):
        try:
            found = json.loads(aesgcm.unseal(derive(password, salt), nonce, sealed))
        except (aesgcm.BadTag, ValueError):
            continue
        if isinstance(found, dict):
            return Invitation.parse(found)
    raise ApiError("api.remote_cluster.invite_decrypt_error")


def _pbkdf2(password: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 600_000, 32)


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=32768, r=8, p=1, maxmem=1 << 26, dklen=32)
