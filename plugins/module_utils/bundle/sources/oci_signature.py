# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Signatures that cosign puts beside an image, checked with a public key by openssl. Nothing is asked of anybody."""

from __future__ import annotations

import base64
import binascii
import os
import re
import shutil
import tempfile
from typing import Callable

from .. import fsutil, programs
from ..errors import BundleError
from ..oci import Descriptor, Document

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
_SIGNATURE = "dev.cosignproject.cosign/signature"
_PEM = re.compile(r"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END PUBLIC KEY-----")
_PAYLOAD_LIMIT = 1 << 16


class PublicKey:
    """A key whose signature counts."""

    def __init__(self, given: str, *, what: str) -> None:
        text = given
        if "-----BEGIN" not in text:
            text = fsutil.read_plain(os.path.realpath(given), limit=_PAYLOAD_LIMIT).decode("ascii", "replace")
        match = _PEM.search(text)
        data = _decode("".join(match.group(1).split())) if match is not None else b""
        if match is None or not data:
            raise BundleError(f"The signature key of {what} is no public key in PEM form, as cosign.pub is.")
        self.pem = match.group(0) + "\n"
        self.fingerprint = fsutil.sha256_bytes(data)

    def verifies(self, payload: bytes, signature: bytes) -> bool:
        if not shutil.which("openssl"):
            raise BundleError("Cannot check the signature of an image: install openssl on this machine.")
        with tempfile.TemporaryDirectory(prefix="fieldops-verify-") as directory:
            paths = [os.path.join(directory, name) for name in ("key.pem", "signature", "payload")]
            for path, data in zip(paths, (self.pem.encode(), signature, payload)):
                with open(path, "wb") as handle:
                    handle.write(data)
            argv = ["openssl", "dgst", "-sha256", "-verify", paths[0], "-signature", paths[1], paths[2]]
            done = programs.run(argv)
        return done.returncode == 0 and done.stdout.strip() == "Verified OK"


def verify(document: Document, read: Callable[[Descriptor], bytes], key: PublicKey, digest: str, what: str) -> str:
    """The digest of the signed statement that this very image is meant. One good signature is enough."""
    for layer in document.blobs[1:]:
        signature = _decode(layer.note(_SIGNATURE))
        if layer.media_type == SIMPLE_SIGNING and layer.size <= _PAYLOAD_LIMIT and signature:
            payload = read(layer)
            if key.verifies(payload, signature) and _is_about(payload, digest, what):
                return layer.digest
    raise BundleError(f"{what}: no signature beside it is by the key {key.fingerprint} and about {digest}.")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _is_about(payload: bytes, digest: str, what: str) -> bool:
    critical = fsutil.load_object(payload, f"{what}: its signed statement").get("critical")
    if not isinstance(critical, dict) or critical.get("type") != "cosign container image signature":
        return False
    image = critical.get("image")
    return isinstance(image, dict) and image.get("docker-manifest-digest") == digest
