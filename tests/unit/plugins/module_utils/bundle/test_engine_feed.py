# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second depot fed from the first: new objects only, verified by the key of the bundles, published with its own key."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any, List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import feed
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.depot import Depot, DepotResult
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.feed import OtherDepot
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.medium import Terms
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import Keyring
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.store import Store
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side
from hypothesis import given, settings
from hypothesis import strategies as some


@pytest.fixture
def made(side: Side) -> Side:
    side.upstream.add("app", Depends="lib")
    side.upstream.add("lib")
    side.bom["files"] = [side.file("large", os.urandom(3 << 20)), side.file("empty", b"")]
    side.bundle("app")
    side.publish()
    return side


def take_over(side: Side, *, now: float = 0, check: bool = False, ring: Any = None, **more: Any) -> DepotResult:
    """What the second depot does: its key is the stranger's."""
    depot = Depot(str(side.top / "second"), key=side.keys["stranger"], prove="never")
    other = OtherDepot(str(side.top / "depot"))
    return depot.publish([], ring or side.ring, now=now or side.now, other=other, check=check, **more)


def served(side: Side, depot: str) -> Any:
    current = side.top / depot / "current"
    names = [path.relative_to(current) for path in current.rglob("*") if "files" in path.parts or "pool" in path.parts]
    return {name: (current / name).read_bytes() for name in names if (current / name).is_file()}


def update(side: Side) -> None:
    side.upstream.add("app", "2.0")
    side.upstream.publish()
    side.lock(now=side.now + 60)
    side.pack()


def asked(monkeypatch: pytest.MonkeyPatch) -> List[str]:
    """The commands that are run on the other side."""
    commands: List[str] = []
    real = OtherDepot._reading

    def reading(self: OtherDepot, command: str) -> Any:
        commands.append(command)
        return real(self, command)

    monkeypatch.setattr(OtherDepot, "_reading", reading)
    return commands


def test_the_same_content_under_another_key(made: Side) -> None:
    told = take_over(made, check=True)
    assert told.changed and told.bytes_copied > 3 << 20 and not (made.top / "second").exists()
    result = take_over(made)
    assert (result.generation, result.key) == (1, made.keys["stranger"].fingerprint)
    assert result.objects_copied == told.objects_copied
    assert served(made, "second") == served(made, "depot") != {}
    documents = [made.top / depot / "current/bundles/site" for depot in ("depot", "second")]
    assert [path.read_bytes() for path in sorted(documents[0].iterdir())] == [
        path.read_bytes() for path in sorted(documents[1].iterdir())
    ]
    again = take_over(made)
    assert (again.changed, again.objects_copied) == (False, 0)


def test_a_depot_brings_no_pieces(made: Side) -> None:
    (arrival,) = feed.arrivals(OtherDepot(str(made.top / "depot")), Terms(made.ring, made.now), {})
    assert arrival.loose(Store(str(made.top / "second/store"))) == []
    assert arrival.whole == set(made.packer().lock.objects())


def test_only_what_is_new_is_carried(made: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    take_over(made)
    update(made)
    made.publish()
    commands = asked(monkeypatch)
    result = take_over(made)
    assert result.generation == 2 and result.bytes_copied < 100_000
    (objects,) = [command for command in commands if command.startswith("cd ")]
    assert objects.count("objects/sha256/") == result.objects_copied


def test_an_older_bundle_there_is_left(made: Side) -> None:
    update(made)
    Depot(str(made.top / "second"), key=made.keys["stranger"], prove="never").publish(
        [str(made.volume)], made.ring, now=made.now + 60
    )
    assert take_over(made, now=made.now + 60).changed is False


def test_media_count_before_the_other_depot(made: Side) -> None:
    update(made)
    depot = Depot(str(made.top / "second"), key=made.keys["stranger"], prove="never")
    other = OtherDepot(str(made.top / "depot"))
    result = depot.publish([str(made.volume)], made.ring, now=made.now + 60, other=other)
    version = json.loads((made.volume / "root.json").read_text())["version"]
    assert result.bundles["site"]["version"] == version


def objects(made: Side) -> List[Path]:
    found = [path for path in (made.top / "depot/store/objects").rglob("*") if path.is_file()]
    return sorted(found, key=lambda path: path.stat().st_size)


@pytest.mark.parametrize("how", ["changed", "missing", "shorter"])
def test_an_object_that_is_not_what_was_signed(made: Side, how: str) -> None:
    victim = objects(made)[-1]
    data = victim.read_bytes()
    victim.unlink()
    if how != "missing":
        victim.write_bytes(b"X" + data[1:] if how == "changed" else data[:-10])
    with pytest.raises(BundleError, match=r"is missing or damaged\. Repair that depot first|cut off in the middle of"):
        take_over(made)
    assert not (made.top / "second/current").exists()
    victim.unlink(missing_ok=True)
    victim.write_bytes(data)
    assert take_over(made).generation == 1


def test_the_last_object_is_missing(made: Side) -> None:
    last = sorted(objects(made))[-1]
    last.unlink()
    with pytest.raises(BundleError, match=r"cut off in the middle of [0-9a-f]{64}\. Run again; the rest is kept"):
        take_over(made)


def test_what_was_begun_goes_on_where_it_stopped(made: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    large = objects(made)[-1]
    data = large.read_bytes()
    part = Path(Store(str(made.top / "second/store")).part(large.name))
    part.parent.mkdir(parents=True)
    part.write_bytes(data[: 2 << 20])
    commands = asked(monkeypatch)
    take_over(made)
    assert any(command.startswith(f"tail -c +{(2 << 20) + 1} -- ") for command in commands)
    assert served(made, "second") == served(made, "depot")


@pytest.mark.parametrize("beginning", [b"another beginning", b"too much" * (1 << 20)])
def test_a_beginning_that_is_damaged_is_thrown_away(made: Side, beginning: bytes) -> None:
    large = objects(made)[-1]
    part = Path(Store(str(made.top / "second/store")).part(large.name))
    part.parent.mkdir(parents=True)
    part.write_bytes(beginning)
    assert take_over(made).generation == 1
    assert served(made, "second") == served(made, "depot")


def tamper(made: Side, name: str, data: bytes) -> None:
    path = made.top / "depot/current/bundles/site" / name
    path.unlink()
    path.write_bytes(data)


def test_documents_that_are_not_what_was_signed(made: Side) -> None:
    root = (made.top / "depot/current/bundles/site/root.json").read_bytes()
    tamper(made, "root.json", root.replace(b"site", b"sitf"))
    with pytest.raises(BundleError, match=r"The signature of .*root.json of .* is not good"):
        take_over(made)
    tamper(made, "root.json", root)
    tamper(made, "lock.json", b"{}")
    with pytest.raises(BundleError, match=r"lock.json of .* is damaged: the signed root names another content"):
        take_over(made)


def test_a_bundle_of_a_maker_who_has_no_sbom(made: Side) -> None:
    root = json.loads((made.top / "depot/current/bundles/site/root.json").read_bytes())
    data = json.dumps({**root, "sbom": "", "contents": ""}).encode()
    tamper(made, "root.json", data)
    tamper(made, "root.json.asc", made.keys["bundle"].sign(data, clear=False, moment=int(made.now)))
    assert take_over(made).generation == 1
    documents = made.top / "second/current/bundles/site"
    assert sorted(os.listdir(documents)) == ["lock.json", "root.json", "root.json.asc"]


def test_a_bundle_under_another_name(made: Side) -> None:
    path = made.top / "depot/current/manifest.json"
    document = json.loads(path.read_text())
    document["bundles"] = {"tools": document["bundles"]["site"]}
    path.write_text(json.dumps(document))
    os.rename(made.top / "depot/current/bundles/site", made.top / "depot/current/bundles/tools")
    with pytest.raises(BundleError, match=r"bundles/tools of .* holds the bundle site, not tools"):
        take_over(made)


_JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=8),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(some.binary(max_size=200) | some.builds(lambda value: json.dumps({"bundles": value}).encode(), _JSON))
@settings(max_examples=100, deadline=None)
def test_whatever_the_other_depot_says(said: bytes) -> None:
    """Names that are safe to ask for, or one sentence."""

    class Strange(OtherDepot):
        def _ask(self, command: str, path: str, limit: int) -> bytes:
            return b"generations/7\n" if path == "current" else said

    try:
        for name, directory in Strange("/srv/depot").bundles():
            assert directory == f"generations/7/bundles/{name}" and set(name) <= set(
                "abcdefghijklmnopqrstuvwxyz0123456789._-"
            )
    except BundleError as error:
        assert str(error).endswith(".")


@pytest.mark.parametrize("names", ['["site"]', '{"../../etc": {}}', "null"])
def test_a_manifest_that_leads_elsewhere(made: Side, names: str) -> None:
    (made.top / "depot/current/manifest.json").write_text(f'{{"bundles": {names}}}')
    with pytest.raises(BundleError, match=r"The manifest of the depot .* names no bundles"):
        take_over(made)


def test_terms_are_those_of_media(made: Side) -> None:
    with pytest.raises(BundleError, match=r"expired on"):
        take_over(made, now=made.now + 200 * 86400)
    with pytest.raises(BundleError, match=r"Set the clock"):
        take_over(made, now=made.now - 365 * 86400)
    with pytest.raises(BundleError, match=r"The bundle site of .* is signed by 1 of the 2 keys that have to sign it"):
        take_over(made, required_signers=2)
    with pytest.raises(BundleError, match=r"is not good for any key of another key"):
        take_over(made, ring=Keyring([made.keys["archive"].public_key()], what="another key"))
    assert take_over(made, now=made.now + 200 * 86400, allow_expired=True).generation == 1
    assert not take_over(made, now=made.now + 400 * 86400).changed, "what is here already is not asked about again"


def test_another_content_of_the_same_version(made: Side) -> None:
    take_over(made)
    lock = json.loads(Path(made.lock_path).read_text())
    Path(made.lock_path).write_text(json.dumps({**lock, "description": "other"}))
    made.pack()
    shutil.rmtree(made.top / "depot")
    made.publish()
    with pytest.raises(BundleError, match=r"has the version of the one in the depot, \d+, but another content"):
        take_over(made)


def test_where_there_is_no_depot(made: Side) -> None:
    shutil.rmtree(made.top / "depot")
    with pytest.raises(BundleError, match=r"Cannot read the depot .*depot: exit status 1"):
        take_over(made)
    (made.top / "depot").mkdir()
    (made.top / "depot/current").symlink_to("elsewhere")
    with pytest.raises(BundleError, match=r"has nothing published yet"):
        take_over(made)


@pytest.mark.parametrize("place", ["depot", "-oProxyCommand=x:/srv", "host:depot", "a b:/srv", ":/srv", ""])
def test_what_is_no_place(place: str) -> None:
    with pytest.raises(
        BundleError, match=r"is no depot to be fed from: /path, host:/path or user@host:/path is expected"
    ):
        OtherDepot(place)


def test_something_that_never_ends(made: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed.manifest, "ROOT_LIMIT", 100)
    with pytest.raises(BundleError, match=r"root.json of the depot .* is larger than the 100 bytes expected at most"):
        take_over(made)


def test_over_ssh(made: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ssh gets the host after its options and one command; here a program of that name runs it."""
    program = tmp_path / "bin/ssh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\nfor last; do :; done\nexec sh -c "$last"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    place = made.top / "depot with space"
    os.rename(made.top / "depot", place)
    other = OtherDepot(f"feed@[2001:db8::7]:{place}", ["-i", "/etc/key"])
    depot = Depot(str(made.top / "second"), key=made.keys["stranger"], prove="never")
    assert depot.publish([], made.ring, now=made.now, other=other).generation == 1
    lines = (tmp_path / "asked").read_text().splitlines()
    assert all(line.startswith("-o BatchMode=yes ") and " -i /etc/key -- feed@2001:db8::7 " in line for line in lines)
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(BundleError, match=r"Cannot reach feed@.*: ssh is not on this host"):
        other.bundles()


@pytest.mark.skipif("FIELDOPS_CONTAINERS" not in os.environ, reason="set FIELDOPS_CONTAINERS to run containers")
def test_over_ssh_to_a_host_that_has_nothing_but_sshd(made: Side, tmp_path: Path) -> None:
    """The real programs of both sides. Each connection is a container of its own, which needs no network."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    sshd = "/usr/sbin/sshd -i -o UsePAM=no -o StrictModes=no -o AuthorizedKeysFile=/given/key.pub"
    (tmp_path / "serve").write_text(f"mkdir -p /run/sshd && ssh-keygen -A >/dev/null && exec {sshd}\n")
    volumes = f"-v {tmp_path}:/given:ro -v {made.top / 'depot'}:/srv/depot:ro"
    limits = "--ulimit nofile=10000:10000 --ulimit nproc=20000:20000"
    image = f"{os.environ.get('FIELDOPS_CONTROL_NODE_IMAGES', 'localhost/fieldops-mattermost')}/bookworm"
    run = f"podman run --rm -i --network none --runtime runc {limits} {volumes} {image} sh /given/serve"
    trust = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]

    def take() -> DepotResult:
        other = OtherDepot("root@depot.example.com:/srv/depot", ["-i", str(key), *trust, "-o", f"ProxyCommand={run}"])
        depot = Depot(str(made.top / "second"), key=made.keys["stranger"], prove="never")
        return depot.publish([], made.ring, now=made.now + 60, other=other)

    assert take().generation == 1
    update(made)
    made.publish(now=made.now + 60)
    brought = take()
    assert (brought.generation, brought.bytes_copied < 1 << 20) == (2, True), "the large file is there already"
    assert served(made, "second") == served(made, "depot")
    assert not take().changed
