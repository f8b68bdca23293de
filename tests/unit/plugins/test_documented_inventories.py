# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The inventories of docs/inventory, as Ansible reads them: their variables are those of the roles, and their tables have no mistakes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.fieldops.mattermost.plugins.filter.federation import federation_part, federation_problems
from ansible_collections.fieldops.mattermost.plugins.filter.mission_partner import COMPONENTS

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTED = {
    "one_host": "air_gapped",
    "three_tiers": "air_gapped",
    "existing_services": "air_gapped",
    "one_partner": "mission_partner",
    "two_partners": "mission_partner",
}
LENGTH = 14  # of passwords, at least
# The inventory itself, without a role: each host's variables, with their templates filled in.
SAY = [
    {
        "hosts": "all",
        "gather_facts": False,
        "vars": {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "ansible_become": False,
            "names": "{{ query('ansible.builtin.varnames', '^(air_gapped|mission_partner)_') + ['group_names'] }}",
        },
        "tasks": [
            {"ansible.builtin.file": {"path": "{{ playbook_dir }}/said", "state": "directory", "mode": "0700"}},
            {
                "ansible.builtin.copy": {
                    "dest": "{{ playbook_dir }}/said/{{ inventory_hostname }}.json",
                    "content": "{{ dict(names | zip(query('ansible.builtin.vars', *names))) | to_json }}",
                    "mode": "0600",
                }
            },
        ],
    }
]


def options(role: str) -> dict[str, dict[str, Any]]:
    spec = yaml.safe_load((ROOT / f"roles/{role}/meta/argument_specs.yml").read_text(encoding="utf-8"))
    found: dict[str, dict[str, Any]] = spec["argument_specs"]["main"]["options"]
    return found


def read(name: str, folder: Path) -> dict[str, dict[str, Any]]:
    """What the inventory says of each host, in values, with what an operator puts beside it: a vault, and files."""
    source = folder / "hosts.yml"
    shutil.copy(ROOT / "docs/inventory" / name / "hosts.yml", source)
    text = source.read_text(encoding="utf-8")
    for file in re.findall(r"lookup\('ansible\.builtin\.file', inventory_dir ~ '/([^']+)'\)", text):
        (folder / file).write_text("-----BEGIN CERTIFICATE-----\n", encoding="utf-8")
    vault = {secret: f"{secret} of {LENGTH} characters" for secret in re.findall(r"\bvault_\w+", text)}
    play = folder / "say.json"
    play.write_text(json.dumps(SAY), encoding="utf-8")
    command = ["ansible-playbook", "-i", str(source), "-e", json.dumps(vault), str(play)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (folder / "said").iterdir()}


def test_all_inventories_are_looked_at() -> None:
    assert {path.name for path in (ROOT / "docs/inventory").iterdir()} == set(DOCUMENTED)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_role_takes_what_the_inventory_gives(name: str, tmp_path: Path) -> None:
    """Each variable is one of the role, with a value of the type it asks for, and none that it needs is missing."""
    role = DOCUMENTED[name]
    known = options(role)
    for host, variables in read(name, tmp_path).items():
        given = {key: value for key, value in variables.items() if key.startswith(f"{role}_")}
        assert given.keys() <= known.keys(), host
        assert ArgumentSpecValidator(known).validate(given).error_messages == [], host
        assert set(variables["group_names"]) & {*COMPONENTS, "mattermost_depot"}, f"{host} is in no group of the role"


@pytest.mark.parametrize("name", [name for name, role in DOCUMENTED.items() if role == "mission_partner"])
def test_the_table_of_links_is_sound(name: str, tmp_path: Path) -> None:
    """For each organisation of the inventory, which meets the others in it or has a password for them."""
    hosts = read(name, tmp_path).values()
    here = {variables["mission_partner_name"]: variables for variables in hosts}
    for own, variables in here.items():
        table = variables["mission_partner_links"]
        assert federation_problems(table, own) == []
        part = federation_part(table, own)
        assert part["site_url"] == variables["mission_partner_site_url"]
        peers = {connection["peer"] for connection in part["connections"]}
        assert peers and peers == set(variables["mission_partner_partner_networks"]) - {own}
        assert peers - set(here) == set(variables.get("mission_partner_passwords", {}))
        assert part["channels"] + part["arrivals"]


def test_a_partner_is_taken_out_of_the_table_as_the_tutorial_says() -> None:
    """First it leaves, its channels in the table still; then its row goes, and those with it."""
    text = (ROOT / "docs/inventory/two_partners/hosts.yml").read_text(encoding="utf-8")
    table = yaml.safe_load(text)["all"]["vars"]["mission_partner_links"]
    tutorial = (ROOT / "docs/tutorial_mission_partner.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^ +- ({name: bravo, .*state: absent})$", tutorial, re.M)
    here, channels = table["partners"][0], table["channels"]
    assert federation_problems({**table, "partners": [here, yaml.safe_load(line)]}, "alpha") == []
    assert federation_problems({**table, "partners": [here]}, "alpha") != []
    left = [channel for channel in channels if channel["home"] == "alpha"]
    assert federation_problems({**table, "partners": [here], "channels": left}, "alpha") == []


@pytest.mark.parametrize("name", DOCUMENTED)
def test_what_comes_to_lie_beside_an_inventory_is_not_read_as_one(name: str, tmp_path: Path) -> None:
    """Ansible reads a directory whole: the keys of authorities, and reports as groups. So tutorials name the file."""
    tutorial = (ROOT / f"docs/tutorial_{DOCUMENTED[name]}.md").read_text(encoding="utf-8")
    (given,) = set(re.findall(r"ansible-playbook.* -i (\S+)", tutorial))
    beside = {
        "group_vars/all/vault.yml": "vault_beside: it is read\n",
        "site-ca/ca.pem": "-----BEGIN CERTIFICATE-----\n",
        "federation-report/federation-alpha.json": '{"status": {"name": "alpha"}, "links": []}\n',
    }
    for file, text in beside.items():
        place = tmp_path / "inventory" / file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "docs/inventory" / name / "hosts.yml", tmp_path / "inventory")
    command = ["ansible-inventory", "-i", given, "--list"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "vault_beside" in done.stdout and "status" not in json.loads(done.stdout)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_secrets_come_from_a_vault(name: str) -> None:
    text = (ROOT / "docs/inventory" / name / "hosts.yml").read_text(encoding="utf-8")
    secret = {key for key, option in options(DOCUMENTED[name]).items() if option.get("no_log")}
    for key, value in re.findall(r"^\s+(\w+): (.+)$", text, re.M):
        assert key not in secret or re.fullmatch(r'"{{ vault_\w+ }}"', value), key
