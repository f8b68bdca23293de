# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole way once, and what a second go along it costs."""

from __future__ import annotations

import shutil
from typing import Any, Dict

from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.have_list import HaveList
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.holdings import Holdings
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import Keyring
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side
from ansible_collections.fieldops.mattermost.tests.unit.volumes_side import Volumes


def tree(path: Any) -> Dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_from_a_bom_to_a_depot(side: Side) -> None:
    side.upstream.add("app", Depends="lib (>= 1.5), tool | other")
    side.upstream.add("lib", "1.4")
    side.upstream.add("lib", "1.6", suite="bookworm-security")
    side.upstream.add("tool", architecture="all")
    side.bom["files"] = [side.file("server.tar.gz", b"a release" * 1000)]
    side.upstream.publish()

    locked = side.lock()
    assert locked.changed
    assert {item.name: item.version for item in locked.lock.items if item.kind == "apt"} == {
        "app": "1.0",
        "lib": "1.6",
        "tool": "1.0",
    }
    packed = side.pack()
    assert packed.changed
    published = side.publish()
    assert published.changed
    current = side.top / "depot/current"
    assert (current / "files/files/server.tar.gz").read_bytes() == b"a release" * 1000
    assert {path.name for path in (current / "apt/debian-12/pool").iterdir()} == {
        "app_1.0_amd64.deb",
        "lib_1.6_amd64.deb",
        "tool_1.0_all.deb",
    }


def test_a_second_go_asks_once_for_each_suite_and_writes_nothing(side: Side) -> None:
    side.upstream.add("app")
    side.bundle()
    side.publish()
    before = tree(side.top)
    stamps = {path: path.stat().st_mtime_ns for path in side.top.rglob("*")}
    side.web.requests.clear()

    assert not side.lock().changed
    assert not side.pack().changed
    assert not side.publish().changed

    assert side.web.paths() == [
        "/debian/dists/bookworm/InRelease",
        "/debian/dists/bookworm-security/InRelease",
    ] or sorted(side.web.paths()) == ["/debian/dists/bookworm-security/InRelease", "/debian/dists/bookworm/InRelease"]
    assert tree(side.top) == before
    assert {path: path.stat().st_mtime_ns for path in side.top.rglob("*")} == stamps


def test_the_same_lock_and_key_give_the_same_bytes_anywhere(side: Side) -> None:
    side.upstream.add("app")
    side.bundle()
    first = tree(side.volume)
    side.output, side.store = str(side.top / "elsewhere"), str(side.top / "another-store")
    side.pack()
    assert tree(side.volume) == first


def test_volumes_across_and_a_list_back_and_a_delta_across(side: Side) -> None:
    """Media one at a time, one of them lost; then only what the depot has not said it holds."""
    made = Volumes(side)
    made.make()
    *some, lost = made.names()
    for name in some:
        side.publish(made.medium(name))
    shutil.rmtree(made.path / lost)
    made.pack(only_volumes=[lost])
    side.publish(made.medium(lost))
    current = side.top / "depot/current"
    assert {path.name: path.read_bytes() for path in (current / "files/files").iterdir()} == made.files

    listed = side.top / "back/depot-list.json"
    listed.parent.mkdir()
    Holdings(str(side.top / "depot")).write_list(str(listed), side.keys["depot"], check=False)
    base = HaveList.read(str(listed), Keyring([side.keys["depot"].public_key()], what="the depot's key"))
    made.add("large", 800_000, seed="new")
    side.upstream.add("lib", "2", suite="bookworm-security")
    shutil.rmtree(side.top / "media")
    delta = made.make(later=60, base=base)
    assert delta.base_version == base.bundles["site"]["version"]
    assert 800_000 < delta.volume_bytes < 850_000 and delta.bytes_left_out > 500_000
    for name in reversed(made.names()):
        result = side.publish(made.medium(name), now=side.now + 120)
    assert {path.name: path.read_bytes() for path in (current / "files/files").iterdir()} == made.files
    assert result.bundles["site"]["root"] == delta.root
    assert made.pack(ledger=True, acknowledge=result.bundles["site"]["root"]).acknowledged
