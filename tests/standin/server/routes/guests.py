# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Guest accounts, for which a licence is needed: demote, promote, invite, and the sign-up that follows."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from server import guests, people, permissions, places
from server.database import Row
from server.errors import ApiError, forbidden
from server.http import Answer, Request
from server.router import Route, is_admin, ok

if TYPE_CHECKING:
    from server.app import App

_EMAIL = re.compile(r"[^@\s<>]+@[^@\s<>]+")
_INVITE = "api.team.invite_guests_to_channels"
_DEFAULT_SMTP = ("localhost", "10025")


def demote(app: App, request: Request) -> Answer:
    _require_open(app, "api.team.demote_user_to_guest")
    _require_feature(app)
    permissions.require(app, request, "demote_to_guest")
    user = people.find(app, id=request.params["user_id"])
    if "system_admin" in user["roles"].split() and not is_admin(request):
        raise forbidden()
    if places.is_guest(user):
        raise ApiError("api.user.demote_user_to_guest.already_guest.app_error")
    guests.demote(app, user)
    return ok()


def promote(app: App, request: Request) -> Answer:
    user = people.find(app, id=request.params["user_id"])
    if not places.is_guest(user):
        raise ApiError("api.user.promote_guest_to_user.no_guest.app_error")
    guests.promote(app, user)
    return ok()


def invite(app: App, request: Request) -> Any:
    _require_open(app, _INVITE)
    if not permissions.has_team_permission(app, request, request.params["team_id"], "invite_guest"):
        raise forbidden()
    _require_feature(app)
    emails, wanted, message = _given(request)
    if not app.config("ServiceSettings.EnableEmailInvitations"):
        raise ApiError("api.team.invite_members.disabled.app_error")
    team = app.store.get("teams", id=request.params["team_id"])
    if team is None:
        raise ApiError("app.team.get_by_invite_id.finding.app_error")
    channels = _channels(app, request, team, wanted)
    results = [_invite_one(app, request, team, channels, email, message) for email in emails]
    return results if request.query.get("graceful") else ok()


def _require_open(app: App, prefix: str) -> None:
    if not app.licence.licensed:
        raise ApiError(f"{prefix}.license.error")
    if not app.config("GuestAccountsSettings.Enable"):
        raise ApiError(f"{prefix}.disabled.error")


def _require_feature(app: App) -> None:
    if not app.licence.has("guest_accounts"):
        raise ApiError(f"{_INVITE}.disabled.error", status=403)


def _given(request: Request) -> tuple[list[str], list[str], str]:
    try:
        body = request.json("guests")
    except ApiError as error:
        raise ApiError(f"{_INVITE}.invalid_body.app_error") from error
    emails, channels = [str(email).lower() for email in body.get("emails") or []], body.get("channels") or []
    if not emails:
        raise ApiError("model.guest.is_valid.emails.app_error")
    for email in emails:
        if not _EMAIL.fullmatch(email):
            raise ApiError("model.guest.is_valid.email.app_error", f"email={email}")
    if not channels:
        raise ApiError("model.guest.is_valid.channels.app_error")
    for channel_id in channels:
        if len(str(channel_id)) != 26:
            raise ApiError("model.guest.is_valid.channel.app_error", f"channel={channel_id}")
    return emails, channels, str(body.get("message") or "")


def _channels(app: App, request: Request, team: Row, wanted: list[str]) -> list[Row]:
    """Those of the channels that the sender may add members to; all of them in the team."""
    found = app.store.find("channels", "id = ANY(:ids)", values={"ids": wanted})
    usable = []
    for channel in found:
        kind = "public" if channel["type"] == "O" else "private"
        if permissions.has_channel_permission(app, request, channel, f"manage_{kind}_channel_members"):
            usable.append(channel)
    if any(channel["team_id"] != team["id"] for channel in usable):
        raise ApiError("api.team.invite_guests.channel_in_invalid_team.app_error")
    if any(app.store.get("accesscontrolpolicies", id=channel["id"]) for channel in usable):
        raise ApiError("api.team.invite_guests.policy_enforced_channel.app_error")
    return usable


def _invite_one(app: App, request: Request, team: Row, channels: list[Row], email: str, message: str) -> dict[str, Any]:
    allowed = app.config("GuestAccountsSettings.RestrictCreationToDomains").replace(",", " ").lower().split()
    if allowed and email.rpartition("@")[2] not in [domain.lstrip("@") for domain in allowed]:
        refusal = ApiError("api.team.invite_members.invalid_email.app_error", addresses=email)
        return {"email": email, "error": refusal.body("", is_11=app.release.is_11)}
    try:
        guests.invite(app, team, channels, request.user or {}, email, message)
    except OSError as error:
        app.log.error("Failed to send invite email successfully", error=str(error))
        settings = app.config.get()["EmailSettings"]
        stock = "_with_defaults" if (settings["SMTPServer"], settings["SMTPPort"]) == _DEFAULT_SMTP else ""
        refusal = ApiError(f"api.team.invite_members.unable_to_send_email{stock}.app_error")
        return {"email": email, "error": refusal.body("", is_11=app.release.is_11)}
    return {"email": email, "error": None}


def sign_up(app: App, request: Request, wanted: dict[str, Any]) -> Answer:
    """POST /users with the token of an invitation."""
    token = app.store.get("tokens", token=request.query["t"], type=guests.INVITATION)
    if token is None:
        raise ApiError("api.user.create_user.signup_link_invalid.app_error")
    if not app.licence.licensed:
        raise ApiError("api.user.create_user.guest_accounts.license.app_error")
    if not app.config("GuestAccountsSettings.Enable"):
        raise ApiError("api.user.create_user.guest_accounts.disabled.app_error")
    told = json.loads(token["extra"])
    if str(wanted.get("email", "")).lower() != told["email"]:
        raise ApiError("api.user.create_user.bad_token_email_data.app_error")
    team = places.find_team(app, id=told["teamId"])
    user = people.create(app, wanted, roles="system_guest")
    user = app.store.update("users", user, email_verified=True)
    places.join_team(app, team, user)
    for channel_id in told["channels"].split():
        places.join_channel(app, places.find_channel(app, id=channel_id), user, admin=False)
    app.store.delete("tokens", token=token["token"])
    return Answer(people.full(app, user), 201)


ROUTES = [
    Route("POST", "/users/{user_id}/promote", promote, "promote_guest", local=True),
    Route("POST", "/users/{user_id}/demote", demote, local=True),
    Route("POST", "/teams/{team_id}/invite-guests/email", invite),
]
