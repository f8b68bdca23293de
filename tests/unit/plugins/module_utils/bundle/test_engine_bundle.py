# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle: fetched in pieces, laid out once, signed once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fsutil import sha256_bytes
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side


@pytest.fixture
def ready(side: Side) -> Side:
    side.upstream.add("app", Depends="lib")
    side.upstream.add("lib")
    side.upstream.publish()
    side.lock()
    return side


def debs(side: Side) -> List[str]:
    return [path for path in side.web.paths() if path.endswith(".deb")]


def test_the_layout(ready: Side) -> None:
    result = ready.pack(progress=str(ready.top / "progress"))
    files = sorted(str(path.relative_to(ready.volume)) for path in ready.volume.rglob("*") if path.is_file())
    assert [path for path in files if not path.startswith("objects/")] == [
        "contents.txt",
        "dists/debian-12/InRelease",
        "dists/debian-12/main/binary-amd64/Packages",
        "index.json",
        "lock.json",
        "root.json",
        "root.json.asc",
        "sbom.cdx.json",
    ]
    assert len(files) - 8 == len(result.lock.objects())
    assert os.stat(next((ready.volume / "objects").rglob("*/*/*"))).st_nlink >= 1
    assert Path(result.public_key).read_bytes() == ready.keys["bundle"].public_key()
    assert json.loads((ready.top / "progress").read_text())["text"] == "laying out the volumes"
    root = json.loads((ready.volume / "root.json").read_text())
    assert (root["name"], root["version"], root["base"]) == ("site", result.lock.version, "")
    packages = (ready.volume / "dists/debian-12/main/binary-amd64/Packages").read_text()
    assert packages.count("Filename: objects/sha256/") == 2
    assert "pool/" not in packages


def test_check_mode_counts_and_writes_nothing(ready: Side) -> None:
    before = sorted(ready.top.rglob("*"))
    result = ready.pack(check=True)
    assert result.changed
    assert (result.objects_fetched, result.bytes_fetched + result.bytes_held) == (2, result.volume_bytes)
    assert ready.pack(check=True, key=None).fingerprint == ""
    assert sorted(ready.top.rglob("*")) == before
    ready.pack()
    result = ready.pack(check=True)
    assert (result.changed, result.bytes_fetched) == (False, 0)
    next((ready.volume / "objects").rglob("*/*/*")).unlink()
    assert ready.pack(check=True).changed
    ready.output = str(ready.top / "elsewhere")
    assert ready.pack(check=True).changed


def test_an_update_replaces_what_is_old(ready: Side) -> None:
    ready.pack()
    before = {path.name for path in (ready.volume / "objects").rglob("*/*/*")}
    ready.upstream.add("lib", "2")
    ready.upstream.publish()
    ready.lock(now=ready.now + 60)
    (ready.volume / "stray").write_bytes(b"x")
    ready.web.requests.clear()
    assert ready.pack().changed
    assert debs(ready) == ["/debian/pool/main/lib_2_amd64.deb"]
    after = {path.name for path in (ready.volume / "objects").rglob("*/*/*")}
    assert after != before
    assert not (ready.volume / "stray").exists()
    assert ready.publish().changed


def test_one_object_that_cannot_be_had_does_not_lose_the_others(ready: Side) -> None:
    ready.web.plan("/debian/pool/main/lib_1.0_amd64.deb", 404)
    with pytest.raises(
        BundleError, match=r"1 of 2 objects could not be fetched; the others are kept, run again.\n.*lib_1.0_amd64.deb"
    ):
        ready.pack()
    assert not ready.volume.exists()
    ready.web.requests.clear()
    ready.pack()
    assert debs(ready) == ["/debian/pool/main/lib_1.0_amd64.deb"]


def test_many_failures_are_summed_up(side: Side) -> None:
    names = [f"p{number}" for number in range(7)]
    for name in names:
        side.upstream.add(name)
        side.web.plan(f"/debian/pool/main/{name}_1.0_amd64.deb", 404)
    with pytest.raises(BundleError, match=r"7 of 7 objects(?s:.*)and 2 more"):
        side.bundle(*names)


def test_a_surprise_in_a_thread_is_not_swallowed(ready: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    packer = ready.packer()
    monkeypatch.setattr(packer.gatherer, "_fetch_one", lambda *args: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        packer.run()


def test_a_damaged_store_is_mended_on_request(ready: Side) -> None:
    ready.pack()
    victim = max((Path(ready.store) / "objects").rglob("*/*/*"), key=lambda path: path.stat().st_size)
    os.chmod(victim, 0o644)
    data = victim.read_bytes()
    victim.write_bytes(b"X" + data[1:])
    assert not ready.pack().changed
    assert ready.pack(verify=True, check=True).bytes_fetched == len(data)
    assert ready.pack(verify=True).changed
    assert victim.read_bytes() == data
    assert (ready.volume / "objects/sha256" / victim.parent.name / victim.name).read_bytes() == data
    assert not ready.pack(verify=True).changed


def test_a_spoiled_signature_is_made_again(ready: Side) -> None:
    ready.pack()
    signature = (ready.volume / "root.json.asc").read_bytes()
    for junk in (b"junk", None):
        (ready.volume / "root.json.asc").unlink()
        if junk:
            (ready.volume / "root.json.asc").write_bytes(junk)
        assert ready.pack(check=True).changed
        assert ready.pack().changed
        assert (ready.volume / "root.json.asc").read_bytes() == signature


def test_another_key_signs_anew(ready: Side) -> None:
    first = ready.pack()
    assert ready.pack(check=True, key=ready.keys["stranger"]).changed
    second = ready.pack(key=ready.keys["stranger"])
    assert second.changed
    assert first.fingerprint != second.fingerprint
    with pytest.raises(BundleError, match=r"No public key"):
        ready.publish()


def test_check_mode_sees_what_would_be_mended(ready: Side) -> None:
    ready.pack()
    stray, key = ready.volume.parent / "volume-007", Path(ready.output) / "bundle-key.asc"
    for spoil in (
        (ready.volume / "sbom.cdx.json").unlink,
        lambda: (ready.volume / "index.json").write_bytes(b"{}"),
        stray.mkdir,
        key.unlink,
    ):
        assert not ready.pack(check=True).changed
        spoil()
        assert [ready.pack(check=check).changed for check in (True, False)] == [True, True]


def test_without_a_key_there_is_no_bundle(ready: Side) -> None:
    with pytest.raises(BundleError, match=r"A bundle is signed: name a signing key"):
        ready.pack(key=None)


def test_evidence_that_was_changed_is_refused(ready: Side) -> None:
    path = next(Path(f"{ready.lock_path}.evidence").iterdir())
    data = path.read_bytes()
    path.write_bytes(b"X" + data[1:])
    ready.store = str(ready.top / "fresh")
    with pytest.raises(BundleError, match=r"is damaged or was changed"):
        ready.pack()


def test_the_volume_can_be_on_another_file_system(ready: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK) or shared.stat().st_dev == ready.top.stat().st_dev:
        pytest.skip("there is only one file system")
    ready.output = f"/dev/shm/fieldops-{os.getpid()}"
    try:
        assert ready.pack().changed
        assert not ready.pack().changed
        assert all(path.stat().st_nlink == 1 for path in (ready.volume / "objects").rglob("*/*/*"))
    finally:
        subprocess.run(["rm", "-r", ready.output], check=True)


CHILD = """
import sys
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fetch import Client
Client().download(sys.argv[1], sys.argv[2], sha256="0" * 64)
"""


def test_killed_in_the_middle_and_run_again(side: Side) -> None:
    """A real process, a real SIGKILL, and a second run that fetches only the rest."""
    data = os.urandom(4 << 20)
    side.bom = {"name": "site", "files": [side.file("big", data)]}
    side.lock()
    part = side.packer().store.part(sha256_bytes(data))
    slow = side.web.serve

    def trickle(handler: object, body: bytes, fault: object) -> None:
        handler.send_response(200)  # type: ignore[attr-defined]
        handler.send_header("Content-Length", str(len(body)))  # type: ignore[attr-defined]
        handler.end_headers()  # type: ignore[attr-defined]
        handler.wfile.write(body[: 3 << 20])  # type: ignore[attr-defined]
        time.sleep(5)

    side.web.serve = trickle  # type: ignore[method-assign]
    child = subprocess.Popen([sys.executable, "-c", CHILD, side.bom["files"][0]["url"], part])
    while not os.path.exists(part) or os.stat(part).st_size < 2 << 20:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    side.web.serve = slow  # type: ignore[method-assign]
    held = os.stat(part).st_size
    side.web.requests.clear()
    side.pack()
    assert [headers.get("Range") for _method, _path, headers in side.web.requests] == [f"bytes={held}-"]
    assert side.publish().changed


def test_a_lock_whose_descriptions_do_not_fit(ready: Side) -> None:
    evidence = Path(f"{ready.lock_path}.evidence")
    document = json.loads(Path(ready.lock_path).read_text())
    stanzas = next(piece for piece in document["evidence"] if piece["kind"] == "stanzas")
    text = (evidence / stanzas["sha256"]).read_bytes()
    for changed, said in (
        (text.replace(b"Version: 1.0", b"Version: 1.1", 1), "tell of 'app' 1.1, which the lock does not name so"),
        (text.split(b"\n\n")[0] + b"\n\n", "lack lib"),
        (text + b"Package: extra\nSHA256: 0\n", "tell of 'extra' , which the lock does not name so"),
    ):
        digest = sha256_bytes(changed)
        (evidence / digest).write_bytes(changed)
        edited = json.loads(json.dumps(document).replace(stanzas["sha256"], digest))
        next(piece for piece in edited["evidence"] if piece["kind"] == "stanzas")["size"] = len(changed)
        Path(ready.lock_path).write_text(json.dumps(edited))
        with pytest.raises(BundleError, match=said):
            ready.pack()
