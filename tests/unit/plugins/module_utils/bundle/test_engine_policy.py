# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy: what must not be carried, what a scan objects to, and all that cannot do without it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, List, Tuple

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import aptrepo, policy, scan
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.bom import Bom
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.boms.policy import Policy
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fsutil import sha256_bytes
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.lock import Item, Lock
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.publish import apt as publish_apt
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.publish import apt_sources
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.store import Store
from ansible_collections.fieldops.mattermost.tests.unit.upstream import NOW, Side

DAY = 86400


def told(rows: Any) -> List[Tuple[str, str, str]]:
    return [(row.name, row.reason, row.because_of) for row in rows]


def names(lock: Lock) -> List[str]:
    return [item.name for item in lock.items]


@pytest.fixture
def given(side: Side) -> Side:
    side.upstream.add("app", Depends="mid")
    side.upstream.add("mid", Depends="telnet")
    side.upstream.add("telnet")
    side.upstream.add("fine", Depends="lib")
    side.upstream.add("lib")
    side.upstream.publish()
    side.bom["apt"] = [side.apt("app", "fine")]
    return side


# What a BOM may say ---------------------------------------------------------------------------------------------------


def problem(row: object) -> str:
    files = [{"name": "x", "url": "/x", "destination": "x", "unverified": {"reason": "ours"}}]
    with pytest.raises(BundleError) as caught:
        Bom.parse({"name": "site", "files": files, "policy": row})
    return str(caught.value).partition("\n")[2]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            "no",
            "policy: a dictionary with must_not_contain, must_not_license, apt_components, scan, scan_again_days, on_violation "
            "is expected",
        ),
        ({"scan_again_days": -1}, "policy.scan_again_days: a number of days from 0 to 3650 is expected, not -1."),
        ({"scan_again_days": True}, "policy.scan_again_days: a number of days from 0 to 3650 is expected, not True."),
        ({"on_violation": "warn"}, "policy.on_violation: stop or withhold is expected, not 'warn'."),
        ({"scan": ["clamscan"]}, "policy.scan: the command has to name the file it is to look at: give {path}"),
        ({"scan": ["{path}"]}, "policy.scan: the command has to name the file"),
        ({"scan": "clamscan {path}"}, "policy.scan: a list is expected here"),
        ({"must_not_contain": ["[a]"]}, "policy.must_not_contain[0]: '[a]' is not a name, or a pattern with * and ?."),
        ({"apt_components": ["non free"]}, "policy.apt_components[0]: 'non free' is not the name of a component."),
    ],
)
def test_mistakes(row: object, said: str) -> None:
    assert problem(row).startswith(said)


def test_a_policy_alone_carries_nothing() -> None:
    with pytest.raises(BundleError, match=r"it names nothing to carry"):
        Bom.parse({"name": "site", "policy": {}})


def test_of_several_the_strictest_counts() -> None:
    files = [{"name": "x", "url": "/x", "destination": "x", "unverified": {"reason": "ours"}}]
    first = {
        "name": "a",
        "files": files,
        "policy": {"must_not_contain": ["x"], "on_violation": "withhold", "scan": ["s", "{path}"]},
    }
    second = {
        "name": "b",
        "policy": {"must_not_contain": ["y"], "scan_again_days": 1, "apt_components": ["main", "contrib"]},
    }
    second["files"] = [{**files[0], "name": "y", "destination": "y"}]
    assert Bom.parse(first).rules.withholds
    assert Bom.parse([first, second]).rules == Policy(("x", "y"), ("main", "contrib"), ("s", "{path}"), 1, "stop")
    third = {
        "name": "c",
        "policy": {"apt_components": ["main"]},
        "files": [{**files[0], "name": "z", "destination": "z"}],
    }
    assert Bom.parse([second, third]).rules.apt_components == ("main",)
    for row, said in (
        ({"apt_components": ["non-free"]}, "none in common"),
        ({"scan": ["t", "{path}"]}, "different commands"),
    ):
        with pytest.raises(BundleError, match=said):
            Bom.parse([first, second, {**third, "policy": row}])


def test_a_policy_goes_through_the_lock() -> None:
    rules = Policy(("x",), (), ("s", "{path}"), 1, "withhold")
    assert Policy.of_lock(json.loads(json.dumps(rules.told()))) == rules
    assert Policy().told() == {} and Policy.of_lock({}) == Policy()
    with pytest.raises(BundleError, match=r"The lock's policy is not usable: policy.scan: "):
        Policy.of_lock({"scan": ["rm"]})


# When the lock is made ------------------------------------------------------------------------------------------------


def test_a_closure_that_needs_it_is_refused_with_the_chain(given: Side) -> None:
    given.bom["policy"] = {"must_not_contain": ["tel*"]}
    with pytest.raises(BundleError) as caught:
        given.lock()
    assert str(caught.value) == (
        "apt repository debian-12: telnet must not be carried (policy.must_not_contain: tel*), but app -> mid needs it."
    )


def test_it_is_withheld_with_what_needs_it_and_the_rest_goes_on(given: Side) -> None:
    given.bom["policy"] = {"must_not_contain": ["tel*"], "on_violation": "withhold"}
    result = given.lock()
    assert names(result.lock) == ["fine", "lib"]
    assert result.lock.repositories[0].packages == ("fine",)
    assert told(result.lock.withheld) == [
        ("app", "needs mid", "mid"),
        ("mid", "needs telnet", "telnet"),
        ("telnet", "policy.must_not_contain: tel*", ""),
    ]
    assert result.warnings[0] == "apt app (debian-12) is withheld: needs mid"
    again = given.lock()
    assert not again.changed and again.warnings == result.warnings, "it is told each time"
    packed = given.pack()
    assert [row["name"] for row in packed.withheld] == ["app", "mid", "telnet"]
    assert given.publish().changed


def test_nothing_may_be_left_of_a_repository(given: Side) -> None:
    given.bom["apt"] = [given.apt("app")]
    given.bom["policy"] = {"must_not_contain": ["telnet"], "on_violation": "withhold"}
    assert names(given.lock().lock) == []
    given.pack()
    assert given.publish().changed


def test_files_that_must_not_be_carried(given: Side) -> None:
    given.bom["files"] = [given.file("tool.exe", b"x"), given.file("tool.txt", b"y")]
    given.bom["policy"] = {"must_not_contain": ["*.exe"]}
    with pytest.raises(
        BundleError, match=r"^file tool.exe must not be carried \(policy.must_not_contain: \*\.exe\)\.$"
    ):
        given.lock()
    given.bom["policy"]["on_violation"] = "withhold"
    lock = given.lock().lock
    assert "tool.exe" not in names(lock) and "tool.txt" in names(lock)
    assert told(lock.withheld) == [("tool.exe", "policy.must_not_contain: *.exe", "")]


def test_components_that_are_not_looked_at(given: Side) -> None:
    given.bom["policy"] = {"apt_components": ["contrib"]}
    with pytest.raises(BundleError) as caught:
        given.lock()
    assert str(caught.value) == (
        "apt repository debian-12: No suite has a package named app for amd64. Only packages of contrib are looked at, "
        "as policy.apt_components says."
    )


# When the bundle is made ----------------------------------------------------------------------------------------------


def scanner(side: Side, text: str, **more: Any) -> Path:
    """A command that objects to files with the text in them."""
    script = side.top / "scan"
    script.write_text(
        f'#!/bin/sh\necho "$1" >> {side.top}/scanned\ngrep -q "{text}" "$1" || exit 0\necho "$2: FOUND"\nexit 1\n'
    )
    script.chmod(0o755)
    side.bom["policy"] = {"scan": [str(script), "{path}", "{name}"], "on_violation": "withhold", **more}
    return side.top / "scanned"


def test_what_the_scan_objects_to_is_not_sealed(given: Side) -> None:
    given.bom["files"] = [given.file("clean", b"ok"), given.file("bad", b"package telnet")]
    log = scanner(given, "package telnet")
    given.upstream.publish()
    locked = given.lock()
    assert locked.lock.withheld == ()
    packed = given.pack()
    assert packed.changed and packed.objects_fetched == 7
    assert [(row["name"], row["reason"], row["because_of"]) for row in packed.withheld] == [
        ("app", "needs mid", "mid"),
        ("mid", "needs telnet", "telnet"),
        ("telnet", "policy.scan: apt telnet: FOUND", ""),
        ("bad", "policy.scan: file bad: FOUND", ""),
    ]
    sealed = Lock.read(str(given.volume / "lock.json"))
    assert names(sealed) == ["fine", "lib", "clean"]
    assert [row.name for row in sealed.withheld] == ["app", "mid", "telnet", "bad"]
    published = given.publish()
    assert published.changed
    pool = given.top / "depot/current/apt/debian-12/pool"
    assert sorted(path.name for path in pool.iterdir()) == ["fine_1.0_amd64.deb", "lib_1.0_amd64.deb"]

    count = len(log.read_text().splitlines())
    assert count == 7
    before = {path: path.read_bytes() for path in given.volume.rglob("*") if path.is_file()}
    again = given.pack()
    assert not again.changed and again.withheld == packed.withheld
    assert not given.pack(check=True).changed
    assert {path: path.read_bytes() for path in given.volume.rglob("*") if path.is_file()} == before
    assert len(log.read_text().splitlines()) == count, "what was looked at lately is not looked at again"


def test_the_scan_may_stop_it_all(given: Side) -> None:
    scanner(given, "package lib", on_violation="stop")
    given.lock()
    given.pack(check=True)
    with pytest.raises(BundleError) as caught:
        given.pack()
    assert str(caught.value) == (
        "No bundle is made.\napt lib must not be carried (policy.scan: apt lib: FOUND), but fine needs it."
    )
    assert not given.volume.exists()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 2", r"The scan of apt \w+ by .*/scan ended with status 2, .* \(not clean\): it said nothing\."),
        ("echo out of memory; exit 50", r"ended with status 50, .*: out of memory\.\n(.*\n)+\.\.\. and \d more"),
        (None, r"The scan of apt \w+ cannot be run: .*/scan: No such file or directory\."),
        ("exec sleep 9", r"did not end within 0\.1 seconds"),
    ],
)
def test_a_scan_that_fails(given: Side, script: Any, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "_PATIENCE", 0.1 if script == "exec sleep 9" else 60)
    if script == "echo out of memory; exit 50":
        given.bom["files"] = [given.file(name, name.encode()) for name in ("one", "two")]
    scanner(given, "x")
    if script is None:
        (given.top / "scan").unlink()
    else:
        (given.top / "scan").write_text(f"#!/bin/sh\n{script}\n")
    given.lock()
    with pytest.raises(BundleError, match=said):
        given.pack()
    assert not given.volume.exists()


def test_how_long_a_scan_counts(given: Side) -> None:
    rules = Policy(scan=("true", "{path}"), scan_again_days=2)
    home = policy_store(given)
    first = scan.Scanner(rules, home, now=NOW)
    digest = home.add_bytes(b"data")
    first.scan({digest: "it"})
    for now, any_age, known in (
        (NOW + DAY, False, True),
        (NOW + 3 * DAY, False, False),
        (NOW + 3 * DAY, True, True),
        (NOW - 9, False, False),
    ):
        assert scan.Scanner(rules, home, now=now).known(digest, any_age=any_age) is known
    other = Policy(scan=("false", "{path}"))
    assert not scan.Scanner(other, home, now=NOW).known(digest)
    late = scan.Scanner(other, home, now=NOW + 500 * DAY)
    late.scan({digest: "it"})
    assert not scan.Scanner(rules, home, now=NOW).known(digest, any_age=True), "what is very old is forgotten"
    assert scan.Scanner(other, home, now=NOW + 500 * DAY).answers({digest: "it"}) == {digest: "policy.scan: false"}


def policy_store(side: Side) -> Store:
    return Store(str(side.top / "store of scans"))


@pytest.mark.parametrize("junk", ["[]", "{", '{"x": 1}', '{"x": {"y": [1]}}', '{"x": {"y": ["a", "b"]}}', ""])
def test_a_memory_of_scans_that_is_broken(given: Side, junk: str) -> None:
    home = policy_store(given)
    path = Path(home.state_path("scans.json"))
    path.parent.mkdir(parents=True)
    path.write_text(junk)
    assert not scan.Scanner(Policy(scan=("true", "{path}")), home, now=NOW).known("0" * 64)


# What needs what ------------------------------------------------------------------------------------------------------


def manifest(*layers: str, children: Tuple[str, ...] = ()) -> bytes:
    def row(media: str, sha256: str) -> Dict[str, Any]:
        return {"mediaType": f"application/vnd.oci.image.{media}", "digest": f"sha256:{sha256}", "size": 1}

    if children:
        rows = [row("manifest.v1+json", child) for child in children]
        return json.dumps(
            {"schemaVersion": 2, "mediaType": row("index.v1+json", "")["mediaType"], "manifests": rows}
        ).encode()
    config, *rest = layers
    body = {"config": row("config.v1+json", config), "layers": [row("layer.v1.tar+gzip", layer) for layer in rest]}
    return json.dumps({"schemaVersion": 2, "mediaType": row("manifest.v1+json", "")["mediaType"], **body}).encode()


def images() -> Tuple[Lock, Dict[str, bytes]]:
    """Two images that share a layer; the second is an index of two platforms, one of which stayed away."""
    blobs = {name: sha256_bytes(name.encode()) for name in ("config1", "config2", "shared", "own1", "own2")}
    objects: Dict[str, bytes] = {}

    def put(data: bytes) -> str:
        objects[sha256_bytes(data)] = data
        return sha256_bytes(data)

    first = put(manifest(blobs["config1"], blobs["shared"], blobs["own1"]))
    child = put(manifest(blobs["config2"], blobs["shared"], blobs["own2"]))
    second = put(manifest(children=(child, sha256_bytes(b"another platform"))))

    def item(kind: str, name: str, sha256: str, why: str = "") -> Item:
        return Item(kind, name, 1, sha256, f"https://registry.example.com/{sha256}", "digest", why=why)

    one, two = "registry.example.com/one:1", "registry.example.com/two:1"
    items = [item("image", one, first), item("image", two, second), item("blob", f"sha256:{child}", child, two)]
    for name, sha256 in blobs.items():
        items.append(item("blob", f"sha256:{sha256}", sha256, two if name.endswith("2") else one))
    lock = Lock("site", "", 1, "2026-01-01T00:00:00Z", 90, "0" * 64, items=tuple(items))
    return lock, {**objects, **{sha256: name.encode() for name, sha256 in blobs.items()}}


def test_images_go_with_their_layers() -> None:
    lock, objects = images()
    by_content = {objects[item.sha256]: item for item in lock.items}
    slim, fresh = policy.withhold(lock, {by_content[b"own1"].sha256: "bad"}, objects.get)
    assert fresh == []
    assert [row.name.rpartition("/")[2] for row in slim.withheld if row.kind == "image"] == ["one:1"]
    kept = {objects[item.sha256] for item in slim.items if item.kind == "blob"}
    assert {b"shared", b"own2", b"config2"} <= kept and not {b"own1", b"config1"} & kept
    slim, _fresh = policy.withhold(lock, {by_content[b"shared"].sha256: "bad"}, objects.get)
    assert [item.kind for item in slim.items] == [], "all that needs it goes"
    assert policy.forbidden(lock, ["registry.example.com/two:*"]) == {
        lock.items[1].sha256: "policy.must_not_contain: registry.example.com/two:*"
    }
    slim, _fresh = policy.withhold(lock, {lock.items[1].sha256: "no"}, objects.get)
    assert {objects[item.sha256] for item in slim.items} >= {b"shared", b"own1", b"config1"}
    assert b"own2" not in {objects[item.sha256] for item in slim.items}


def test_kinds_that_the_lock_itself_ties_together() -> None:
    def item(name: str, why: str = "", group: str = "w", kind: str = "wheel") -> Item:
        return Item(
            kind, name, 1, sha256_bytes(name.encode() + group.encode()), "/x", "", "1", group, destination=name, why=why
        )

    items = (item("app"), item("dep", "app"), item("deep", "dep"), item("apart"), item("dep", "", "other"))
    lock = Lock("site", "", 1, "2026-01-01T00:00:00Z", 90, "0" * 64, items=items)
    slim, _fresh = policy.withhold(lock, {items[2].sha256: "bad"}, lambda sha256: None)
    assert [(entry.group, entry.name) for entry in slim.items] == [("w", "apart"), ("other", "dep")]
    assert told(slim.withheld) == [("app", "needs dep", "dep"), ("deep", "bad", ""), ("dep", "needs deep", "deep")]


def test_packages_with_another_way_stay(given: Side) -> None:
    up = given.upstream
    up.add("either", Depends="one | two, virtual")
    up.add("one", Provides="virtual")
    up.add("two", Provides="virtual")
    up.publish()
    given.bom["apt"] = [given.apt("either", "one", "two")]
    lock = given.lock().lock
    store = given.packer().store
    given.pack()
    by_name = {item.name: item.sha256 for item in lock.items}
    slim, fresh = policy.withhold(lock, {by_name["one"]: "bad"}, store.read)
    assert names(slim) == ["either", "two"] and len(fresh) == 1
    assert b"Package: one" not in fresh[0]
    slim, _fresh = policy.withhold(lock, {by_name["one"]: "bad", by_name["two"]: "bad"}, store.read)
    assert names(slim) == []
    assert replace(slim, items=()).withheld == slim.withheld


def test_sources_that_must_not_be_carried(given: Side) -> None:
    for name in ("app", "mid", "telnet", "fine", "lib"):
        given.upstream.add_source(name)
    given.upstream.publish()
    given.bom["apt"][0].update(source_packages=True, carry_indexes=False)
    given.bom["policy"] = {"must_not_contain": ["tel*.dsc"], "on_violation": "withhold"}
    lock = given.lock().lock
    assert [row.name for row in lock.withheld] == ["telnet_1.0.dsc", "telnet_1.0.tar.xz"]
    given.pack()
    assert given.publish().changed


def test_descriptions_that_are_not_those_of_the_lock(given: Side) -> None:
    given.upstream.add_source("fine")
    given.upstream.add_source("lib")
    given.upstream.publish()
    given.bom["apt"] = [given.apt("fine", source_packages=True)]
    lock = given.lock().lock
    repository = next(repository for repository in lock.repositories if repository.kind == "apt_source")
    text = given.packer().store.read(repository.stanzas) or b""
    assert len(aptrepo.read_sources(lock, repository, text)) == 2
    for changed, said in (
        (text.split(b"\n\n")[0], r"The source descriptions of debian-12 lack lib_1.0.dsc, lib_1.0.tar.xz\."),
        (
            text.replace(b" fine_1.0.dsc", b" other_1.0.dsc"),
            r"tell of the file 'other_1.0.dsc', which the lock does not name so",
        ),
        (b"Package: x", r"tell of the file '', which the lock does not name so"),
    ):
        with pytest.raises(BundleError, match=said):
            aptrepo.read_sources(lock, repository, changed)


def test_sources_of_several_bundles(given: Side) -> None:
    given.upstream.add_source("fine")
    given.upstream.add_source("lib")
    given.upstream.publish()
    given.bom["apt"] = [given.apt("fine", source_packages=True)]
    lock = given.lock().lock
    given.pack()
    tree = SimpleNamespace(store=given.packer().store)
    held = [SimpleNamespace(lock=lock), SimpleNamespace(lock=lock)]
    assert len(apt_sources.collect(tree, held)["debian-12"].blocks) == 2
    items = tuple(replace(item, sha256="0" * 64) if item.kind == "apt_source" else item for item in lock.items)
    other = replace(lock, items=items)
    with pytest.raises(BundleError, match=r"Two bundles bring different sources as fine_1.0.dsc for debian-12"):
        text = (tree.store.read(lock.repositories[1].stanzas) or b"").decode()
        for item in lock.items:
            text = text.replace(item.sha256, "0" * 64) if item.kind == "apt_source" else text
        digest = tree.store.add_bytes(text.encode())
        other = replace(other, repositories=(lock.repositories[0], replace(lock.repositories[1], stanzas=digest)))
        apt_sources.collect(tree, [held[0], SimpleNamespace(lock=other)])
    tree.earlier, tree.inputs = {}, {}
    with pytest.raises(BundleError, match=r"A bundle brings sources for debian-12, but no packages of that repository"):
        publish_apt.publish(tree, [SimpleNamespace(lock=replace(lock, repositories=lock.repositories[1:]))])


def test_a_source_package_is_whole_or_absent(given: Side) -> None:
    for name in ("app", "mid", "telnet", "fine", "lib"):
        given.upstream.add_source(name)
    given.upstream.publish()
    given.bom["apt"][0]["source_packages"] = True
    log = scanner(given, "package lib_1.0.dsc")
    given.lock()
    packed = given.pack()
    assert [row["name"] for row in packed.withheld] == ["lib_1.0.dsc", "lib_1.0.tar.xz"]
    assert len(log.read_text().splitlines()) == 15
    assert given.publish().changed
    pool = given.top / "depot/current/apt/debian-12/pool/source"
    assert len(list(pool.iterdir())) == 8
