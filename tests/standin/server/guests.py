# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Guest accounts: what they see of others, how they come and go, and the letter that invites them."""

from __future__ import annotations

import json
import smtplib
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from server import permissions, places
from server.database import Row
from server.errors import forbidden
from server.http import Request
from server.ids import new_id, now

if TYPE_CHECKING:
    from server.app import App

INVITATION = "guest_invitation"
_VIEW = "view_members"
_SHARES_A_CHANNEL = (
    "id IN (SELECT userid FROM channelmembers WHERE channelid IN "
    "(SELECT channelid FROM channelmembers WHERE userid = :viewer))"
)


def seen_by(app: App, request: Request) -> tuple[str, dict[str, Any]]:
    """An SQL condition on users: those the caller may see. Guests see who is in a channel with them."""
    if request.user is None or permissions.has_permission(app, request, _VIEW):
        return "TRUE", {}
    return f"(id = :viewer OR {_SHARES_A_CHANNEL})", {"viewer": request.user["id"]}


def require_seen(app: App, request: Request, user: Row) -> None:
    condition, values = seen_by(app, request)
    if condition != "TRUE" and not app.store.find("users", condition, values=values, id=user["id"]):
        raise forbidden()


def demote(app: App, user: Row) -> None:
    app.store.update("users", user, roles="system_guest", update_at=now())
    _mark(app, user, guest=True)


def promote(app: App, user: Row) -> None:
    roles = ["system_user" if name == "system_guest" else name for name in user["roles"].split()]
    user = app.store.update("users", user, roles=" ".join(roles), update_at=now())
    _mark(app, user, guest=False)
    for member in app.store.find("teammembers", "deleteat = 0", user_id=user["id"]):
        places.join_default_channels(app, places.find_team(app, id=member["team_id"]), user)


def _mark(app: App, user: Row, *, guest: bool) -> None:
    """The memberships and sessions of an account that became a guest, or is none any more."""
    for table in ("teammembers", "channelmembers"):
        for member in app.store.find(table, user_id=user["id"]):
            app.store.update(table, member, scheme_guest=guest, scheme_admin=member["scheme_admin"] and not guest)
    for session in app.store.find("sessions", user_id=user["id"]):
        app.store.update("sessions", session, props={**session["props"], "is_guest": str(guest).lower()})


def watch(app: App) -> None:
    """Guests are deactivated when guest accounts are off: at start, and at the moment they are switched off."""
    state = {"on": True}

    def changed(config: dict[str, Any]) -> None:
        before, state["on"] = state["on"], config["GuestAccountsSettings"]["Enable"]
        if before and not state["on"]:
            for user in app.store.find("users", roles="system_guest", delete_at=0):
                app.store.update("users", user, delete_at=now(), update_at=now())
                app.sessions.revoke_all(user["id"])

    changed(app.config.get())
    app.config.listeners.append(changed)


def invite(app: App, team: Row, channels: list[Row], sender: Row, address: str, message: str) -> None:
    """A token to sign up with, in a letter; OSError when that cannot be sent."""
    told = {"teamId": team["id"], "channels": " ".join(channel["id"] for channel in channels), "email": address}
    token = {"token": new_id(64), "create_at": now(), "type": INVITATION}
    app.store.insert("tokens", {**token, "extra": json.dumps({**told, "guest": "true", "senderId": sender["id"]})})
    shown = quote(json.dumps({"email": address, "display_name": team["display_name"], "name": team["name"]}))
    letter = EmailMessage()
    site = app.config("TeamSettings.SiteName")
    title = f"invited you to join the team {team['display_name']} as a guest"
    letter["Subject"] = f"[{site}] {sender['username']} {title}"
    letter["From"] = app.config("EmailSettings.FeedbackEmail") or "noreply@example.com"
    letter["To"] = address
    link = f"{app.config('ServiceSettings.SiteURL')}/signup_user_complete/?d={shown}&t={token['token']}"
    letter.set_content(f"{message}\n\n{link}\n")
    _send(app, letter)


def _send(app: App, letter: EmailMessage) -> None:
    settings = app.config.get()["EmailSettings"]
    kind = smtplib.SMTP_SSL if settings["ConnectionSecurity"] == "TLS" else smtplib.SMTP
    with kind(settings["SMTPServer"], int(settings["SMTPPort"]), timeout=settings["SMTPServerTimeout"]) as server:
        if settings["ConnectionSecurity"] == "STARTTLS":
            server.starttls()
        if settings["EnableSMTPAuth"]:
            server.login(settings["SMTPUsername"], settings["SMTPPassword"])
        server.send_message(letter)
