# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""depot_info as Ansible runs it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.have_list import HaveList
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import Keyring, SigningKey
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side

Run = Callable[..., Dict[str, Any]]


@pytest.fixture
def made(side: Side) -> Side:
    side.upstream.add("app")
    side.bom["files"] = [side.file("x", b"data")]
    side.bundle("app")
    side.publish()
    return side


def files(path: Path) -> Dict[str, int]:
    return {str(file): file.lstat().st_mtime_ns for file in path.rglob("*")}


def test_what_a_depot_holds(made: Side, run_module: Run) -> None:
    before = files(made.top / "depot")
    result = run_module("depot_info", path=str(made.top / "depot"))
    assert (result["changed"], result["generation"], result["incomplete"]) == (False, 1, [])
    assert result["title"] == "Mattermost depot" and result["fingerprint"] == made.keys["depot"].fingerprint
    assert result["bundles"]["site"]["since"] == result["published"]
    assert [row["name"] for row in result["contents"]["files"]] == ["x"]
    assert result["proofs"][0]["told"] == "proving is switched off"
    version = result["bundles"]["site"]["version"]
    told = {"generation": 1, "published": result["published"], "bundles": {"site": version}}
    assert result["generations"] == [told]
    assert files(made.top / "depot") == before
    made.upstream.add("app", "2.0")
    made.upstream.publish()
    made.lock(now=made.now + 60)
    made.pack()
    made.publish(keep=0)
    made.depot(keep=0).roll_back(None, now=made.now)
    result = run_module("depot_info", path=str(made.top / "depot"))
    assert [row.get("restores") for row in result["generations"]] == [None, None, 1]


def test_where_there_is_no_depot(run_module: Run, side: Side) -> None:
    place = str(side.top / "nowhere")
    result = run_module("depot_info", path=place)
    assert (result["generation"], result["bundles"], result["generations"], result["published"]) == (0, {}, [], "")
    told = run_module("depot_info", path=place, list=str(side.top / "list"), gnupghome=side.keys["depot"].home)
    assert "holds nothing yet; there is nothing to list" in told["msg"]
    assert not os.path.exists(place)


def test_the_list_to_carry_back(made: Side, run_module: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made.top / "list.json"
    given = {"path": str(made.top / "depot"), "list": str(path), "gnupghome": made.keys["depot"].home}
    assert run_module("depot_info", check=True, **given)["changed"] and not path.exists()
    assert run_module("depot_info", **given)["changed"]
    ring = Keyring([made.keys["depot"].public_key()], what="the depot's key")
    held = HaveList.read(str(path), ring)
    lock = made.packer().lock
    assert set(held.objects) == set(lock.objects())
    assert (held.generation, held.bundles["site"]["version"]) == (1, lock.version)
    first = path.read_bytes(), Path(f"{path}.asc").read_bytes()

    monkeypatch.setattr(SigningKey, "sign", None)
    assert not run_module("depot_info", **given)["changed"], "nothing is written or signed again"
    monkeypatch.undo()
    path.unlink()
    Path(f"{path}.asc").unlink()
    run_module("depot_info", **given)
    assert (path.read_bytes(), Path(f"{path}.asc").read_bytes()) == first, "the same bytes"

    path.write_bytes(first[0].replace(b"Mattermost depot", b"Mattermost spoof"))
    with pytest.raises(BundleError, match=r"is not good"):
        HaveList.read(str(path), ring)
    assert run_module("depot_info", **given)["changed"], "what somebody changed is written anew"

    directory = made.top / "medium"
    directory.mkdir()
    run_module("depot_info", **{**given, "list": str(directory)})
    assert sorted(os.listdir(directory)) == ["depot-list.json", "depot-list.json.asc"]


def test_what_waits_is_on_the_list(side: Side, run_module: Run) -> None:
    """The connected side need not send again what came on the volumes that are here."""
    side.bom = {"name": "site"}
    side.bom["files"] = [side.file("x", os.urandom(200_000)), side.file("y", os.urandom(300_000))]
    side.lock()
    side.pack(volume_size=400_000)
    side.publish(*sorted(side.volume.parent.glob("volume-*"))[1:])
    path = side.top / "list.json"
    run_module("depot_info", path=str(side.top / "depot"), list=str(path), gnupghome=side.keys["depot"].home)
    held = HaveList.read(str(path), Keyring([side.keys["depot"].public_key()], what="the depot's key"))
    assert (held.generation, dict(held.bundles), len(held.objects) > 0) == (0, {}, True)


def test_failures_are_messages(made: Side, run_module: Run) -> None:
    assert "gnupghome" in run_module("depot_info", list="/x")["msg"]
    (made.top / "depot/current/manifest.json").write_text("{}")
    assert "is not of format 1" in run_module("depot_info", path=str(made.top / "depot"))["msg"]


def test_the_store_is_hashed_where_that_is_asked_for(made: Side, run_module: Run) -> None:
    place = str(made.top / "depot")
    assert run_module("depot_info", path=place, verify="full")["faults"] == []
    victim = next(path for path in (made.top / "depot/store/objects").rglob("*/*/*") if path.read_bytes() == b"data")
    victim.chmod(0o644)
    victim.write_bytes(b"dust")
    quick = run_module("depot_info", path=place)
    assert quick["faults"] == [] and "warnings" not in quick
    result = run_module("depot_info", path=place, verify="full")
    (row,) = result["faults"]
    assert (row["sha256"], row["state"], row["items"]) == (victim.name, "damaged", ["file x"])
    told = str(result["warnings"])
    assert row["text"] in told and "Give the depot the media of these bundles again, with verify=full." in told
    given = {"path": place, "gnupghome": made.keys["depot"].home, "prove": "never"}
    medium = {"media": [str(made.volume)], "keyring": made.keys["bundle"].public_key().decode()}
    told = run_module("depot", **given, verify="full")
    assert told["failed"] and "has them damaged" in told["msg"]
    assert not run_module("depot", **given, **medium)["changed"]
    assert run_module("depot", **given, **medium, verify="full")["changed"] and victim.read_bytes() == b"data"
    assert run_module("depot_info", path=place, verify="full")["faults"] == []
