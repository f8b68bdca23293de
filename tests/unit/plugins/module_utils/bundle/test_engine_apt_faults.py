# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An archive that breaks, lies, goes back in time or is renewed while it is read: one sentence, and nothing changed."""

from __future__ import annotations

import gzip
import lzma
import os
import subprocess
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fetch import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fsutil import sha256_bytes
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import SigningKey
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side

DAY = 86400
DISTS = "/debian/dists/bookworm"


@pytest.fixture
def settled(side: Side) -> Iterator[Side]:
    """A side with a lock. Whatever a test does upstream and gets refused, the lock has to stay as it was."""
    side.upstream.add("app")
    side.upstream.publish()
    side.lock()
    before = tree(side)
    yield side
    assert tree(side) == before


def tree(side: Side) -> Dict[str, bytes]:
    work = Path(side.lock_path).parent
    return {str(path): path.read_bytes() for path in work.rglob("*") if path.is_file()}


def refused(side: Side, said: str, **more: Any) -> None:
    with pytest.raises(BundleError, match=said) as caught:
        side.lock(**more)
    assert "\n" not in str(caught.value)


def dists(side: Side) -> Path:
    return side.upstream.root / "debian/dists/bookworm"


def update(side: Side, **more: Any) -> None:
    side.upstream.add("app", "2.0")
    side.upstream.publish(**more)


# Time -----------------------------------------------------------------------------------------------------------------


def test_metadata_of_last_month_that_says_until_when_it_is_good(settled: Side) -> None:
    settled.upstream.release["bookworm"]["Valid-Until"] = time.strftime(
        "%a, %d %b %Y %H:%M:%S UTC", time.gmtime(settled.now + 7 * DAY)
    )
    settled.upstream.publish()
    refused(settled, r"was valid until .*someone holds it back.*use another mirror", now=settled.now + 30 * DAY)


def test_metadata_of_last_month_that_does_not(settled: Side) -> None:
    """What was seen last is believed instead, with its packages: nothing goes back."""
    old = (dists(settled) / "InRelease").read_bytes()
    settled.upstream.publish(now=settled.now + 30 * DAY)
    newer = (dists(settled) / "InRelease").read_bytes()
    settled.now += 30 * DAY
    settled.lock(now=settled.now)
    (dists(settled) / "InRelease").write_bytes(old)
    settled.web.requests.clear()
    assert not settled.lock(now=settled.now).changed
    assert old != newer


def test_what_was_seen_last_counts_only_with_keys_of_today(side: Side) -> None:
    side.upstream.add("app")
    side.upstream.publish(now=side.now + DAY)
    side.lock(now=side.now + DAY)
    side.upstream.key = side.keys["stranger"]
    side.upstream.add("app", "2.0")
    side.upstream.publish()
    trust(side, side.keys["stranger"])
    assert side.lock(now=side.now + DAY).lock.items[0].version == "2.0"


def test_metadata_with_a_signature_beside_it_does_not_go_back_either(side: Side) -> None:
    side.upstream.add("app")
    side.upstream.publish(detached=True)
    old = {name: (dists(side) / name).read_bytes() for name in ("Release", "Release.gpg")}
    side.upstream.publish(detached=True, now=side.now + DAY)
    side.lock(now=side.now + DAY)
    for name, data in old.items():
        (dists(side) / name).write_bytes(data)
    refused(
        side, r"bookworm is dated .*, older than the .* that was seen before: the mirror is behind", now=side.now + DAY
    )


def test_a_clock_that_is_wrong_by_a_year(settled: Side) -> None:
    update(settled)
    refused(settled, r"is dated .*: check the clock of this machine", now=settled.now - 365 * DAY)


# The line, and the other end ------------------------------------------------------------------------------------------


def patient(side: Side, **more: Any) -> Side:
    side.client = Client(sleep=lambda seconds: None, back_off=0, attempts=3, **more)
    return side


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ([500] * 3, r"InRelease: the server answered HTTP 500 .*Gave up after 3 attempts"),
        ([403], r"InRelease: the server wants to know who asks \(HTTP 403\)"),
        (["cut"] * 3, r"InRelease: the connection broke after \d+ bytes.* Gave up after 3 attempts"),
        ([(302, {"Location": "ftp://example.com/InRelease"})], r"it redirects to 'ftp://example.com/InRelease'"),
        (
            [(302, {"Location": f"{DISTS}-security/InRelease"})],
            r"answers with the metadata of bookworm-security and stable",
        ),
        (["changed"], r"is not one clear-signed message and nothing else"),
        (["endless"], r"holds a second message inside the signed one"),
    ],
)
def test_metadata_that_does_not_come(settled: Side, faults: List[Any], said: str) -> None:
    update(settled)
    settled.web.plan(f"{DISTS}/InRelease", *faults)
    refused(patient(settled), said)


def test_a_suite_that_is_not_there(settled: Side) -> None:
    (dists(settled) / "InRelease").unlink()
    refused(settled, r"/bookworm/Release: the server answered HTTP 404")


def test_a_server_that_takes_its_time(settled: Side) -> None:
    update(settled)
    settled.web.plan(f"{DISTS}/InRelease", *["slow"] * 3)
    refused(patient(settled, timeout=0.2), r"InRelease: .*timed out\. Gave up after 3 attempts")


def by_hash(side: Side) -> str:
    digest = sha256_bytes((dists(side) / "main/binary-amd64/Packages.xz").read_bytes())
    return f"{DISTS}/main/binary-amd64/by-hash/SHA256/{digest}"


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ([404, 404], r"by-hash/SHA256/\w+: the server answered HTTP 404"),
        ([500] * 6, r"the server answered HTTP 500 .*Gave up after 3 attempts"),
        (["changed"] * 2, r"is not what was promised"),
        (["endless"] * 2, r"is not what was promised"),
    ],
)
def test_an_index_that_does_not_come(settled: Side, faults: List[Any], said: str) -> None:
    update(settled)
    settled.web.plan(by_hash(settled), *faults)
    refused(patient(settled), said)


def test_an_index_that_is_cut_off_is_continued(settled: Side) -> None:
    for number in range(200):
        settled.upstream.add(f"more-{number}")
    settled.upstream.publish()
    settled.web.plan(by_hash(settled), "cut")
    settled.web.requests.clear()
    assert not patient(settled).lock().changed
    ranges = [headers.get("Range", "") for _method, path, headers in settled.web.requests if "by-hash" in path]
    assert len(ranges) == 2 and ranges[1].startswith("bytes=")


# An archive that is renewed while it is read --------------------------------------------------------------------------


class Renewing:
    """Publishes anew at the moment an index is asked for, as often as it is told, and keeps no index of before."""

    def __init__(self, side: Side, times: int) -> None:
        self.side = side
        self.left = times
        self.serve = side.web.serve
        side.web.serve = self.answer  # type: ignore[method-assign]

    def answer(self, handler: Any, data: bytes, fault: Any) -> None:
        if "/by-hash/" in handler.path and self.left:
            self.left -= 1
            for old in dists(self.side).rglob("by-hash/SHA256/*"):
                old.unlink()
            self.side.upstream.add("app", f"3.{self.left}")
            self.side.upstream.publish(now=self.side.now + 10 - self.left)
            self.side.web.send(handler, 404, b"gone")
        else:
            self.serve(handler, data, fault)


def test_an_archive_that_is_renewed_once(side: Side) -> None:
    side.upstream.add("app")
    side.upstream.publish()
    Renewing(side, 1)
    result = side.lock()
    assert result.changed and result.lock.items[0].version == "3.0"
    assert not side.lock().changed


def test_an_archive_that_never_rests(side: Side) -> None:
    side.upstream.add("app")
    side.upstream.publish()
    Renewing(side, 9)
    refused(
        side,
        r"bookworm changes while it is read: Cannot fetch .* HTTP 404 .*\. Run again later, or use another mirror\.",
    )
    assert not Path(side.lock_path).exists()


# Bombs ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".xz", ".gz"])
@pytest.mark.parametrize("told", [True, False])
def test_an_index_that_becomes_too_large(settled: Side, ending: str, told: bool) -> None:
    """Signed as it is. The Release tells how large the index is without compression, or else the ratio is bounded."""
    bomb = (lzma.compress if ending == ".xz" else gzip.compress)(b"Package: app\n" + b"x" * (60 << 20))
    path = f"main/binary-amd64/Packages{ending}"
    (dists(settled) / path).write_bytes(bomb)
    lines = [f" {sha256_bytes(bomb)} {len(bomb)} {path}"]
    lines += [f" {'0' * 64} 1000 main/binary-amd64/Packages"] if told else []
    head = f"Codename: bookworm\nDate: {time.strftime('%a, %d %b %Y %H:%M:%S UTC', time.gmtime(settled.now))}\nOrigin: Debian\n"
    release = (head + "SHA256:\n" + "\n".join(lines) + "\n").encode()
    settled.upstream.sign(dists(settled), release, int(settled.now), False)
    most = 1000 if told else len(bomb) * 200 + (1 << 20)
    refused(settled, rf"Cannot decompress the index .*: it becomes larger than the {most} bytes that it may have\.")
    left = [name for name in os.listdir(f"{settled.store}/indexes") if sha256_bytes(bomb) in name]
    assert left == []


# Keys -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def spoiled(keys: Dict[str, SigningKey], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningKey]:
    """A key of its own, which a test may let expire or revoke."""
    home = f"/tmp/fb-spoiled-{os.getpid()}"
    key = SigningKey.create(home, "spoiled <spoiled@example.com>")
    yield key
    subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
    subprocess.run(["rm", "-r", home], check=True)


def gpg(key: SigningKey, *arguments: str, data: bytes = b"") -> bytes:
    argv = [
        "gpg",
        "--homedir",
        key.home,
        "--batch",
        "--yes",
        "--no-tty",
        "--pinentry-mode",
        "loopback",
        "--passphrase",
        "",
    ]
    return subprocess.run([*argv, *arguments], input=data, capture_output=True, check=True).stdout


def trust(side: Side, key: SigningKey) -> None:
    (side.top / "host/etc/apt/trusted.gpg.d/archive.asc").write_bytes(key.public_key())


def test_an_expired_key(side: Side, spoiled: SigningKey) -> None:
    side.upstream.key = spoiled
    side.upstream.add("app")
    side.upstream.publish()
    gpg(spoiled, "--quick-set-expire", spoiled.fingerprint, "seconds=1")
    limit = time.monotonic() + 10
    while b"pub:e:" not in gpg(spoiled, "--with-colons", "--list-keys") and time.monotonic() < limit:
        time.sleep(0.1)
    trust(side, spoiled)
    refused(side, r"The signature of the metadata of .* bookworm\S* is not good for any key of .*expired")


def test_a_revoked_key(side: Side, spoiled: SigningKey) -> None:
    side.upstream.key = spoiled
    side.upstream.add("app")
    side.upstream.publish()
    revocation = Path(spoiled.home, "openpgp-revocs.d", f"{spoiled.fingerprint}.rev").read_text()
    gpg(spoiled, "--import", data=revocation.replace(":-----BEGIN", "-----BEGIN").encode())
    trust(side, spoiled)
    refused(side, r"is not good for any key of .*revoked")


@pytest.mark.parametrize("digest", ["SHA1", "RIPEMD160"])
def test_a_weak_digest(side: Side, digest: str) -> None:
    side.upstream.add("app")
    side.upstream.publish()
    base, key = dists(side), side.keys["archive"]
    text = (base / "InRelease").read_text().split("\n\n", 1)[1].split("-----BEGIN PGP SIGNATURE")[0].encode()
    argv = [
        "gpg",
        "--homedir",
        key.home,
        "--batch",
        "--yes",
        "--no-tty",
        "--allow-weak-digest-algos",
        "--digest-algo",
        digest,
    ]
    signed = subprocess.run([*argv, "--clear-sign"], input=text, capture_output=True, check=False)
    if signed.returncode:
        pytest.skip("this gpg cannot sign with so weak a digest any more")
    (base / "InRelease").write_bytes(signed.stdout)
    refused(side, r"The signature of the metadata of .* is not good for any key of")
