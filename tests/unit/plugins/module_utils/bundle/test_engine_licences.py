# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy by licence: what metadata states goes into lock, SBOM and contents, and is judged; what states none is told of."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import licences, sbom
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.access import Keychain
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.bom import Bom
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.boms.policy import Policy
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.contents import Delta, render_contents
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fetch import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fsutil import sha256_bytes
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.lock import Item, Lock
from ansible_collections.fieldops.mattermost.tests.unit import yum_upstream
from ansible_collections.fieldops.mattermost.tests.unit.galaxy import Galaxy, collection
from ansible_collections.fieldops.mattermost.tests.unit.python_index import Index, Static
from ansible_collections.fieldops.mattermost.tests.unit.registries import (
    OCI_INDEX,
    Authority,
    DockerRegistry,
    Image,
    digest_of,
    index,
)
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side
from ansible_collections.fieldops.mattermost.tests.unit.yum_upstream import YumUpstream
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def stated(lock: Lock) -> Dict[str, Tuple[str, ...]]:
    return {item.name: item.licenses for item in lock.items if item.kind != "blob"}


def told(lock: Lock) -> List[Tuple[str, str, str]]:
    return [(row.name, row.reason, row.because_of) for row in lock.withheld]


def forbid(side: Side, *patterns: str, on_violation: str = "withhold") -> None:
    side.bom["policy"] = {"must_not_license": list(patterns), "on_violation": on_violation}


def refused(side: Side) -> str:
    with pytest.raises(BundleError) as caught:
        side.lock()
    assert not Path(side.lock_path).exists()
    return str(caught.value)


# What is stated, and what fits it -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("MIT", ("MIT",)),
        (["MIT", "MIT", 7, None, "Apache-2.0"], ("MIT", "Apache-2.0")),
        ("  GNU General\n\tPublic  License ", ("GNU General Public License",)),
        ("evil\x1b[2J\u202e", ("evil?[2J?",)),
        ("x" * 500, ("x" * 200,)),
        (["UNKNOWN", "unknown", " ", ""], ()),
        (None, ()),
        ({"MIT": 1}, ()),
    ],
)
def test_what_metadata_states(value: object, found: Tuple[str, ...]) -> None:
    assert licences.stated(value) == found


def test_a_wheel_has_three_places() -> None:
    metadata = {
        "license_expression": "MIT OR Apache-2.0",
        "license": "BSD",
        "classifier": ["Programming Language :: Python", "License :: OSI Approved :: BSD License", 7],
    }
    assert licences.of_wheel(metadata) == ("MIT OR Apache-2.0", "BSD", "BSD License")
    assert licences.of_wheel({"classifier": "License :: x"}) == licences.of_wheel({}) == ()


def item(kind: str, name: str, *found: str, why: str = "") -> Item:
    place = {"group": "g", "architecture": "noarch"} if kind == "rpm" else {"destination": f"g/{name}"}
    return Item(kind, name, 1, sha256_bytes(f"{kind} {name}".encode()), "/x", "p", licenses=found, why=why, **place)


def lock_of(*items: Item, **policy: Any) -> Lock:
    return Lock("site", "", 1, "2026-01-01T00:00:00Z", 90, "0" * 64, items=items, policy=policy)


@pytest.mark.parametrize(
    ("text", "pattern", "fits"),
    [
        ("GPL-3.0-only", "GPL-3*", True),
        ("gplv3+", "GPLv3?", True),
        ("MIT and GPLv3+", "GPL*", True),
        ("MIT OR (GPL-3.0-only WITH GCC-exception-3.1)", "GPL-3.0-only", True),
        ("MIT OR (GPL-3.0-only WITH GCC-exception-3.1)", "MIT OR*", True),
        ("GNU General Public License v3 or later (GPLv3+)", "GPLv3*", True),
        ("MIT AND/OR GPLv2", "GPL*", True),
        ("MIT & GPLv2", "GPL*", True),
        ("BSD and or GPLv2", "GPL*", True),
        ("Sand-or-GPL", "GPL*", False),
        ("MIT-or-later", "later", False),
        ("LGPL-2.1", "GPL*", False),
        ("MIT", "mitre", False),
        ("BSD", "BS", False),
    ],
)
def test_patterns_are_held_against_the_whole_and_its_parts(text: str, pattern: str, fits: bool) -> None:
    lock = lock_of(item("wheel", "x", "Public Domain", text))
    reason = f"licence {text}, policy.must_not_license: {pattern}"
    assert licences.forbidden(lock, ["nothing", pattern]) == ({lock.items[0].sha256: reason} if fits else {})


def test_kinds_that_state_none_are_not_judged_but_told_of() -> None:
    files = [item("file", "a"), item("plugin", "b")]
    lock = lock_of(*files, item("wheel", "c", "MIT"), must_not_license=["*"])
    assert list(licences.forbidden(lock, ["*"])) == [lock.items[2].sha256]
    assert licences.unjudged(lock) == [
        "policy.must_not_license judges none of these, as their metadata states no licence: file, plugin."
    ]
    assert licences.unjudged(lock_of(*files)) == [], "who asks nothing is told nothing"
    assert licences.unjudged(lock_of(item("wheel", "c", "MIT"), must_not_license=["*"])) == []


def test_an_empty_place_is_told_of_and_can_be_refused() -> None:
    rows = [item("wheel", f"w{number}") for number in range(7)]
    lock = lock_of(*rows, item("rpm", "r", "MIT"), must_not_license=["GPL*"])
    assert licences.forbidden(lock, ["GPL*"]) == {}
    assert licences.unjudged(lock) == [
        "policy.must_not_license let pass what states no licence: wheel w0, wheel w1, wheel w2, wheel w3, wheel w4 and 2 "
        "more. The pattern unstated keeps such things back."
    ]
    found = licences.forbidden(lock, ["unstated"])
    assert set(found) == {row.sha256 for row in rows}
    assert set(found.values()) == {"licence unstated, policy.must_not_license: unstated"}


def test_what_lies_beside_an_image_goes_with_it() -> None:
    image, signature = item("image", "i:1"), item("image", "i:sha256-0.sig", why="i:1")
    of_chart = item("image", "j:1", why="chart")
    lock = lock_of(image, signature, of_chart, item("blob", "sha256:0"), must_not_license=["x"])
    assert set(licences.forbidden(lock, ["unstated"])) == {image.sha256, of_chart.sha256}
    assert [row for row in licences.unjudged(lock) if "judges none" in row] == []


# What a BOM may say, and what a lock, an SBOM and the contents ----------------------------------------------------------


def test_what_a_bom_may_say() -> None:
    files = [{"name": "x", "url": "/x", "destination": "x", "unverified": {"reason": "ours"}}]
    first = {"name": "a", "files": files, "policy": {"must_not_license": ["GPL v3*", "SSPL-1.0"]}}
    rules = Bom.parse(first).rules
    assert rules == Policy(must_not_license=("GPL v3*", "SSPL-1.0"))
    assert Policy.of_lock(json.loads(json.dumps(rules.told()))) == rules
    second = {"name": "b", "files": [{**files[0], "name": "y", "destination": "y"}]}
    second["policy"] = {"must_not_license": ["AGPL*", "SSPL-1.0"]}
    assert Bom.parse([first, second]).rules.must_not_license == ("GPL v3*", "SSPL-1.0", "AGPL*")
    for bad in ("[a]", " MIT", ""):
        with pytest.raises(
            BundleError, match=r"policy.must_not_license\[0\]: '.*' is not a licence, or a pattern with"
        ):
            Bom.parse({**first, "policy": {"must_not_license": [bad]}})


def test_a_lock_takes_them_and_does_without() -> None:
    lock = lock_of(item("wheel", "a", "MIT", "BSD License"), item("wheel", "b"))
    rows = json.loads(lock.dump())["items"]
    assert rows[0]["licenses"] == ["MIT", "BSD License"] and "licenses" not in rows[1]
    assert Lock.parse(lock.dump(), "it") == lock
    with pytest.raises(BundleError, match=r"^it: item 'a' has licenses that are not texts\.$"):
        Lock.parse(lock.dump().replace(b'"BSD License"', b"[7]"), "it")
    with pytest.raises(BundleError, match=r"licenses is 'MIT', which is not of the expected type"):
        Lock.parse(lock.dump().replace(b'["MIT", "BSD License"]', b'"MIT"'), "it")


def test_the_sbom_has_them_as_its_schema_wants() -> None:
    given = {
        "one": ("MIT OR (Apache-2.0 AND BSD-3-Clause)",),
        "two": ("MIT",),
        "three": ("MIT AND BSD-2-Clause", "BSD License"),
        "four": ("GPLv2+ and MIT",),
        "five": (),
        "six": ("MIT OR (ISC",),
    }
    data = sbom.render_sbom(lock_of(*(item("rpm", name, *found) for name, found in given.items())), "0" * 64)
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(data.decode()) is None
    assert {row["name"]: row.get("licenses") for row in json.loads(data)["components"]} == {
        "one": [{"expression": "MIT OR (Apache-2.0 AND BSD-3-Clause)"}],
        "two": [{"license": {"name": "MIT"}}],
        "three": [{"license": {"name": "MIT AND BSD-2-Clause"}}, {"license": {"name": "BSD License"}}],
        "four": [{"license": {"name": "GPLv2+ and MIT"}}],
        "five": None,
        "six": [{"license": {"name": "MIT OR (ISC"}}],
    }


def test_the_contents_have_them_and_say_what_was_not_judged() -> None:
    lock = lock_of(item("wheel", "a", "MIT", "BSD License"), item("file", "b"), must_not_license=["GPL*"])
    lines = render_contents(lock, "0" * 64, Delta()).decode().splitlines()
    assert "     licence MIT; BSD License" in lines and sum(line.startswith("     licence") for line in lines) == 1
    at = lines.index("Licences that policy did not judge")
    assert lines[at + 2] == (
        "   policy.must_not_license judges none of these, as their metadata states no licence: file."
    )
    plain = render_contents(replace(lock, policy={}), "0" * 64, Delta()).decode()
    assert "did not judge" not in plain


# apt and files: nothing is stated -------------------------------------------------------------------------------------


def test_packages_of_debian_pass_with_a_word_each_time(side: Side) -> None:
    side.upstream.add("app")
    side.upstream.publish()
    side.bom["apt"] = [side.apt("app")]
    forbid(side, "*")
    said = ["policy.must_not_license judges none of these, as their metadata states no licence: apt."]
    assert side.lock().warnings == said
    again = side.lock()
    assert (again.changed, again.warnings) == (False, said)


# rpm ------------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(bool(yum_upstream.ABSENT), reason=yum_upstream.WHY_NOT)
def test_rpm_packages(side: Side, yum: YumUpstream) -> None:
    yum.add("app", "1.0", "Requires: lib")
    yum.add("lib", "1.0", "License: MIT and GPLv3+")
    yum.add("fine", "1.0", "License: BSD-3-Clause")
    yum.publish()
    side.bom = yum_upstream.bom(yum, side.web.url, "app", "fine")
    forbid(side, "gplv3*", on_violation="stop")
    assert refused(side) == (
        "rpm lib must not be carried (licence MIT and GPLv3+, policy.must_not_license: gplv3*), but app needs it."
    )
    forbid(side, "gplv3*")
    lock = side.lock().lock
    assert stated(lock) == {"fine": ("BSD-3-Clause",)}
    assert told(lock) == [
        ("app", "needs lib", "lib"),
        ("lib", "licence MIT and GPLv3+, policy.must_not_license: gplv3*", ""),
    ]
    del side.bom["policy"]
    assert stated(side.lock().lock) == {"app": ("MIT",), "lib": ("MIT and GPLv3+",), "fine": ("BSD-3-Clause",)}


# Wheels ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def wheels(side: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Side]:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    pypi = Index(tmp_path / "pypi")
    pypi.add("demo", "1.0", requires=["helper"], about="License: UNKNOWN\nClassifier: License :: OSI Approved :: ISC\n")
    pypi.add("helper", "1.0", about="License-Expression: MIT OR AGPL-3.0-only\n")
    pypi.add("plain", "1.0")
    server = Static(pypi.root)
    row = {"name": "tools", "python": "3.9", "packages": ["demo", "plain"], "index_url": f"{server.url}/simple"}
    side.bom = {"name": "site", "wheels": [row]}
    yield side
    server.stop()


def test_wheels(wheels: Side) -> None:
    forbid(wheels, "AGPL*", on_violation="stop")
    assert refused(wheels) == (
        "wheel helper must not be carried (licence MIT OR AGPL-3.0-only, policy.must_not_license: AGPL*), but demo needs it."
    )
    forbid(wheels, "AGPL*")
    result = wheels.lock()
    assert stated(result.lock) == {"plain": ()}
    assert [name for name, _reason, _because in told(result.lock)] == ["demo", "helper"]
    assert result.warnings[-1] == (
        "policy.must_not_license let pass what states no licence: wheel plain. The pattern unstated keeps such things back."
    )
    forbid(wheels, "unstated")
    assert stated(wheels.lock().lock) == {"demo": ("ISC",), "helper": ("MIT OR AGPL-3.0-only",)}
    wheels.pack()
    volume = Path(wheels.output) / "site/volume-001"
    assert "     licence MIT OR AGPL-3.0-only" in (volume / "contents.txt").read_text().splitlines()
    rows = {row["name"]: row for row in json.loads((volume / "sbom.cdx.json").read_text())["components"]}
    assert rows["helper"]["licenses"] == [{"expression": "MIT OR AGPL-3.0-only"}]


def test_what_was_remembered_without_licences_is_asked_again(wheels: Side) -> None:
    del wheels.bom["wheels"][0]["packages"][1]
    for _round in range(2):
        wheels.lock()
        Path(wheels.lock_path).unlink()
    memory = Path(wheels.store) / "upstream.json"
    path = next(path for path in [memory, *Path(wheels.store).rglob("upstream.json")] if path.exists())
    before = json.loads(path.read_text())
    assert [row["licenses"] for row in before["wheels tools"]["wheels"]] == [["ISC"], ["MIT OR AGPL-3.0-only"]]
    assert stated(wheels.lock().lock)["demo"] == ("ISC",), "what is remembered has them too"
    before["wheels tools"]["request"] = "0" * 64
    for row in before["wheels tools"]["wheels"]:
        del row["licenses"]
    path.write_text(json.dumps(before))
    Path(wheels.lock_path).unlink()
    assert stated(wheels.lock().lock)["demo"] == ("ISC",)


# Collections ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def galaxy() -> Iterator[Galaxy]:
    server = Galaxy()
    server.add("acme.base", "1.0.0")
    server.add("acme.top", "1.0.0", {"acme.base": "*"})
    server.licences = {("acme.base", "1.0.0"): ["Apache-2.0", "SSPL-1.0"], ("acme.top", "1.0.0"): "MIT"}
    yield server
    server.stop()


def test_collections(side: Side, galaxy: Galaxy) -> None:
    tarball = side.top / "acme-site-1.0.0.tar.gz"
    tarball.write_bytes(collection("acme.site", "1.0.0"))
    local = {"name": "acme.site", "source": str(tarball), "unverified": {"reason": "ours"}}
    side.bom = {"name": "site", "collections": [{"name": "acme.top", "source": galaxy.url}, local]}
    forbid(side, "SSPL*", on_violation="stop")
    assert refused(side) == (
        "collection acme.base must not be carried (licence SSPL-1.0, policy.must_not_license: SSPL*), but acme.top needs it."
    )
    forbid(side, "SSPL*")
    lock = side.lock().lock
    assert stated(lock) == {"acme.site": ("GPL-3.0-or-later",)}
    assert [name for name, _reason, _because in told(lock)] == ["acme.base", "acme.top"]
    del side.bom["policy"]
    found = {"acme.base": ("Apache-2.0", "SSPL-1.0"), "acme.top": ("MIT",), "acme.site": ("GPL-3.0-or-later",)}
    assert stated(side.lock().lock) == found
    path = next(Path(side.store).rglob("upstream.json"))
    memory = json.loads(path.read_text())
    held = [row for key, row in memory.items() if key.startswith("collection ")]
    assert [row.pop("licenses") for row in held] == [["GPL-3.0-or-later"]]
    path.write_text(json.dumps(memory))
    Path(side.lock_path).unlink()
    assert stated(side.lock().lock) == found, "what was remembered without licences is looked at again"


# Images ---------------------------------------------------------------------------------------------------------------

KEY = "org.opencontainers.image.licenses"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    if not shutil.which("docker-registry"):
        pytest.skip("docker-registry is not installed")
    top = tmp_path_factory.mktemp("registry")
    server = DockerRegistry(top / "upstream", Authority(top / "ca"))
    yield server
    server.stop()


def test_images(side: Side, registry: DockerRegistry) -> None:
    side.client = Client(attempts=2, sleep=lambda seconds: None, keychain=Keychain.given(registry.credentials))
    labelled = Image(b"1", config={"Labels": {KEY: "AGPL-3.0-only"}})
    annotated = Image(b"2", annotations={KEY: "Apache-2.0"}, config={"Labels": None})
    plain = Image(b"3", config={"Labels": {"other": "MIT", KEY: 7}})
    for name, image in (("labelled", labelled), ("annotated", annotated), ("plain", plain)):
        registry.seed(f"team/{name}", "1", image)
    side.bom = {"name": "site", "images": []}
    for name in ("labelled", "annotated", "plain"):
        row = {"name": f"{registry.host}/team/{name}:1", "unverified": {"reason": "a test"}}
        side.bom["images"].append(row)
    place = f"{registry.host}/team/"
    found = {name[len(place) :]: texts for name, texts in stated(side.lock().lock).items()}
    assert found == {"labelled:1": ("AGPL-3.0-only",), "annotated:1": ("Apache-2.0",), "plain:1": ()}
    forbid(side, "AGPL*")
    result = side.lock()
    assert {item.name[len(place) :] for item in result.lock.items if item.kind == "image"} == {"annotated:1", "plain:1"}
    kept = {item.name for item in result.lock.items if item.kind == "blob"}
    assert kept == {digest_of(blob) for image in (annotated, plain) for blob in image.blobs}, (
        "its pieces stay away, too"
    )
    assert result.warnings[-1].startswith(
        f"policy.must_not_license let pass what states no licence: image {place}plain:1."
    )


def test_an_index_states_what_its_carried_images_state(side: Side, registry: DockerRegistry) -> None:
    side.client = Client(attempts=2, sleep=lambda seconds: None, keychain=Keychain.given(registry.credentials))
    carried = Image(b"1", config={"Labels": {KEY: "MIT"}}, annotations={KEY: "ISC"})
    stays = Image(b"2", config={"Labels": {KEY: "AGPL-3.0-only"}}, platform="linux/arm64")
    about = Image(b"3", config={"Labels": {KEY: "of no platform"}})
    artifact = Image(b"4", annotations={KEY: "CC0-1.0"}, artifactType="application/x")
    data = index(carried.describe(), stays.describe(), about.describe(annotations={}))
    for image in (carried, stays, about):
        registry.seed("team/index", image.digest, image)
    registry.seed_manifest("team/index", "1", data, OCI_INDEX)
    document = json.loads(artifact.data)
    document["config"]["mediaType"] = "application/vnd.example.config"
    artifact.data = json.dumps(document).encode()
    registry.seed("team/artifact", "1", artifact)
    reason = {"unverified": {"reason": "a test"}}
    rows = [{"name": f"{registry.host}/team/{name}:1", **reason} for name in ("index", "artifact")]
    side.bom = {"name": "site", "images": rows}
    found = {name.rpartition("/")[2]: texts for name, texts in stated(side.lock().lock).items()}
    assert found == {"index:1": ("ISC", "MIT"), "artifact:1": ("CC0-1.0",)}
