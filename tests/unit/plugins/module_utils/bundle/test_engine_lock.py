# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock: written for news only, refused when it was tampered with, and honest in check mode."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.changes import compare, summary
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.lock import Lock, human
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import dearmor
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.resolve import make_lock
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.workspace import Workspace
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side

DAY = 86400


def texts(result: Any) -> List[str]:
    return [change.told()["text"] for change in result.changes]


def listing(path: Path) -> List[str]:
    return sorted(str(entry) for entry in path.rglob("*"))


def test_an_update_upstream(side: Side) -> None:
    for name in ("app", "gone", "same"):
        side.upstream.add(name)
    side.bom["apt"] = [side.apt("app", "gone", "same")]
    side.upstream.publish()
    first = side.lock()
    side.upstream.add("app", "1.1", suite="bookworm-security")
    side.upstream.add("new")
    side.bom["apt"] = [side.apt("app", "same", "new")]
    side.upstream.publish()
    result = side.lock(now=side.now + 60)
    assert result.changed
    assert texts(result) == [
        "changed app (debian-12) 1.0 -> 1.1, 8.0 kB, security",
        "removed gone (debian-12) 1.0, 0 B",
        "added new (debian-12) 1.0, 8.0 kB",
    ]
    assert result.lock.version > first.lock.version
    assert result.bytes_missing == sum(size for size, _url in result.lock.objects().values()) - sum(
        piece.size for piece in result.lock.evidence
    )


def test_newer_metadata_for_the_same_packages_is_no_news(side: Side) -> None:
    side.upstream.add("app")
    side.upstream.publish()
    side.lock()
    before = Path(side.lock_path).read_bytes()
    side.upstream.add("unrelated", "7")
    side.upstream.publish(now=side.now + 10)
    side.web.requests.clear()
    assert not side.lock(now=side.now + 60).changed
    assert Path(side.lock_path).read_bytes() == before
    assert len(side.web.paths()) == 3, "two suites asked, one index fetched"
    side.web.requests.clear()
    assert not side.lock(now=side.now + 70).changed
    assert len(side.web.paths()) == 2


def test_it_is_made_anew_when_half_its_life_is_over(side: Side) -> None:
    side.upstream.add("app")
    side.upstream.publish()
    first = side.lock()
    assert not side.lock(now=side.now + 44 * DAY).changed
    later = side.lock(now=side.now + 46 * DAY)
    assert later.changed
    assert later.changes == []
    assert later.lock.created_at == first.lock.created_at + 46 * DAY


def test_the_counter_rises_even_when_the_clock_does_not(side: Side) -> None:
    side.upstream.add("app")
    side.upstream.publish()
    first = side.lock()
    side.bom["description"] = "other"
    assert side.lock(now=side.now - 7200).lock.version == first.lock.version + 1


def test_lost_evidence_is_brought_back(side: Side) -> None:
    side.upstream.add("app")
    side.upstream.publish()
    side.lock()
    evidence = Path(f"{side.lock_path}.evidence")
    names = sorted(os.listdir(evidence))
    assert len(names) == 3
    (evidence / names[0]).unlink()
    (evidence / ("f" * 64)).write_bytes(b"of an older lock")
    assert side.lock().changed
    assert sorted(os.listdir(evidence)) == names


def test_check_mode_writes_nothing_at_all(side: Side) -> None:
    side.upstream.add("app")
    side.bom["files"] = [side.file("a", b"pinned" * 100)]
    side.upstream.publish()
    before = listing(side.top)
    result = side.lock(check=True)
    assert result.changed
    assert result.bytes_missing == sum(size for size, _url in result.lock.objects().values())
    assert listing(side.top) == before
    side.lock()
    after = listing(side.top)
    assert not side.lock(check=True).changed
    side.upstream.add("app", "2")
    side.upstream.publish()
    assert texts(side.lock(check=True)) == ["changed app (debian-12) 1.0 -> 2, 7.0 kB"]
    assert [path for path in listing(side.top) if "upstream/" not in path] == [
        path for path in after if "upstream/" not in path
    ]


def test_what_cannot_be_resolved_names_its_repository(side: Side) -> None:
    side.upstream.add("app", Depends="nothing")
    side.upstream.publish()
    with pytest.raises(BundleError, match=r"apt repository debian-12: Cannot meet a dependency: app needs nothing"):
        side.lock()


def test_a_store_on_a_bad_disk(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    side.upstream.add("app")
    side.upstream.publish()
    monkeypatch.setattr(Workspace, "read", lambda self, sha256: None)
    with pytest.raises(BundleError, match=r"lost or damaged .* while it was in use. Check its disk"):
        side.lock()


def test_the_lock_of_another_bundle_is_not_overwritten(side: Side) -> None:
    side.upstream.add("app")
    side.upstream.publish()
    side.lock()
    side.bom["name"] = "other"
    with pytest.raises(BundleError, match=r"is the lock of 'site', not of 'other'; give another path"):
        side.lock()


def test_old_decompressed_indexes_are_dropped(side: Side) -> None:
    side.upstream.add("app")
    side.upstream.publish()
    side.lock()
    indexes = Path(side.store) / "indexes"
    count = len(list(indexes.iterdir()))
    side.lock(now=time.time() + 31 * DAY)
    assert len(list(indexes.iterdir())) == 0 < count


def test_the_memory_may_be_lost_or_broken(side: Side) -> None:
    side.upstream.add("app")
    side.upstream.publish()
    side.lock()
    memory = Path(side.store) / "state/upstream.json"
    for junk in ("[]", "{", "", '{"x": 1}', '{"x": ["y"]}', "[" * 100_000):
        memory.write_text(junk)
        assert not side.lock().changed
    side.web.validators = False
    assert not side.lock().changed


# Files -------------------------------------------------------------------------------------------------------------


def test_a_pinned_file_is_not_fetched_for_the_lock(side: Side) -> None:
    side.bom = {"name": "site", "files": [side.file("a.bin", b"data" * 1000)]}
    result = side.lock()
    assert [method for method, _path, _headers in side.web.requests] == ["HEAD"]
    assert result.lock.items[0].size == 4000
    assert result.lock.items[0].proof == "sha256 in the BOM"
    side.web.requests.clear()
    assert not side.lock().changed
    assert side.web.requests == []


def test_a_pinned_file_whose_server_tells_no_size_is_fetched(side: Side) -> None:
    side.bom = {"name": "site", "files": [side.file("a.bin", b"data")]}
    side.web.plan("/files/a.bin", "no length", None)
    assert side.lock().lock.items[0].size == 4
    assert [method for method, _path, _headers in side.web.requests] == ["HEAD", "GET"]


def signed(side: Side, data: bytes, **more: Any) -> Dict[str, Any]:
    armoured = side.keys["stranger"].sign(data, clear=False, moment=int(side.now))
    (side.upstream.root / "files").mkdir(parents=True, exist_ok=True)
    (side.upstream.root / "files/s.sig").write_bytes(dearmor(armoured, what="x"))
    keyring = side.keys["stranger"].public_key().decode()
    return {"signature": {"url": f"{side.web.url}/files/s.sig", "keyring": keyring}, **more}


@pytest.mark.parametrize("validators", [True, False])
def test_a_signed_file(side: Side, validators: bool) -> None:
    side.web.validators = validators
    row = side.file("mattermost-11.7.9-linux-amd64.tar.gz", b"v1", **signed(side, b"v1", kind="mattermost_release"))
    side.bom = {"name": "site", "files": [row]}
    assert "check mode does not fetch it" in side.lock(check=True).warnings[0]
    result = side.lock()
    item = result.lock.items[0]
    assert item.version == "11.7.9"
    assert item.proof.endswith(f"by {side.keys['stranger'].fingerprint}")
    assert [piece.kind for piece in result.lock.evidence] == ["signature"]
    side.web.requests.clear()
    assert not side.lock().changed
    assert [method for method, path, _headers in side.web.requests if path.endswith("gz")] == ["HEAD"]
    assert not side.lock(check=True).changed

    side.file("mattermost-11.7.9-linux-amd64.tar.gz", b"v2")
    signed(side, b"v2")
    assert side.lock().changed
    side.file("mattermost-11.7.9-linux-amd64.tar.gz", b"v3-tampered")
    with pytest.raises(BundleError, match=r"signature of file mattermost-11.7.9-linux-amd64.tar.gz is not good"):
        side.lock()


def test_pinned_and_signed(side: Side) -> None:
    digest = side.file("x", b"data")["sha256"]
    side.bom = {"name": "site", "files": [side.file("x", b"data", **signed(side, b"data", sha256=digest))]}
    assert side.lock().lock.items[0].proof.startswith("sha256 in the BOM and signature ")
    side.web.requests.clear()
    assert not side.lock().changed
    assert [path for path in side.web.paths() if path.endswith("/x")] == []
    side.bom = {"name": "site", "files": [side.file("x", b"data", **signed(side, b"data", sha256="0" * 64))]}
    with pytest.raises(BundleError, match=r"/files/x is not what was promised"):
        side.lock()


def test_what_is_unverified_is_warned_of(side: Side) -> None:
    side.bom = {"name": "site", "files": [side.file("x", b"data", unverified={"reason": "we built it"}, version="3")]}
    result = side.lock()
    assert result.warnings == ["file x has neither signature nor pinned sha256. Reason given: we built it"]
    assert (result.lock.items[0].proof, result.lock.items[0].version) == ("unverified: we built it", "3")
    assert not side.lock().changed
    side.web.validators = False
    side.web.requests.clear()
    assert not side.lock().changed
    assert [method for method, _path, _headers in side.web.requests] == ["HEAD", "GET"], (
        "nothing says that it is the same"
    )
    side.file("x", b"tada")
    assert (
        texts(side.lock(check=True)) == ["changed x sha256 3a6eb0790f39 -> not fetched yet, 4 B"]
        or side.lock(check=True).changed
    )
    assert side.lock().changed


def test_a_file_of_this_machine(side: Side) -> None:
    path = side.top / "local file"
    path.write_bytes(b"one")
    side.bom = {
        "name": "site",
        "files": [{"name": "l", "url": str(path), "destination": "l", "unverified": {"reason": "ours"}}],
    }
    assert side.lock().changed
    assert not side.lock().changed
    path.write_bytes(b"two")
    assert side.lock().changed
    side.pack()
    assert side.publish().changed


# What a lock file may hold --------------------------------------------------------------------------------------------


def broken(side: Side, change: Any) -> str:
    document = json.loads(Path(side.lock_path).read_bytes())
    change(document)
    with pytest.raises(BundleError) as caught:
        Lock.parse(json.dumps(document).encode(), "The lock")
    return str(caught.value)


def test_a_lock_that_was_tampered_with(side: Side) -> None:
    side.upstream.add("app")
    side.bom["files"] = [side.file("x", b"x")]
    side.upstream.publish()
    side.lock()
    for change, said in (
        (lambda lock: lock.update(format=2), "is not a lock of format 1"),
        (lambda lock: lock.update(items={}), "items is not a list"),
        (lambda lock: lock.update(extra=1), "is not made of name, "),
        (lambda lock: lock.update(version="1"), "version is '1', which is not of the expected type"),
        (lambda lock: lock.update(version=True), "version is True"),
        (lambda lock: lock.update(version=0), "name, version or expires_days is not usable"),
        (lambda lock: lock.update(created="now"), "has 'now' where a time such as"),
        (lambda lock: lock.update(name="../x"), "is not usable"),
        (lambda lock: lock.pop("created"), "lacks a field"),
        (lambda lock: lock["items"].append("x"), "items[2] is not made of"),
        (lambda lock: lock["items"][1].update(destination="../../etc/x"), "item 'x' names no place that is safe"),
        (lambda lock: lock["items"][0].update(group="none"), "item 'app' names no place that is safe"),
        (lambda lock: lock["items"][0].update(name="../app"), "names no place that is safe"),
        (lambda lock: lock["items"][0].update(sha256="../x"), "has no usable sha256 and size"),
        (lambda lock: lock["evidence"][0].update(size=-1), "has no usable sha256 and size"),
        (lambda lock: lock["repositories"][0].update(name="../x"), "repository '../x' is not usable"),
        (lambda lock: lock["repositories"][0].update(stanzas="0" * 64), "repository 'debian-12' is not usable"),
        (lambda lock: lock["repositories"][0].update(kind="npm"), "repository 'debian-12' is not usable"),
        (lambda lock: lock["repositories"][0].update(packages=["-oX=y"]), "repository 'debian-12' is not usable"),
        (lambda lock: lock["repositories"][0].update(packages=[["app"]]), "repository 'debian-12' is not usable"),
        (lambda lock: lock["items"][0].update(architecture="x/../../x"), "item 'app' names no place that is safe"),
    ):
        assert said in broken(side, change)


def test_comparing_locks(side: Side) -> None:
    side.upstream.add("app")
    side.upstream.publish()
    lock = side.lock().lock
    moved = replace(lock, items=tuple(replace(item, destination="elsewhere") for item in lock.items))
    assert [(change.change, change.bytes) for change in compare(lock, moved)] == [("changed", 0)]
    assert compare(lock, lock) == []
    assert summary(None) == ""
    assert summary(lock) == "debian-12 app 1.0 8000\n"
    assert [human(count) for count in (7, 1500, 2.5e6, 3.25e9)] == ["7 B", "1.5 kB", "2.5 MB", "3.2 GB"]


def test_the_real_host_and_clock_are_the_defaults(tmp_path: Path) -> None:
    from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.bom import Bom

    (tmp_path / "x").write_bytes(b"x")
    row = {"name": "x", "url": str(tmp_path / "x"), "destination": "x", "unverified": {"reason": "ours"}}
    result = make_lock(
        Bom.parse({"name": "n", "files": [row]}), path=str(tmp_path / "lock"), store=str(tmp_path / "store")
    )
    assert abs(result.lock.created_at - time.time()) < 60
