# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The keys that rpm packages are signed with, in the form rpm takes them, and the check of packages against them."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import tempfile
from typing import Dict, Iterator, Mapping, Sequence, Tuple

from . import programs
from .errors import BundleError, few

_PUBLIC_KEY = 6  # the packet that every certificate begins with
_BATCH = 500
_SAFE_DIGESTS = ("SHA256", "SHA384", "SHA512", "SHA3-256", "SHA3-512")
_BAD = re.compile(r": BAD\b")
_SIGNATURE = re.compile(
    r"Header .*V\d [^\s/]+/(\S+) signature, key (?:ID|fingerprint:?) ([0-9a-f]+): ([A-Z]+)", re.IGNORECASE
)


def armour(packets: bytes) -> Iterator[str]:
    """Each certificate of a keyring as an armoured block of its own: rpm looks at the first of a block only."""
    starts = [start for start, tag in _packets(packets) if tag == _PUBLIC_KEY] or [0]
    for start, end in zip(starts, [*starts[1:], len(packets)]):
        body = packets[start:end]
        text = base64.b64encode(body).decode()
        lines = [text[position : position + 64] for position in range(0, len(text), 64)]
        check = base64.b64encode(_crc24(body).to_bytes(3, "big")).decode()
        head, tail = (f"-----{word} PGP PUBLIC KEY BLOCK-----" for word in ("BEGIN", "END"))
        yield "\n".join([head, "", *lines, f"={check}", tail, ""])


def _packets(data: bytes) -> Iterator[Tuple[int, int]]:
    """Where each OpenPGP packet starts, and its tag (RFC 9580, section 4.2)."""
    position = 0
    while position + 1 < len(data):
        start, first, second = position, data[position], data[position + 1]
        if first & 0x40:  # the newer form
            tag, width = first & 0x3F, 1 if second < 192 else 2 if second < 224 else 5
            told = data[start + 1 : start + 1 + width]
            length = second if width == 1 else int.from_bytes(told[-4:], "big")
            length = ((second - 192) << 8) + told[-1] + 192 if width == 2 else length
        else:
            tag, width = (first >> 2) & 0xF, 1 << (first & 3)
            length = int.from_bytes(data[start + 1 : start + 1 + width], "big")
        yield start, tag
        position = start + 1 + width + length


def _crc24(data: bytes) -> int:
    crc = 0xB704CE
    for byte in data:
        crc ^= byte << 16
        for _bit in range(8):
            crc = (crc << 1) ^ (0x1864CFB if crc & 0x800000 else 0)
    return crc & 0xFFFFFF


def require(what: str) -> None:
    if shutil.which("rpmkeys") is None:
        raise BundleError(
            f"Cannot check the signatures of the packages of {what}: install rpmkeys on this machine (Debian package rpm), "
            "or set gpgcheck to false for its source in the BOM and say why."
        )


def check(paths: Mapping[str, str], keys: Sequence[str], *, what: str) -> None:
    """Every package (told by its name, with its path) has to be whole and signed by one of the keys."""
    require(what)
    with tempfile.TemporaryDirectory(prefix="fieldops-rpmkeys-") as home:
        for number, key in enumerate(keys):
            path = os.path.join(home, f"key-{number}.asc")
            with open(path, "w", encoding="ascii") as handle:
                handle.write(key)
            done = _run(home, "--import", path)
            if done.returncode:
                raise BundleError(f"rpm does not take a key given for {what}: {_told(done)}.")
        names = sorted(paths)
        for start in range(0, len(names), _BATCH):
            _check_some(home, {name: paths[name] for name in names[start : start + _BATCH]}, what)


def _check_some(home: str, paths: Mapping[str, str], what: str) -> None:
    done = _run(home, "--checksig", "--verbose", *paths.values())
    told = _by_path(done.stdout)
    reasons = {name: _reason(told.get(path, "")) for name, path in paths.items()}
    wrong = [f"{name} {reason}." for name, reason in reasons.items() if reason]
    if wrong:
        raise BundleError(f"{what}: of {len(paths)} packages checked, {len(wrong)} must not be used.\n" + few(wrong))


def _by_path(output: str) -> Dict[str, str]:
    """What rpmkeys says of each file: a line with its path, then indented ones."""
    told: Dict[str, str] = {}
    path = ""
    for line in output.splitlines():
        if line.startswith(" "):
            told[path] += f"{line}\n"
        else:
            path = line.rpartition(":")[0]
            told[path] = ""
    return told


def _reason(told: str) -> str:
    """Why a package must not be used; nothing for a good one."""
    if not told.strip():
        return "cannot be read as a package"
    if _BAD.search(told):
        return "is damaged or was changed"
    found = _SIGNATURE.findall(told)
    if any(digest.upper() in _SAFE_DIGESTS for digest, _key, verdict in found if verdict == "OK"):
        return ""
    if not found:
        return "is not signed"
    digest, key, verdict = found[0]
    if verdict == "NOKEY":
        return f"is signed by key {key}, which is none of those given"
    return f"is signed by way of {digest}, which is not believed any more"  # by rpm neither, or by rpm still


def _told(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip(" .") for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return "; ".join(lines) or f"rpmkeys ended with status {done.returncode}"


def _run(home: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Nothing of this machine's own rpm counts: neither its keys nor its macros."""
    argv = ["rpmkeys", "--dbpath", os.path.join(home, "db"), "--define", "_pkgverify_level all", *arguments]
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": home, "LC_ALL": "C"}
    return programs.run(argv, env=environment)
