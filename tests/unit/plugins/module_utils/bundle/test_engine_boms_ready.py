# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ready bills of materials: what can be used as it is, what the operator has to fill in first, and what goes together."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any, Dict, List

import pytest
import yaml
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.bom import Bom
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.lock import Lock
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.reader import FILL
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.resolve import make_lock
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources import mattermost
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.apt_host import Host

HOME = Path(__file__).resolve().parents[5]
FOLDER = HOME / "playbooks/bom"
READY = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yml"))}
AS_THEY_ARE = ("control-node", "control-node-debian-13", "debian-12", "debian-13", "mattermost-11.7")
OPEN = [name for name in READY if name not in AS_THEY_ARE]
# The tabs of the architecture's page on air gaps, each with all its options.
TABS = {
    "linux": ["mattermost-11.7", "debian-12", "calls-linux", "search-linux", "monitoring-linux"],
    "kubernetes": [
        "kubernetes",
        *(f"{part}-kubernetes" for part in ("database", "ingress", "calls", "search", "monitoring")),
    ],
    "docker": ["docker", "calls-docker", "search-docker", "monitoring-docker"],
}
BESIDE = ["desktop", "documentation", "control-node"]


def filled(value: Any, key: str = "") -> Any:
    """What an operator would put in the place of each open value."""
    if isinstance(value, dict):
        return {name: filled(row, name) for name, row in value.items()}
    if isinstance(value, list):
        return [filled(row, key) for row in value]
    if not isinstance(value, str) or not value.startswith(FILL):
        return value
    told = value[len(FILL) :].strip()
    answers = {
        "sha256": "a" * 64,
        "digest": f"sha256:{'b' * 64}",
        "version": "9.1.0",
        "keyring": "/etc/fieldops-bundle/key.asc",
        "url": told.replace("VERSION", "9.1.0")
        .replace("COMMIT", "c" * 40)
        .split()[-1 if "as http" in told else 0]
        .rstrip(","),
        "name": told.split(",")[0].replace("VERSION", "9.1.0"),
        "reason": "Compared with what the publisher says.",
    }
    if key == "url" and not answers["url"].startswith("https://"):
        answers["url"] = "https://downloads.example.com/package.deb"
    return answers[key]


def open_values(value: Any) -> List[str]:
    if isinstance(value, dict):
        return [told for row in value.values() for told in open_values(row)]
    if isinstance(value, list):
        return [told for row in value for told in open_values(row)]
    return [value] if isinstance(value, str) and value.startswith(FILL) else []


def test_every_ready_bom_is_known_here() -> None:
    told = {name for names in TABS.values() for name in names} | {*BESIDE, "debian-13", "control-node-debian-13"}
    assert told == set(READY)
    assert all(document["name"] == name for name, document in READY.items())


@pytest.mark.parametrize("name", AS_THEY_ARE)
def test_what_is_complete_is_accepted(name: str) -> None:
    assert not open_values(READY[name])
    Bom.parse(READY[name])


@pytest.mark.parametrize("name", OPEN)
def test_what_is_open_is_refused_and_says_what_to_fill_in(name: str) -> None:
    document = READY[name]
    assert open_values(document)
    with pytest.raises(BundleError) as caught:
        Bom.parse(document)
    _head, *problems = str(caught.value).splitlines()
    assert problems and all(": is left for you to fill in: " in problem for problem in problems)


@pytest.mark.parametrize("name", OPEN)
def test_filled_in_it_is_accepted(name: str) -> None:
    document = filled(copy.deepcopy(READY[name]))
    assert not open_values(document)
    Bom.parse(document)


@pytest.mark.parametrize("tab", TABS)
def test_a_tab_and_all_its_options_go_together(tab: str) -> None:
    bom = Bom.parse([filled(copy.deepcopy(READY[name])) for name in [*TABS[tab], *BESIDE]])
    assert bom.name == TABS[tab][0]
    assert {item.name for item in bom.wheels} == {"control-node"}
    if tab != "linux":
        names = [item.name for item in bom.images] + [image.name for chart in bom.charts for image in chart.images]
        assert [name for name in names if "enterprise-edition:11.7.9" in name]


def test_calls_is_carried_as_its_plugin_wants_it() -> None:
    """The tags of the images are those that the manifest of this version of the plugin names."""
    needs = {"min_rtcd_version": "v0.17.0", "min_offloader_version": "v0.9.0"}
    needs.update({"calls_recorder_version": "v0.8.13", "calls_transcriber_version": "v0.7.2"})
    for tab in ("linux", "docker", "kubernetes"):
        bom = Bom.parse(filled(copy.deepcopy(READY[f"calls-{tab}"])))
        (plugin,) = [item for item in bom.files if item.kind == "plugin"]
        assert plugin.version == "1.12.2" and plugin.signature is not None
        there = {item.reference.name.rpartition("/")[2].partition("@")[0] for item in bom.images}
        there |= {f"{item.name}:{item.version}" for item in bom.files}
        for part in mattermost.PARTS:
            versions = [told.partition(":")[2] for told in there if told.partition(":")[0] == part.name]
            assert versions and all(mattermost._fits(part, version, needs[part.prop]) for version in versions), part


def test_the_control_node_has_what_the_collection_needs() -> None:
    galaxy = yaml.safe_load((HOME / "galaxy.yml").read_text())
    for name in ("control-node", "control-node-debian-13"):
        document = READY[name]
        rows = {row["name"]: row["version"] for row in document["collections"]}
        own = f"{galaxy['namespace']}.{galaxy['name']}"
        assert {*galaxy["dependencies"], own} == set(rows)
        assert all(rows[key].startswith(wanted) for key, wanted in galaxy["dependencies"].items())
        packages = " ".join(document["wheels"][0]["packages"])
        wanted = (HOME / "meta/ee-requirements.txt").read_text().split("\n")
        assert all(line in packages for line in wanted if line and not line.startswith("#"))
    assert READY["control-node"]["collections"] == READY["control-node-debian-13"]["collections"]


@pytest.mark.skipif(
    "FIELDOPS_NETWORK" not in os.environ, reason="asks the mirrors of this machine: set FIELDOPS_NETWORK"
)
@pytest.mark.parametrize(
    "names",
    [
        ["debian-12"],
        ["debian-13"],
        ["control-node"],
        ["control-node-debian-13"],
        ["monitoring-linux"],
        ["documentation"],
    ],
)
def test_what_can_be_resolved_here_is(tmp_path: Path, names: List[str]) -> None:
    """The apt and wheel sections against the sources that this machine is configured to use."""
    rows: List[Dict[str, Any]] = []
    for name in names:
        document = READY[name]
        rows.append({key: document[key] for key in ("name", "description", "apt", "wheels") if key in document})
    path = str(tmp_path / "x.lock.json")
    result = make_lock(Bom.parse(rows), path=path, store=str(tmp_path / "store"), host=Host())
    lock = Lock.read(path)
    asked = {name for repository in result.lock.repositories for name in repository.packages}
    assert asked <= {item.name for item in lock.items}
    assert len(lock.items) > len(asked)
