# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control node of the isolated side, put up from the bundle alone in a container that has no network but its own loopback.

Needs podman, this machine's apt and pip sources, and minutes: set FIELDOPS_CONTAINERS to run it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List

import pytest
import yaml
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.bom import Bom
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.depot import Depot
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import Keyring, SigningKey
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.pack import Packer
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.resolve import make_lock

HOME = Path(__file__).resolve().parents[5]
IMAGES = os.environ.get("FIELDOPS_CONTROL_NODE_IMAGES", "localhost/fieldops-mattermost")
COLLECTIONS = Path(os.environ.get("FIELDOPS_COLLECTIONS", ".")) / "ansible_collections"
WITHOUT = pytest.mark.skipif(
    "FIELDOPS_CONTAINERS" not in os.environ, reason="set FIELDOPS_CONTAINERS to run containers"
)

# What docs/control_node.md tells an operator to do, each time with a play that uses what was installed.
SCRIPT = r"""
set -euo pipefail
suite=$1 set=$2 release=$3
test "$(ls /sys/class/net)" = lo
! timeout 5 bash -c 'exec 3<>/dev/tcp/192.0.2.1/80' 2>/dev/null
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/apt/apt.conf.d/99mmdebstrap
export DEBIAN_FRONTEND=noninteractive

echo == The first time: from the medium, without a depot
volume=/medium/volume-001
printf '%s\n' 'Types: deb' "URIs: file:$volume" "Suites: $suite" 'Components: main' \
    'Signed-By: /given/bundle-key.asc' >/etc/apt/sources.list.d/medium.sources
apt-get -q update
apt-get -q -y --no-install-recommends install python3-venv openssh-client gnupg gpgv
python3 - "$volume" /tmp/first <<'PYTHON'
import json, pathlib, shutil, sys
volume, target = map(pathlib.Path, sys.argv[1:])
for item in json.loads((volume / "lock.json").read_text())["items"]:
    source = volume / "objects/sha256" / item["sha256"][:2] / item["sha256"]
    if item["kind"] in ("wheel", "collection") and source.exists():
        place = target / item["kind"] / pathlib.PurePath(item["destination"]).name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
PYTHON
python3 -m venv /opt/first
/opt/first/bin/pip install --isolated --no-index --find-links /tmp/first/wheel ansible-core jmespath netaddr cryptography
/opt/first/bin/ansible-galaxy collection install --offline /tmp/first/collection/*.tar.gz -p /opt/first/collections
ANSIBLE_COLLECTIONS_PATH=/opt/first/collections /opt/first/bin/ansible-playbook -i localhost, -e name=$set -e release=$release /given/play.yml

echo == Later: from the depot
rm /etc/apt/sources.list.d/medium.sources
python3 -m http.server --bind 127.0.0.1 --directory /depot/current 8000 >/dev/null 2>&1 &
depot=http://127.0.0.1:8000
until python3 -c "import urllib.request; urllib.request.urlopen('$depot')" 2>/dev/null; do sleep 0.2; done
install -D -m 0644 /depot/current/depot-key.asc /etc/apt/keyrings/mattermost-depot.asc
printf '%s\n' 'Types: deb' "URIs: $depot/apt/$suite" "Suites: $suite" 'Components: main' \
    'Signed-By: /etc/apt/keyrings/mattermost-depot.asc' >/etc/apt/sources.list.d/depot.sources
apt-get -q update
apt-get -q -y --no-install-recommends install python3-venv openssh-client sshpass gnupg gpgv rsync
python3 -m venv /opt/ansible
/opt/ansible/bin/pip install --isolated --no-cache-dir --disable-pip-version-check --require-hashes \
    --index-url "$depot/wheels/$set/simple/" -r "$depot/wheels/$set/requirements.txt"
export PATH=/opt/ansible/bin:$PATH
printf '%s\n' '[galaxy]' 'server_list = depot' '[galaxy_server.depot]' "url = $depot/collections/api/" >/etc/ansible.cfg
export ANSIBLE_CONFIG=/etc/ansible.cfg
ansible-galaxy collection install fieldops.mattermost
ansible-galaxy collection list
ansible-playbook --version
ansible-playbook -i localhost, -e name=$set -e release=$release /given/play.yml
"""
PLAY = r"""
- name: Use what came with the bundle
  hosts: localhost
  connection: local
  gather_facts: true
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  tasks:
    - name: Verify the medium that this machine was put up from
      fieldops.mattermost.bundle_info:
        path: /medium
        keyring: /given/bundle-key.asc
      register: medium

    - name: Make a key, as the roles do
      community.crypto.openssl_privatekey:
        path: /root/key.pem
        type: Ed25519

    - name: Ask what the filters ask
      ansible.builtin.assert:
        that:
          - medium.bundle.name == name
          - "{'a': [1, 2]} | community.general.json_query('a[1]') == 2"
          - ansible_facts['distribution_release'] == release

    - name: Say so
      ansible.builtin.debug:
        msg: "the control node works, version {{ medium.bundle.version }}"
"""


def build(source: Path, output: Path) -> Path:
    """A tarball by ansible-galaxy; an installed collection first gets the galaxy.yml that it was made from."""
    if not (source / "galaxy.yml").exists():
        copy = output / source.name
        shutil.copytree(source, copy, symlinks=True)
        info = json.loads((copy / "MANIFEST.json").read_text())["collection_info"]
        info.pop("license_file" if info.get("license") else "license", None)
        (copy / "galaxy.yml").write_text(
            yaml.safe_dump({key: value for key, value in info.items() if value is not None})
        )
        for name in ("MANIFEST.json", "FILES.json"):
            (copy / name).unlink()
        source = copy
    argv = [sys.executable, "-m", "ansible", "galaxy", "collection", "build", str(source), "--output-path", str(output)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip().splitlines()[-1].split(" at ", 1)[1])


def rows(bom: str, output: Path) -> List[Dict[str, Any]]:
    """The collections of the ready BOM, as tarballs that were built here, for there may be no Galaxy server."""
    found = []
    for row in yaml.safe_load((HOME / f"playbooks/bom/{bom}.yml").read_text())["collections"]:
        own = row["name"] == "fieldops.mattermost"
        path = build(HOME if own else COLLECTIONS / row["name"].replace(".", "/"), output)
        found.append({**row, "source": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
    return found


def test_the_guide_says_what_is_tested() -> None:
    """The program that an operator is to type, and the options of each tool, are those of the script here."""
    guide = (HOME / "docs/control_node.md").read_text()
    program = guide.partition("<<'PYTHON'\n")[2].partition("PYTHON\n")[0]
    assert program.count("\n") > 5 and program in SCRIPT
    commands = (
        "pip install --isolated --no-index --find-links /tmp/first/wheel ansible-core jmespath netaddr cryptography",
        "ansible-galaxy collection install --offline /tmp/first/collection/*.tar.gz",
        "ansible-galaxy collection install fieldops.mattermost",
        "/collections/api/",
        "--require-hashes",
    )
    assert all(told in guide and told in SCRIPT for told in commands)


def test_the_program_of_the_guide_takes_from_each_volume_what_lies_there(tmp_path: Path) -> None:
    program = (HOME / "docs/control_node.md").read_text().partition("<<'PYTHON'\n")[2].partition("PYTHON\n")[0]
    items = [
        {"kind": kind, "sha256": hashlib.sha256(kind.encode()).hexdigest(), "destination": f"set/{kind}.file"}
        for kind in ("wheel", "collection", "apt")
    ]
    for number, item in enumerate(items):
        place = tmp_path / f"volume-{number}" / "objects/sha256" / item["sha256"][:2]
        place.mkdir(parents=True)
        (place / item["sha256"]).write_text(item["kind"])
        (tmp_path / f"volume-{number}/lock.json").write_text(json.dumps({"items": items}))
        argv = [sys.executable, "-", str(tmp_path / f"volume-{number}"), str(tmp_path / "first")]
        subprocess.run(argv, input=program, text=True, check=True)
    found = {path.relative_to(tmp_path / "first"): path.read_text() for path in (tmp_path / "first").rglob("*.file")}
    assert found == {Path(f"{kind}/{kind}.file"): kind for kind in ("wheel", "collection")}


@WITHOUT
@pytest.mark.parametrize(
    ("bom", "suite", "release"),
    [("control-node", "debian-12", "bookworm"), ("control-node-debian-13", "debian-13", "trixie")],
)
def test_it_is_put_up_with_no_way_out(
    tmp_path: Path, keys: Dict[str, SigningKey], bom: str, suite: str, release: str
) -> None:
    document = yaml.safe_load((HOME / f"playbooks/bom/{bom}.yml").read_text())
    document["collections"] = rows(bom, tmp_path)
    given = tmp_path / "given"
    given.mkdir()
    lock, store, now = str(tmp_path / "x.lock.json"), str(tmp_path / "store"), time.time()
    make_lock(Bom.parse(document), path=lock, store=store)
    Packer(lock_path=lock, store=store, output=str(tmp_path / "out"), key=keys["bundle"]).run()
    ring = Keyring([keys["bundle"].public_key()], what="the bundle key")
    medium = tmp_path / "out" / bom
    Depot(str(tmp_path / "depot"), key=keys["depot"]).publish([str(medium)], ring, now=now)
    (given / "bundle-key.asc").write_bytes(keys["bundle"].public_key())
    (given / "play.yml").write_text(PLAY)
    (given / "script.sh").write_text(SCRIPT)
    argv = ["podman", "run", "--rm", "--network", "none", "--runtime", "runc"]
    argv += ["--ulimit", "nofile=10000:10000", "--ulimit", "nproc=20000:20000"]
    argv += ["-v", f"{tmp_path / 'depot'}:/depot:ro", "-v", f"{medium}:/medium:ro", "-v", f"{given}:/given:ro"]
    argv += [f"{IMAGES}/{release}", "bash", "/given/script.sh", suite, bom, release]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    assert "ansible-playbook [core 2.19." in done.stdout
    assert done.stdout.count('"msg": "the control node works, version ') == 2 == done.stdout.count("failed=0")
