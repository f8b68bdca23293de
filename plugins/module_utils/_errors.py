# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with a server, as sentences that say what to do about it.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import json
from typing import Any, Dict, Optional, Tuple

# Licence gates answer 400, 403 or 501, and their ids share no pattern: only a table tells them from other refusals.
LICENCE_TIERS: Dict[str, str] = {
    "api.access_control_policy.license_error": "Enterprise Advanced",
    "api.channel.bookmark.channel_bookmark.license.error": "Professional",
    "api.channel.get_channel_moderations.license.error": "Professional",
    "api.channel.patch_channel_moderations.license.error": "Professional",
    "api.channel.update_channel_scheme.license.error": "Professional",
    "api.custom_profile_attributes.license_error": "Enterprise",
    "api.data_spillage.error.license": "Enterprise Advanced",
    "api.ldap_groups.license_error": "Enterprise",
    "api.license_error": "Enterprise",
    "api.no_license": "Professional",
    "api.remote_cluster.service_not_enabled.app_error": "Enterprise",
    "api.roles.patch_roles.license.error": "Professional",
    "api.scheduled_posts.license_error": "Professional",
    "api.scheme.create_scheme.license.error": "Professional",
    "api.scheme.delete_scheme.license.error": "Professional",
    "api.scheme.patch_scheme.license.error": "Professional",
    "api.team.demote_user_to_guest.license.error": "Professional",
    "api.team.invite_guests_to_channels.license.error": "Professional",
    "api.team.invate_guests_to_channels.license.error": "Professional",
    "api.team.update_team_scheme.license.error": "Professional",
    "api.user.update_user_roles.license.app_error": "Professional",
    "app.property.license_error": "Enterprise",
    "ent.compliance.licence_disable.app_error": "Enterprise",
    "ent.data_retention.generic.license.error": "Enterprise",
    "ent.elasticsearch.test_config.license.error": "Enterprise",
    "ent.elasticsearch.purge_indexes.license.error": "Enterprise",
}

# Everything about access policies, where the part of the server that does it is missing. With another status the same
# ids say something else.
_ACCESS_CONTROL = "app.pap."

REMEDIES: Dict[str, str] = {
    "api.bot.create_disabled": "Set ServiceSettings.EnableBotAccountCreation to true with the settings module.",
    "api.channel.delete_channel.cannot.app_error": "It cannot be archived: everybody of the team is in this channel.",
    "api.channel.remove.default.app_error": "Only leaving the team leads out of it: everybody is in this channel.",
    "api.channel.update_channel_privacy.default_channel_error": (
        "It cannot be private: everybody of the team is in this channel."
    ),
    "api.config.update_config.clear_siteurl.app_error": "ServiceSettings.SiteURL cannot be emptied once it is set.",
    "api.config.update_config.not_allowed_security.app_error": (
        "This key cannot be changed over the network: use socket_path on the server host."
    ),
    "api.context.404.app_error": (
        "This server has no such route here. Routes that need a session are missing on the local socket (use url), "
        "and older servers lack newer routes."
    ),
    "api.context.invalid_body_param.app_error": "A value has the wrong type; numbers and booleans must not be quoted.",
    "api.context.session_expired.app_error": "The token is wrong, has expired, or was revoked. Give a valid one.",
    "api.job.unable_to_create_job.incorrect_job_type": (
        "The server does not start jobs of this type on request. See the documentation of the module job for types."
    ),
    "api.license.add_license.expired.app_error": "Ask for a renewed licence, and check the clock of the host.",
    "api.license.add_license.invalid.app_error": (
        "The file is damaged, is no licence, or was made for another kind of server. Copy it again, unchanged."
    ),
    "api.license.add_license.unique_users.app_error": "Deactivate accounts, or get a licence with more seats.",
    "api.license.upgrade_needed.app_error": "Only the Enterprise release can take a licence; this is Team Edition.",
    "api.context.mfa_required.app_error": (
        "The server demands multi-factor authentication of this account. Set it up, or use the token of a bot."
    ),
    "api.command_share.channel_invite_not_home.error": (
        "Only the server where the channel is at home shares it with others."
    ),
    "api.command_share.service_disabled": (
        "Set ConnectedWorkspacesSettings.EnableSharedChannels to true, and restart the server."
    ),
    "api.get_site_url_error": "Set ServiceSettings.SiteURL with the settings module.",
    "api.remote_cluster.accept_invitation_error": (
        "The server that issued the invitation did not confirm: it cannot be reached from this one by its site address, "
        "the invitation is older than 48 hours, or it was used or tried before. An invitation can be tried once. Have "
        "the connection removed there, and another invitation issued."
    ),
    "api.remote_cluster.base64_decode_error": "The invitation is not complete. Copy it again, unchanged.",
    "api.remote_cluster.invite_decrypt_error": (
        "The password is not the one that the invitation was issued with, or the invitation is damaged."
    ),
    "api.roles.patch_roles.not_allowed_permission.error": (
        "Some permissions cannot be given or taken by anybody, manage_system and manage_roles foremost; very old servers "
        "without a licence let few others be changed."
    ),
    "api.team.demote_user_to_guest.disabled.error": "Set GuestAccountsSettings.Enable to true with the settings module.",
    "api.team.invite_guests_to_channels.disabled.error": "Get a licence with guest accounts: Professional or higher.",
    "api.team.join_user_to_team.allowed_domains.app_error": (
        "The team takes accounts with e-mail addresses in its allowed_domains only."
    ),
    "app.team.join_user_to_team.max_accounts.app_error": "The team is full. Raise TeamSettings.MaxUsersPerTeam.",
    "app.team.join_user_to_team.save_member.max_accounts.app_error": (
        "The team is full. Raise TeamSettings.MaxUsersPerTeam."
    ),
    "api.user.check_user_mfa.bad_code.app_error": (
        "The account uses multi-factor authentication. Give the code that is valid now as mfa_code."
    ),
    "api.user.check_user_login_attempts.too_many.app_error": (
        "The account is locked after too many wrong passwords. Have an administrator reset its failed attempts."
    ),
    "api.user.check_user_password.invalid.app_error": (
        "The password does not meet PasswordSettings: length, and kinds of characters."
    ),
    "api.user.create_user.no_open_server": "Use socket_path, or log in as an administrator.",
    "api.user.create_user.signup_email_disabled.app_error": (
        "Set TeamSettings.EnableUserCreation and EmailSettings.EnableSignUpWithEmail to true."
    ),
    "app.custom_profile_attributes.limit_reached.app_error": (
        "A server has at most 20 user attributes. Remove one that is not needed."
    ),
    "app.custom_profile_attributes.property_field_is_synced.app_error": (
        "The values come from LDAP or SAML. Change them there, or end the synchronisation of the attribute."
    ),
    "app.custom_profile_attributes.validate_value.app_error": (
        "The value does not fit the type of the attribute. Texts have at most 64 characters."
    ),
    "app.pap.access_control.channel_default": "Channels that everybody of a team is in cannot have an access policy.",
    "app.pap.access_control.channel_group_constrained": (
        "Groups decide who is in the channel, so an access policy cannot. Unlink the groups first."
    ),
    "app.pap.access_control.channel_shared": (
        "Channels that are shared with other servers cannot have an access policy."
    ),
    "app.pap.save_policy.name_exists.app_error": "Another access policy has this name.",
    "app.plugin.disabled.app_error": "Set PluginSettings.Enable to true with the settings module.",
    "app.plugin.extract.app_error": "The file is not a plugin bundle (a .tar.gz with a plugin.json), or is damaged.",
    "app.plugin.manifest.app_error": "The bundle has no readable plugin.json.",
    "app.plugin.upload_disabled.app_error": (
        "Uploads need PluginSettings.Enable and EnableUploads true and RequirePluginSignature false. "
        "Set them with the settings module over socket_path; the network API refuses EnableUploads."
    ),
    "app.scheme.save.app_error": "A scheme that was deleted may still have the name. Choose another one.",
    "app.schemes.is_phase_2_migration_completed.not_completed.app_error": (
        "The server prepares its permissions after the first start. Try again in a minute."
    ),
    "app.team.get_member.missing.app_error": "Only members of the team can be in its channels. Add it to the team first.",
    "app.user.save.email_exists.app_error": "Another account has this e-mail address.",
    "app.user.save.username_exists.app_error": "Another account has this user name, perhaps one that is hidden from you.",
    "app.user_access_token.disabled": "Set ServiceSettings.EnableUserAccessTokens to true with the settings module.",
    "ent.cluster.save_config.error": (
        "ClusterSettings.ReadOnlyConfig makes the configuration read-only while the server runs. "
        "Give config_path, so that the file is written and reloaded."
    ),
    "store.sql_channel.save_channel.exists.app_error": (
        "A channel of this name exists that the account may not see, perhaps a private one. Use a system administrator's."
    ),
    "store.sql_team.save_team.existing.app_error": (
        "A team of this name exists that the account may not see. Use a system administrator's."
    ),
    "mfa.validate_token.authenticate.app_error": (
        "The account uses multi-factor authentication. Give the code that is valid now as mfa_code."
    ),
    "mfa.mfa_disabled.app_error": "Set ServiceSettings.EnableMultifactorAuthentication to true.",
    "model.job.is_valid.type.app_error": (
        "Nothing on this server does such jobs: it needs a licence (Enterprise, for access_control_sync Enterprise "
        "Advanced), or an Enterprise release instead of Team Edition."
    ),
}

_LOGIN = (
    "Check login_username and login_password; a server whose database is down gives the same answer, so check its "
    "health first. Ten wrong attempts lock the account."
)
_BY_STATUS: Dict[int, str] = {
    401: "The server does not accept the credentials. Give a valid token, or login_username and login_password.",
    403: "The account may not do this. Give credentials of one that may, for instance of a system administrator.",
    413: "The upload is larger than the server or the proxy before it allows. Raise FileSettings.MaxFileSize.",
    429: "The server limits the rate of requests. Wait, or raise RateLimitSettings.",
    500: "See the server's log.",
    501: "This part of the server is switched off, or needs a licence the server does not have.",
}


class MattermostError(Exception):
    """A request that the server refused, or that could not be made."""

    def __init__(self, message: str, *, status: Optional[int] = None, error_id: Optional[str] = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.error_id = error_id

    @property
    def missing(self) -> bool:
        """Whether the object is not there; a route that is not there is another thing."""
        return self.status == 404 and self.error_id != "api.context.404.app_error"

    @property
    def no_route(self) -> bool:
        """Whether the server has no such route (on this connection)."""
        return self.status == 404 and not self.missing

    def result(self) -> Dict[str, Any]:
        """What a module hands to fail_json."""
        return {"msg": self.message, "status": self.status, "error_id": self.error_id}


class MattermostUnreachable(MattermostError):
    """Nobody answered: the server is not running, or is not where it was looked for."""


def parse_error(body: bytes) -> Tuple[Optional[str], str]:
    """The error id and the server's own words; proxies and the server's outer layers answer plain text."""
    text = body.decode("utf-8", "replace").strip()
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        return None, "" if text.startswith("<") else text[:200]
    words = str(document.get("message") or "")
    detail = str(document.get("detailed_error") or "")
    if detail and detail not in words:
        words = (words.rstrip(". ") + ": " if words else "") + detail
    return document.get("id"), words


def _remedy(*, status: int, error_id: Optional[str], needs: Optional[str], anonymous: bool) -> str:
    tier = LICENCE_TIERS.get(error_id or "")
    if status == 501 and (error_id or "").startswith(_ACCESS_CONTROL):
        tier = "Enterprise Advanced"
    if tier:
        return f"It needs a licence: {tier} or higher."
    if status == 401 and anonymous:
        return "No credentials were given. Give token, or login_username and login_password."
    if error_id in REMEDIES:
        return REMEDIES[str(error_id)]
    if (error_id or "").startswith("api.user.login."):
        return _LOGIN
    if status == 403 and needs:
        return f"The account needs the permission {needs}."
    return _BY_STATUS.get(status, "")


def refused(
    *, tried: str, status: int, body: bytes, needs: Optional[str] = None, anonymous: bool = False
) -> MattermostError:
    """The error for an answer that is not a success: what was tried, what the server said, what to do."""
    error_id, words = parse_error(body)
    said = f"HTTP {status}"
    if words:
        said += ", " + words.rstrip(".")
    if error_id:
        said += f" ({error_id})"
    message = f"Cannot {tried}: {said}. {_remedy(status=status, error_id=error_id, needs=needs, anonymous=anonymous)}"
    return MattermostError(message.rstrip(), status=status, error_id=error_id)
