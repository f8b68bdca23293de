# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Charlie has left while it was not there: nothing of the link is left at the others, and they go on."""

from __future__ import annotations

import uuid

from conftest import GATEWAYS, TUNNEL, needs_licence, reaches, run, until


def test_the_tunnel_and_the_authority_are_gone():
    allowed = run("alpha-gateway", "wg", "show", "wg-partners", "allowed-ips").stdout
    assert TUNNEL["bravo"] in allowed
    assert TUNNEL["charlie"] not in allowed
    trusted = run("alpha-server", "sh", "-c", "ls /usr/local/share/ca-certificates").stdout.split()
    assert trusted == ["mattermost-partner-bravo.crt"]
    assert "chat.charlie.example" not in run("alpha-server", "cat", "/etc/hosts").stdout


def test_charlie_reaches_nobody_any_more():
    assert not reaches(GATEWAYS["charlie"], TUNNEL["alpha"], 443)


@needs_licence
def test_no_orphan_is_left(alpha):
    connections = alpha.operator.ask("GET", "/remotecluster?per_page=200")
    assert {one["name"] for one in connections} == {"bravo"}
    for one in connections:
        links = alpha.operator.ask(
            "GET", f"/remotecluster/{one['remote_id']}/sharedchannelremotes?include_unconfirmed=true"
        )
        names = {alpha.operator.ask("GET", f"/channels/{link['channel_id']}")["name"] for link in links}
        assert names == {"joint-ops", "alpha-bravo", "bulletins"}


@needs_licence
def test_the_others_go_on(alpha, bravo):
    text = f"without charlie {uuid.uuid4()}"
    bravo.post("joint-ops", text)
    until(lambda: alpha.sees("joint-ops", text), what="bravo's post at alpha")
