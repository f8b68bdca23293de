# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The playbook federation on two stand-ins: one operator for both, then each for his own side; proof, take-down, and no secret told."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest
from federation_sites import settings
from launcher import ADMIN, Server

PASSWORD = "courier-Secret-2026"
TEAMS = {"alpha": "operations", "bravo": "coalition"}
CHANNELS = [
    {"name": "joint-ops", "home": "alpha", "display_name": "Joint operations", "shared_with": "all"},
    {"name": "bulletins", "home": "bravo", "shared_with": ["alpha"], "read_only": ["alpha"]},
]
PLAYBOOK = "fieldops.mattermost.federation"


class Play:
    """What a run has shown."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.status = done.returncode
        self.output = done.stdout + done.stderr

    def changed(self) -> int:
        return sum(map(int, re.findall(r"\bchanged=(\d+)", self.output)))

    def well(self) -> Play:
        assert self.status == 0, self.output
        return self

    def __contains__(self, text: str) -> bool:
        """Whether it has shown a text, wherever lines were broken."""
        return re.sub(r"\s+", " ", text) in re.sub(r"\s+", " ", self.output)


class Operators:
    """Who run the playbook, on one of the sites or on both."""

    def __init__(self, folder: Path, sites: dict[str, Server]) -> None:
        self.folder, self.sites = folder, sites
        self.reports = folder / "reports"
        self.states = dict.fromkeys(sites, "present")
        self.channels: list[dict[str, Any]] = CHANNELS
        self.gone: list[str] = []
        self.others: dict[str, str] = {}  # partners without a server, with their addresses
        self.tokens: dict[str, str] = {}

    def table(self) -> dict[str, Any]:
        partners = [
            {"name": name, "site_url": site.base, "team": TEAMS[name], "state": self.states[name]}
            for name, site in self.sites.items()
        ]
        partners += [{"name": name, "site_url": address, "team": "liaison"} for name, address in self.others.items()]
        return {"topology": "mesh", "partners": partners, "channels": self.channels}

    def run(self, *options: str, on: str = "", playbook: str = PLAYBOOK, **variables: Any) -> Play:
        addresses = {**self.others, **{name: site.base for name, site in self.sites.items()}}
        hosts = {
            f"{name}-server": {"mattermost_federation_name": name, "mattermost_federation_url": address}
            for name, address in addresses.items()
            if name not in self.gone and on in ("", name)
        }
        for name, token in self.tokens.items():
            hosts[f"{name}-server"]["mattermost_federation_token"] = token
        given = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "mattermost_federation_links": self.table(),
            "mattermost_federation_admin_username": ADMIN["username"],
            "mattermost_federation_admin_password": ADMIN["password"],
            "mattermost_federation_timeout": 30,
            "mattermost_federation_report_dir": str(self.reports),
            **variables,
        }
        inventory = self.folder / "hosts.json"
        inventory.write_text(
            json.dumps({"all": {"children": {"mattermost_server": {"hosts": hosts}}, "vars": given}}), encoding="utf-8"
        )
        env = {**os.environ, "ANSIBLE_PIPELINING": "true", "ANSIBLE_FORCE_COLOR": "false", "ANSIBLE_NOCOLOR": "1"}
        command = ["ansible-playbook", "-i", str(inventory), playbook, *options]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)
        return Play(done)

    def connections(self, name: str) -> list[dict[str, Any]]:
        site = self.sites[name]
        found = site.admin("GET", "/remotecluster")
        return [row for row in found if not row["delete_at"]]

    def channel(self, name: str, channel: str) -> dict[str, Any]:
        site = self.sites[name]
        team = site.admin("GET", f"/teams/name/{TEAMS[name]}")
        status, found = site.call(
            "GET", f"/teams/{team['id']}/channels/name/{channel}?include_deleted=true", token=site.token
        )
        return found if status == 200 else {}

    def report(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.reports / f"federation-{name}.json").read_text(encoding="utf-8"))
        return found


@pytest.fixture
def operators(site: Callable[..., Server], tmp_path: Path) -> Operators:
    return Operators(tmp_path, {name: site(name) for name in ("alpha", "bravo")})


def no_secret(play: Play, *more: str) -> None:
    """The output is free of passwords, and of everything that could be an invitation."""
    for secret in (ADMIN["password"], PASSWORD, *more):
        assert secret not in play.output
    assert not re.search(r"[A-Za-z0-9_-]{150,}={0,2}", play.output)


def test_one_operator_for_both(operators: Operators) -> None:
    """Foreseen, made, not made again, reported; then one of the two leaves while its server is gone."""
    foreseen = operators.run("--check").well()
    assert foreseen.changed() > 0 and not operators.connections("alpha") and not operators.reports.exists()

    made = operators.run("-vvv", "--diff").well()
    no_secret(made)
    (at_alpha,), (at_bravo,) = operators.connections("alpha"), operators.connections("bravo")
    assert at_alpha["remote_id"] == at_bravo["remote_id"]
    for channel, home, receiver in (("joint-ops", "alpha", "bravo"), ("bulletins", "bravo", "alpha")):
        there = operators.channel(receiver, channel)
        assert there["id"] == operators.channel(home, channel)["id"] and there["shared"]
    report = operators.report("alpha")
    assert report["status"]["healthy"], report
    (link,) = report["links"]
    assert link["seen_by"] == ["alpha", "bravo"]
    assert (link["link"], link["state"], link["healthy"], link["why"]) == ("alpha - bravo", "confirmed", True, [])
    shown = {row["name"]: (row["receiver"], row["read_only"], sorted(row["crossed"])) for row in link["channels"]}
    assert shown == {"joint-ops": ("bravo", False, ["alpha", "bravo"]), "bulletins": ("alpha", True, ["bravo"])}
    assert "| alpha - bravo | confirmed |" in (operators.reports / "federation-bravo.md").read_text(encoding="utf-8")

    again = operators.run("--diff").well()
    assert again.changed() == 0, again.output

    operators.sites["bravo"].stop()
    operators.states["bravo"], operators.gone = "absent", ["bravo"]
    operators.run(mattermost_federation_departed_channels="archive").well()
    assert operators.connections("alpha") == []
    assert not operators.channel("alpha", "joint-ops")["shared"]
    left = operators.channel("alpha", "bulletins")
    assert left["delete_at"] and not left["shared"]
    assert operators.run().well().changed() == 0


def test_each_operator_for_his_own_side(operators: Operators, tmp_path: Path) -> None:
    """An invitation travels as a file, comes too early, is renewed, is accepted; both sides come to rest."""
    there, here = tmp_path / "at-alpha", tmp_path / "at-bravo"
    alpha: dict[str, Any] = {"on": "alpha", "mattermost_federation_exchange_dir": str(there)}
    alpha["mattermost_federation_passwords"] = {"bravo": PASSWORD}
    bravo: dict[str, Any] = {"on": "bravo", "mattermost_federation_exchange_dir": str(here)}
    bravo["mattermost_federation_passwords"] = {"alpha": PASSWORD}
    name = "alpha+to+bravo.invitation.json"

    early = operators.run(**bravo).well()
    assert f"Waiting for the invitation of alpha: put it at {here}/{name}." in early
    invited = operators.run("-vvv", "--diff", **alpha).well()
    no_secret(invited)
    assert stat.S_IMODE((there / name).stat().st_mode) == 0o600
    first = (there / name).read_text(encoding="utf-8")
    assert PASSWORD not in first and json.loads(first)["invitation"] not in invited.output
    operators.run(mattermost_federation_renew=["bravo"], **alpha).well()
    second = (there / name).read_text(encoding="utf-8")
    assert json.loads(second)["created"] > json.loads(first)["created"]

    here.mkdir()
    (here / name).write_text(second, encoding="utf-8")
    accepted = operators.run("-vvv", "--diff", **bravo).well()
    no_secret(accepted, json.loads(second)["invitation"])
    assert not (here / name).exists()
    operators.run(**alpha).well()
    assert not (there / name).exists()
    alpha["mattermost_federation_passwords"], bravo["mattermost_federation_passwords"] = {}, {}
    rest = operators.run(**bravo).well()
    assert rest.changed() == 0, rest.output
    assert operators.report("bravo")["status"]["healthy"] and operators.report("alpha")["status"]["healthy"]

    operators.channels = [{**CHANNELS[0], "state": "absent"}, CHANNELS[1]]
    assert operators.run(**alpha).well().changed() == 1
    assert not operators.channel("alpha", "joint-ops")["shared"]
    operators.run(**bravo).well()
    assert not operators.channel("bravo", "joint-ops")["shared"]
    assert not operators.channel("bravo", "joint-ops")["delete_at"]


def test_an_invitation_that_has_expired_is_made_anew(operators: Operators, tmp_path: Path) -> None:
    """Made two days ago, and nobody came for it: the next run replaces it, unasked, and the other side is let in by the new one."""
    exchange = tmp_path / "exchange"
    place: dict[str, Any] = {"mattermost_federation_exchange_dir": str(exchange)}
    alpha = {"on": "alpha", "mattermost_federation_passwords": {"bravo": PASSWORD}, **place}
    bravo = {"on": "bravo", "mattermost_federation_passwords": {"alpha": PASSWORD}, **place}
    site, file = operators.sites["alpha"], exchange / "alpha+to+bravo.invitation.json"
    site.env["STANDIN_CLOCK_SHIFT"] = str(-(48 * 3600 + 60))
    site.restart()
    operators.run(**alpha).well()
    first = json.loads(file.read_text(encoding="utf-8"))
    del site.env["STANDIN_CLOCK_SHIFT"]
    site.restart()

    operators.run(**alpha).well()
    second = json.loads(file.read_text(encoding="utf-8"))
    assert second["created"] > first["expires"] and second["invitation"] != first["invitation"]
    assert len(operators.connections("alpha")) == 1
    operators.run(**bravo).well()
    operators.run(**alpha).well()
    assert operators.report("alpha")["status"]["healthy"] and not file.exists()


def test_all_that_is_wrong_is_said_before_anything_is_touched(operators: Operators) -> None:
    """By both servers, in one run."""
    operators.sites["alpha"].admin("PUT", "/config/patch", {"TeamSettings": {"RestrictCreationToDomains": "a.example"}})
    taken = operators.sites["bravo"]
    team = taken.admin("POST", "/teams", {"name": "coalition", "display_name": "Coalition", "type": "I"})
    taken.admin("POST", "/channels", {"team_id": team["id"], "name": "joint-ops", "display_name": "Taken", "type": "P"})
    play = operators.run()
    assert play.status != 0 and play.changed() == 0
    assert "TeamSettings.RestrictCreationToDomains is set." in play, play.output
    assert (
        "The channel joint-ops of alpha cannot arrive in the team coalition: a channel has that name there" in play
    ), play.output
    assert operators.connections("alpha") == [] and operators.connections("bravo") == []


def test_a_partner_that_is_missing_today_waits(operators: Operators, tmp_path: Path) -> None:
    """Nobody has agreed on a password with it, because one operator does it for all: the others are linked, and the report says so.

    With a partner that no inventory has, a password is missing for certain, and nothing is touched.
    """
    operators.others = {"charlie": "http://127.0.0.1:9"}
    place = {"mattermost_federation_exchange_dir": str(tmp_path / "exchange")}
    operators.channels = [{**CHANNELS[0], "shared_with": ["bravo"]}]
    operators.gone = ["charlie"]
    stopped = operators.run(**place)
    assert stopped.status != 0 and stopped.changed() == 0
    assert "mattermost_federation_passwords has none for charlie, which is not in this play" in stopped, stopped.output

    operators.gone = []
    operators.run("--limit", "!charlie-server", **place).well()
    assert not (tmp_path / "exchange").exists()
    assert [row["name"] for row in operators.connections("alpha")] == ["bravo"]
    links = {link["link"]: link for link in operators.report("alpha")["links"]}
    assert links["alpha - bravo"]["healthy"] and not links["alpha - charlie"]["healthy"]
    (why,) = links["alpha - charlie"]["why"]
    assert why.startswith(
        "alpha says: charlie is in the inventory, but not in this play: run again when its hosts can be reached"
    )
    assert operators.run("--limit", "!charlie-server", **place).well().changed() == 0


def test_a_partner_whose_server_is_unfit_leaves(operators: Operators) -> None:
    """It has moved, and runs without connected workspaces: that stops nobody, is told, and is made good when it can be."""
    operators.run().well()
    bravo, switches = operators.sites["bravo"], settings("11.6.0")
    bravo.admin("PUT", "/config/patch", {"ServiceSettings": {"SiteURL": "http://127.0.0.1:9"}})
    bravo.env.update(dict.fromkeys(switches, "false"))
    bravo.restart()
    operators.states["bravo"] = "absent"
    play = operators.run()
    assert play.status != 0 and re.search(r"alpha-server\s*:.* failed=0", play.output), play.output
    assert operators.connections("alpha") == [] and not operators.channel("alpha", "joint-ops")["shared"]
    (link,) = operators.report("alpha")["links"]
    assert any(why.startswith("bravo says: The server runs without connected workspaces.") for why in link["why"])

    bravo.env.update(switches)
    bravo.restart()
    operators.run().well()
    assert operators.connections("bravo") == [] and not operators.channel("bravo", "bulletins")["shared"]
