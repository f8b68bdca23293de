# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The two-person rule: somebody else looks through a finished bundle and signs its root too."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import List, Sequence, Tuple

from . import fsutil, manifest
from .errors import BundleError, told_plainly
from .medium import Inspection, find_volumes, inspect
from .openpgp import Keyring, SigningKey


@dataclass(frozen=True)
class CosignResult:
    """What signing came to, or with check would come to."""

    changed: bool
    inspection: Inspection
    signed: Tuple[str, ...]  # the volumes whose signature was added
    signers: Tuple[str, ...]


@told_plainly
def cosign(
    paths: Sequence[str],
    keyring: Keyring,
    key: SigningKey,
    *,
    now: float,
    check: bool = False,
) -> CosignResult:
    """Verify every hash of the volumes, then add a signature to those that lack it. The keyring is that of the first signer."""
    if not check:
        for volume in (volume for path in paths for volume in find_volumes(path)):
            fsutil.remove(os.path.join(volume, f"{manifest.SIGNATURE}.new"))  # of a run that was killed
    inspection = inspect(paths, keyring, now=now)
    root = inspection.documents[manifest.ROOT]
    absent: List[str] = []
    for opened in inspection.volumes:
        if not key.is_good(root, opened.documents[manifest.SIGNATURE], clear=False):
            absent.append(opened.path)
    if absent and not check:
        signature = key.sign(root, clear=False, moment=inspection.lock.created_at)
        if not key.is_good(root, signature, clear=False):
            raise BundleError(f"The signature that key {key.fingerprint} made of {inspection.root.name} is not good.")
        for opened in inspection.volumes:
            if opened.path in absent:
                _append(opened.path, opened.documents[manifest.SIGNATURE], signature)
    signers = tuple(sorted({*inspection.signers, key.fingerprint}))
    return CosignResult(bool(absent), inspection, tuple(absent), signers)


def _append(volume: str, before: bytes, signature: bytes) -> None:
    """One armoured block after the other; every reader of OpenPGP takes them as the signatures of one file."""
    joined = before if before.endswith(b"\n") else before + b"\n"
    fsutil.write_atomic(os.path.join(volume, manifest.SIGNATURE), joined + signature)
