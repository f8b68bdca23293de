# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""When the keys of publishers expire: told while there is time to get the next one."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

from . import programs
from .lock import Lock, moment_of, stamp
from .openpgp import Keyring

WARN_DAYS = 90
_NEVER = 1 << 62


def expiries(keyring: Keyring) -> Dict[str, int]:
    """By fingerprint, when the last part of a key that can sign expires; a key that never does is not named."""
    if not shutil.which("gpg"):
        return {}
    found: Dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="fieldops-keys-") as home:
        for number, packets in enumerate(keyring.packets):
            path = os.path.join(home, f"key-{number}.gpg")
            with open(path, "wb") as handle:
                handle.write(packets)
            argv = [
                "gpg",
                "--homedir",
                home,
                "--batch",
                "--no-auto-check-trustdb",
                "--with-colons",
                "--show-keys",
                path,
            ]
            found.update(_read(programs.run(argv).stdout))
    return {fingerprint: moment for fingerprint, moment in found.items() if moment < _NEVER}


def _read(colons: str) -> Dict[str, int]:
    """Out of gpg's machine-readable listing: a subkey lives no longer than its primary key."""
    found: Dict[str, int] = {}
    fingerprint, life, end = "", _NEVER, 0
    for field in (line.split(":") for line in colons.splitlines()):
        if field[0] in ("pub", "sub"):
            own = int(field[6]) if field[6].isdigit() else _NEVER
            fingerprint, life = ("", own) if field[0] == "pub" else (fingerprint, life)
            end = min(own, life) if "s" in field[11] and field[1] != "r" else 0
        elif field[0] == "fpr":
            fingerprint = fingerprint or field[9]
            found[fingerprint] = max(found.get(fingerprint, 0), end)
    return {key: moment for key, moment in found.items() if moment}


def told(lock: Lock, now: Optional[float] = None) -> List[Dict[str, Any]]:
    """Every key that vouches for something in a lock and expires: what it signed, and for how many days it is good yet."""
    keys: Dict[Tuple[str, str], List[str]] = {}
    for piece in lock.evidence:
        for fingerprint, moment in sorted(piece.facts.get("key_expires", {}).items()):
            keys.setdefault((fingerprint, moment), []).append(str(piece.facts.get("of", piece.group)))
    return [
        {"fingerprint": key, "expires": moment, "days": _days(moment, now or time.time()), "of": sorted(set(names))}
        for (key, moment), names in sorted(keys.items())
    ]


def warnings(lock: Lock, now: float) -> List[str]:
    """One sentence for each key that has not long to live."""
    found = []
    for row in told(lock, now):
        of = ", ".join(row["of"])
        if row["days"] < 0:
            found.append(
                f"The key {row['fingerprint']}, which signed {of}, expired on {row['expires'][:10]}: get the next one."
            )
        elif row["days"] < WARN_DAYS:
            found.append(
                f"The key {row['fingerprint']}, which signed {of}, expires in {row['days']} days, on {row['expires'][:10]}. "
                "Get the next one from its publisher before that, or nothing newer can be verified."
            )
    return found


def facts(keyring: Keyring, signers: Sequence[str]) -> Dict[str, Any]:
    """For evidence: when the keys that signed expire. Nothing for keys that do not."""
    ends = {key: stamp(moment) for key, moment in sorted(expiries(keyring).items()) if key in signers}
    return {"key_expires": ends} if ends else {}


def expired(keyring: Keyring, now: float) -> List[str]:
    """Keys of a keyring that are past their life, each with its date."""
    return [f"{key} on {stamp(moment)[:10]}" for key, moment in sorted(expiries(keyring).items()) if moment <= now]


def _days(moment: str, now: float) -> int:
    return int((moment_of(moment, "The lock") - now) // 86400)
