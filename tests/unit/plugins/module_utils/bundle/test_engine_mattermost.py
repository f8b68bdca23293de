# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattermost's own artefacts: keys that expire, plugins that say what they are, and what Calls has to be carried with."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import key_expiry
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.lock import Evidence, Item, Lock, stamp
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import Keyring, SigningKey
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources import mattermost
from ansible_collections.fieldops.mattermost.tests.unit.galaxy import pack
from ansible_collections.fieldops.mattermost.tests.unit.upstream import NOW, Side

DAY = 86400
NEEDS = {
    "min_rtcd_version": "v0.17.0",
    "min_offloader_version": "v0.9.0",
    "calls_recorder_version": "v0.8.13",
    "calls_transcriber_version": "v0.7.2",
}
MANIFEST = {"id": "com.mattermost.calls", "version": "1.12.2", "min_server_version": "10.0.0", "props": NEEDS}


@pytest.fixture
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Short paths: gpg-agent's socket has no room for a long one."""
    top = Path(
        subprocess.run(["mktemp", "-d", "/tmp/fk-XXXXXX"], capture_output=True, text=True, check=True).stdout.strip()
    )
    yield top
    for home in top.iterdir():
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
    shutil.rmtree(top)


def mortal(top: Path, name: str, made: float, days: int) -> SigningKey:
    """A key that expires: made at a time, and good for some days."""
    home = top / name
    home.mkdir(mode=0o700)
    moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime(made))
    argv = ["gpg", "--homedir", str(home), "--batch", "--passphrase", "", "--pinentry-mode", "loopback"]
    argv += ["--faked-system-time", f"{moment}!", "--quick-generate-key", f"{name} <{name}@example.com>"]
    subprocess.run([*argv, "ed25519", "sign", f"seconds={days * DAY}"], check=True, capture_output=True)
    listing = ["gpg", "--homedir", str(home), "--with-colons", "--list-keys"]
    colons = subprocess.run(listing, capture_output=True, text=True, check=True).stdout
    fingerprint = next(line.split(":")[9] for line in colons.splitlines() if line.startswith("fpr"))
    return SigningKey(str(home), fingerprint, name, int(made))


def signed(side: Side, key: SigningKey, moment: float, data: bytes = b"release") -> None:
    signature = key.sign(data, clear=False, moment=int(moment))
    side.file("server.tar.gz.sig", signature)
    keyring = {"url": f"{side.web.url}/files/server.tar.gz.sig", "keyring": key.public_key().decode()}
    row = side.file("server.tar.gz", data, kind="mattermost_release", version="11.7.9", signature=keyring)
    side.bom = {"name": "site", "files": [row]}


def test_a_key_that_expires_soon_is_warned_of_each_time(side: Side, homes: Path) -> None:
    key = mortal(homes, "soon", NOW - 10 * DAY, 100)
    signed(side, key, NOW - DAY)
    result = side.lock()
    (evidence,) = result.lock.evidence
    ends = stamp(NOW - 10 * DAY + 100 * DAY)
    assert evidence.facts["key_expires"] == {key.fingerprint: ends}
    assert result.warnings == []
    assert key_expiry.told(result.lock, NOW) == [
        {"fingerprint": key.fingerprint, "expires": ends, "days": 90, "of": ["server.tar.gz"]}
    ]
    later = side.lock(now=NOW + 2 * DAY)
    assert not later.changed and len(later.warnings) == 1
    told = (
        f"The key {key.fingerprint}, which signed server.tar.gz, expires in 88 days, on {ends[:10]}. Get the next one"
    )
    assert later.warnings[0].startswith(told)
    (gone,) = key_expiry.warnings(result.lock, NOW + 91 * DAY)
    assert gone == f"The key {key.fingerprint}, which signed server.tar.gz, expired on {ends[:10]}: get the next one."


def test_an_expired_key_is_an_error_that_says_so(side: Side, homes: Path) -> None:
    key = mortal(homes, "gone", NOW - 100 * DAY, 10)
    signed(side, key, NOW - 95 * DAY)
    with pytest.raises(BundleError) as caught:
        side.lock()
    when = stamp(NOW - 90 * DAY)[:10]
    assert f"Expired: {key.fingerprint} on {when}. Get the key that its publisher uses now." in str(caught.value)
    assert not Path(side.lock_path).exists()


def test_a_key_that_never_expires_is_not_spoken_of(side: Side) -> None:
    signed(side, side.keys["archive"], NOW)
    result = side.lock()
    assert "key_expires" not in result.lock.evidence[0].facts and result.warnings == []
    signed(side, side.keys["archive"], NOW, b"other")
    side.file("server.tar.gz", b"changed after it was signed")
    with pytest.raises(BundleError, match="is not good for any key") as caught:
        side.lock(now=NOW + 60)
    assert "Expired" not in str(caught.value)


def test_subkeys_live_no_longer_than_their_key() -> None:
    rows = [
        ("pub", "u", 2000, "cSC"),
        ("fpr", "A"),
        ("sub", "u", 3000, "s"),
        ("fpr", "A1"),
        ("sub", "u", 1000, "e"),
        ("fpr", "A2"),
    ]
    rows += [
        ("pub", "u", 0, "cSC"),
        ("fpr", "B"),
        ("sub", "u", 1500, "s"),
        ("fpr", "B1"),
        ("sub", "r", 9000, "s"),
        ("fpr", "B2"),
    ]
    assert key_expiry._read("\n".join(colons(*row) for row in rows)) == {"A": 2000, "B": 1500}


def colons(kind: str, *told: Any) -> str:
    fields = [kind, *[""] * 12]
    if kind == "fpr":
        fields[9] = told[0]
    else:
        fields[1], fields[6], fields[11] = told[0], str(told[1] or ""), told[2]
    return ":".join(fields)


def test_without_gpg_nothing_is_told(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_expiry.shutil, "which", lambda name: None)
    assert key_expiry.expiries(Keyring([side.keys["archive"].public_key()], what="it")) == {}


def plugin(manifest: Any = None, name: str = "com.mattermost.calls/plugin.json", **changes: Any) -> bytes:
    told = {**MANIFEST, **changes} if manifest is None else manifest
    return pack({"com.mattermost.calls/webapp/main.js": b"//", name: json.dumps(told).encode()})


def test_a_plugin_says_what_it_is_and_its_manifest_goes_along(side: Side) -> None:
    row = side.file("calls.tar.gz", plugin(), kind="plugin", sha256=digest(plugin()))
    side.bom = {"name": "site", "files": [row]}
    result = side.lock()
    (item,) = result.lock.items
    (evidence,) = result.lock.evidence
    assert (item.kind, item.version) == ("plugin", "1.12.2")
    told = {"id": "com.mattermost.calls", "min_server_version": "10.0.0", "of": "calls.tar.gz", "version": "1.12.2"}
    assert (evidence.kind, evidence.facts) == ("plugin", {**told, "needs": NEEDS})
    assert (
        len(result.warnings) == 1
        and "has no rtcd v0.17.0 or newer, calls-offloader v0.9.0 or newer, " in result.warnings[0]
    )
    assert "mattermost/calls-recorder:v0.8.13 (this very image)" in result.warnings[0]
    requests = len(side.web.requests)
    again = side.lock(now=NOW + 60)
    assert not again.changed and again.warnings == result.warnings
    assert len(side.web.requests) == requests
    side.pack()
    assert side.publish().generation == 1


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_check_mode_reads_no_plugin(side: Side) -> None:
    row = side.file("calls.tar.gz", plugin(), kind="plugin", sha256=digest(plugin()))
    side.bom = {"name": "site", "files": [row]}
    result = side.lock(check=True)
    assert result.warnings == ["file calls.tar.gz: check mode does not fetch it, so its manifest is not read yet."]
    assert not Path(side.store).exists()


@pytest.mark.parametrize(
    ("data", "more", "told"),
    [
        (plugin(), {"version": "1.11.0"}, "plugin p.tar.gz is 1.12.2 by its manifest, not 1.11.0, as the BOM says."),
        (plugin(name="deep/in/plugin.json"), {}, "plugin p.tar.gz holds no plugin.json; give the .tar.gz"),
        (plugin([]), {}, "plugin p.tar.gz: plugin.json is not a JSON object."),
        (plugin({"version": "1.0.0"}), {}, "its plugin.json does not say id and version as texts."),
        (plugin(version=7), {}, "its plugin.json does not say id and version as texts."),
        (plugin(props={"min_rtcd_version": ["v1"]}), {}, "its plugin.json does not say id and version as texts."),
        (b"no archive", {}, "plugin p.tar.gz is not a usable .tar.gz"),
    ],
)
def test_plugins_of_strangers(side: Side, data: bytes, more: Dict[str, Any], told: str) -> None:
    row = side.file("p.tar.gz", data, kind="plugin", sha256=digest(data), **more)
    side.bom = {"name": "site", "files": [row]}
    with pytest.raises(BundleError) as caught:
        side.lock()
    assert told in str(caught.value) and not Path(side.lock_path).exists()


def test_a_version_of_the_bom_may_have_its_v(side: Side) -> None:
    data = plugin({"id": "com.example.other", "version": "", "props": 7}, name="./other/plugin.json")
    row = side.file("p.tar.gz", data, kind="plugin", sha256=digest(data), version="v2.0.0")
    side.bom = {"name": "site", "files": [row]}
    result = side.lock()
    assert result.lock.items[0].version == "v2.0.0" and result.warnings == []


def lock_with(*parts: Tuple[str, str], needs: Any = None, **facts: Any) -> Lock:
    """Calls, and other parts by name and version: images where the name has a slash."""
    items: List[Item] = []
    for name, version in parts:
        kind = "mattermost_release" if name == "server" else "image" if "/" in name else "file"
        told = f"docker.io/{name}:{version}" if kind == "image" else name
        place = "" if kind == "image" else f"x/{name}"
        items.append(Item(kind, told, 1, "0" * 64, "", "", version, destination=place))
    told_facts = {"of": "calls", "id": "com.mattermost.calls", "version": "1.12.2", "needs": needs or NEEDS, **facts}
    evidence = (Evidence("plugin", 1, "1" * 64, facts=told_facts), Evidence("signature", 1, "2" * 64))
    return Lock("x", "", 1, stamp(0), 1, "", evidence=evidence, items=tuple(items))


COMPLETE = (
    ("rtcd", "v1.2.6"),
    ("calls-offloader", "0.9.0"),
    ("mattermost/calls-recorder", "v0.8.13"),
    ("mattermost/calls-transcriber", "v0.7.2"),
    ("server", "11.7.9"),
)


def test_what_fits_is_passed_without_a_word() -> None:
    lock = lock_with(*COMPLETE, min_server_version="10.0.0")
    mattermost.check(lock)
    assert mattermost.warnings(lock) == []
    images = lock_with(("mattermost/rtcd", "v0.17.0"), ("mirror/mattermost/calls-offloader", "v0.9.1"), *COMPLETE[2:])
    mattermost.check(images)
    assert mattermost.warnings(images) == []
    other = lock_with(id="com.example.other")
    mattermost.check(other)
    assert mattermost.warnings(other) == []


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (("rtcd-linux-amd64", "v0.16.9"), "needs rtcd v0.17.0 or newer, but rtcd is v0.16.9: change the BOM."),
        (
            ("mattermost/calls-offloader", "v0.8.0"),
            "needs calls-offloader v0.9.0 or newer, but calls-offloader is v0.8.0",
        ),
        (
            ("mattermost/calls-recorder", "v0.8.12"),
            "mattermost/calls-recorder:v0.8.13 (this very image), but calls-recorder is",
        ),
        (("mattermost/calls-recorder", "v0.9.0"), "(this very image), but calls-recorder is v0.9.0"),
        (("mattermost/calls-transcriber", "v0.3.0"), "but calls-transcriber is v0.3.0"),
        (("server", "9.11.0"), "needs Mattermost 10.0.0, but server is 9.11.0: carry a newer one."),
    ],
)
def test_what_does_not_fit_is_refused(part: Tuple[str, str], told: str) -> None:
    with pytest.raises(BundleError) as caught:
        mattermost.check(lock_with(part, min_server_version="10.0.0"))
    assert told in str(caught.value)


def test_several_versions_of_an_image_are_fine_when_one_is_the_right_one() -> None:
    mattermost.check(lock_with(*COMPLETE, ("mattermost/calls-recorder", "v0.8.12")))


def test_what_has_no_version_cannot_be_compared() -> None:
    lock = lock_with(("mattermost-rtcd", ""), *COMPLETE[1:])
    mattermost.check(lock)
    assert mattermost.warnings(lock) == [
        "file mattermost-rtcd has no version, so that it cannot be compared with what Calls needs."
    ]


def test_a_lock_is_not_written_when_calls_would_not_work(side: Side) -> None:
    calls = side.file("calls.tar.gz", plugin(), kind="plugin", sha256=digest(plugin()))
    rtcd = side.file("rtcd-linux-amd64", b"rtcd", version="v0.1.0", sha256=digest(b"rtcd"))
    side.bom = {"name": "site", "files": [calls, rtcd]}
    with pytest.raises(BundleError, match=r"needs rtcd v0\.17\.0 or newer, but rtcd is v0\.1\.0"):
        side.lock()
    assert not Path(side.lock_path).exists()
