# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The playbook federation on servers that ask everybody for a second factor: a bot's token on one side, a person's on the other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Callable

import pytest
from federation_sites import FACTOR, messages
from launcher import ADMIN, Server
from test_federation_role import Operators, no_secret
from test_standin_licensed_clients import code

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "federation.md"
CHANNELS = [
    {"name": "bulletins", "home": "alpha", "shared_with": ["bravo"], "read_only": ["bravo"]},
    {"name": "joint-ops", "home": "bravo", "display_name": "Joint operations", "shared_with": ["alpha"]},
]


@pytest.fixture
def operators(site: Callable[..., Server], tmp_path: Path) -> Operators:
    found = Operators(tmp_path, {name: site(name) for name in ("alpha", "bravo")})
    found.channels = CHANNELS
    return found


def guide() -> str:
    """The play of the guide that makes the bot."""
    (found,) = re.findall(r"^```yaml\n(- name: Make a bot that federates\n.*?)^```$", GUIDE.read_text(), re.S | re.M)
    assert isinstance(found, str)
    return found


def bot_by_the_guide(operators: Operators, name: str) -> str:
    play = operators.folder / "bot.yml"
    play.write_text(guide(), encoding="utf-8")
    made = operators.run("-vvv", "--diff", on=name, playbook=str(play)).well()
    token = (operators.folder / f"{name}.token").read_text(encoding="utf-8")
    no_secret(made, token)
    assert operators.run(on=name, playbook=str(play)).well().changed() == 0
    return token


def token_of_a_person(site: Server) -> str:
    """Of the first administrator, who sets the second factor up."""
    own = site.admin("GET", "/users/me")["id"]
    site.admin("PUT", "/config/patch", {"ServiceSettings": {**FACTOR, "EnableUserAccessTokens": True}})
    token: str = ""
    secret = site.admin("POST", f"/users/{own}/mfa/generate")["secret"]
    site.admin("PUT", f"/users/{own}/mfa", {"activate": True, "code": code(secret)})
    token = site.admin("POST", f"/users/{own}/tokens", {"description": "federation"})["token"]
    return token


def as_token(operators: Operators, name: str, method: str, path: str) -> Any:
    status, found = operators.sites[name].call(method, path, token=operators.tokens[name])
    assert status == 200, found
    return found


def test_federation_where_everybody_needs_a_second_factor(operators: Operators) -> None:
    """Refused with passwords, said so; with tokens foreseen, made, proved, not made again, and taken down."""
    alpha, bravo = operators.sites["alpha"], operators.sites["bravo"]
    # What a person has made before: the bot shares it without being a member.
    team = alpha.admin("POST", "/teams", {"name": "operations", "display_name": "Operations", "type": "I"})["id"]
    alpha.admin("POST", "/channels", {"team_id": team, "name": "bulletins", "display_name": "Bulletins", "type": "P"})
    tokens = {"alpha": bot_by_the_guide(operators, "alpha"), "bravo": token_of_a_person(bravo)}
    alpha.admin("PUT", "/config/patch", {"ServiceSettings": FACTOR})

    refused = operators.run()
    assert refused.status != 0 and refused.changed() == 0
    assert "The server demands multi-factor authentication of this account." in refused, refused.output
    assert "The account uses multi-factor authentication." in refused, refused.output

    operators.tokens = tokens
    nobody: dict[str, Any] = {"mattermost_federation_admin_username": "", "mattermost_federation_admin_password": ""}
    assert operators.run("--check", **nobody).well().changed() > 0
    made = operators.run("-vvv", "--diff", **nobody).well()
    no_secret(made, *tokens.values())
    (link,) = operators.report("alpha")["links"]
    assert (link["state"], link["healthy"], link["why"]) == ("confirmed", True, [])
    shown = {row["name"]: (row["receiver"], row["read_only"], sorted(row["crossed"])) for row in link["channels"]}
    assert shown == {"bulletins": ("bravo", True, ["alpha"]), "joint-ops": ("alpha", False, ["alpha", "bravo"])}

    bot = as_token(operators, "alpha", "GET", "/users/username/federation")
    assert as_token(operators, "alpha", "GET", "/remotecluster")[0]["creator_id"] == bot["id"]
    channel = as_token(operators, "alpha", "GET", f"/teams/{team}/channels/name/bulletins")["id"]
    members = as_token(operators, "alpha", "GET", f"/channels/{channel}/members")
    assert bot["id"] not in [member["user_id"] for member in members]
    for name in ("alpha", "bravo"):
        site = operators.sites[name]
        site.token = tokens[name]
        assert messages(site, channel) == [], "no marker is left"

    again = operators.run("--diff").well()
    assert again.changed() == 0, again.output
    operators.states["bravo"] = "absent"
    operators.run().well()
    assert operators.connections("alpha") == operators.connections("bravo") == []
    assert not operators.channel("alpha", "bulletins")["shared"]


def test_without_any_account_nothing_is_asked(operators: Operators) -> None:
    play = operators.run(mattermost_federation_admin_password="")
    assert play.status != 0
    assert "Nothing says as whom to speak to the server: give mattermost_federation_token" in play, play.output
    assert ADMIN["password"] not in play.output
