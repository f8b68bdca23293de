# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Every error body the stand-in gives: id, HTTP status and message, in one table."""

from __future__ import annotations

from typing import Any

from server.errors_federation import FEDERATION
from server.errors_licensed import LICENSED

_ERRORS: dict[str, tuple[int, str]] = {
    **LICENSED,
    **FEDERATION,
    # any route
    "api.context.404.app_error": (404, "Sorry, we could not find the page."),
    "api.context.session_expired.app_error": (401, "Invalid or expired session, please login again."),
    "api.context.mfa_required.app_error": (403, "Multi-factor authentication is required on this server."),
    "api.context.permissions.app_error": (403, "You do not have the appropriate permissions."),
    "api.context.invalid_body_param.app_error": (400, "Invalid or missing {name} in request body."),
    "api.context.invalid_url_param.app_error": (400, "Invalid or missing {name} parameter in request URL."),
    "api.license_error": (501, "api endpoint requires a license"),
    "api.no_license": (403, "E10 or E20 license required to use this endpoint."),
    "app.standin.internal.app_error": (500, "The stand-in could not answer: {reason}"),
    # configuration
    "api.config.update_config.not_allowed_security.app_error": (
        403,
        "Changing {name} is not allowed due to security reasons.",
    ),
    "api.config.update_config.clear_siteurl.app_error": (400, "Site URL cannot be cleared."),
    "api.config.client.old_format.app_error": (
        501,
        "New format for the client configuration is not supported yet. Please specify format=old in the query string.",
    ),
    "api.config.migrate_config.app_error": (500, "Failed to migrate config store."),
    "app.save_config.app_error": (500, "An error occurred saving the configuration."),
    "ent.cluster.save_config.error": (
        403,
        "System Console is set to read-only when High Availability is enabled unless ReadOnlyConfig is disabled in "
        "the configuration file.",
    ),
    # users and sessions
    "api.user.create_user.no_open_server": (
        403,
        "This server does not allow open signups.  Please speak with your Administrator to receive an invitation.",
    ),
    "api.user.create_user.signup_email_disabled.app_error": (501, "User sign-up with email is disabled."),
    "api.user.login.invalid_credentials_email_username": (401, "Enter a valid email or username and/or password."),
    "api.user.login.inactive.app_error": (
        401,
        "Login failed because your account has been deactivated.  Please contact an administrator.",
    ),
    "api.user.login.blank_pwd.app_error": (400, "Password field must not be blank"),
    "api.user.check_user_login_attempts.too_many.app_error": (
        401,
        "Your account is locked because of too many failed password attempts. Please reset your password.",
    ),
    "api.user.check_user_mfa.bad_code.app_error": (401, "Invalid MFA token."),
    "mfa.validate_token.authenticate.app_error": (401, "Invalid MFA token."),
    "mfa.mfa_disabled.app_error": (501, "Multi-factor authentication has been disabled on this server."),
    "api.user.check_user_password.invalid.app_error": (400, "Login failed because of invalid password."),
    "model.user.is_valid.pwd_min_length.app_error": (400, "Your password must contain at least {minimum} characters."),
    "app.user.save.username_exists.app_error": (400, "An account with that username already exists."),
    "app.user.save.email_exists.app_error": (400, "An account with that email already exists."),
    "model.user.is_valid.username.app_error": (
        400,
        "Username must begin with a letter, and contain between 3 to 22 lowercase characters made up of numbers, "
        'letters, and the symbols ".", "-", and "_".',
    ),
    "model.user.is_valid.email.app_error": (400, "Invalid email."),
    "app.user.get_by_username.app_error": (
        404,
        "Unable to find an existing account matching your username for this team. This team may require an invite "
        "from the team owner to join.",
    ),
    "app.user.missing_account.const": (404, "Unable to find the user."),
    "api.user.delete_user.not_enabled.app_error": (
        401,
        "Permanent user deletion feature is not enabled. Please contact your System Administrator.",
    ),
    "api.user.delete_user.not_enabled.for_admin.app_error": (
        401,
        "Permanent user deletion feature is not enabled. ServiceSettings.EnableAPIUserDeletion must be set to true to "
        "use this command. See https://mattermost.com/pl/environment-configuration-settings for more information.",
    ),
    "api.user.update_password.incorrect.app_error": (
        400,
        'The "Current Password" you entered is incorrect. Please check that Caps Lock is off and try again.',
    ),
    "api.user.update_password.context.app_error": (
        403,
        "Update password failed because context user_id did not match props user_id.",
    ),
    "api.user.update_active.permissions.app_error": (403, "You do not have the appropriate permissions."),
    "api.user.update_active.not_enable.app_error": (
        401,
        "You cannot deactivate yourself because this feature is not enabled. Please contact your System Administrator.",
    ),
    "app.role.check_roles_exist.role_not_found": (400, "The provided role does not exist"),
    "api.user.update_user_roles.license.app_error": (400, "Custom Permission Schemes not supported by current license"),
    "app.user_access_token.disabled": (
        501,
        "Personal access tokens are disabled on this server. Please contact your system administrator for details.",
    ),
    "app.user_access_token.get_by_user.app_error": (404, "Unable to get the personal access tokens by user."),
    "app.session.get.app_error": (400, "We encountered an error finding the session."),
    "app.user.limits.app_error": (400, "You have reached the maximum number of users."),
    # bots
    "api.bot.create_disabled": (
        403,
        "Bot creation has been disabled.",
    ),
    "model.bot.is_valid.username.app_error": (400, "Invalid username."),
    "store.sql_bot.get.missing.app_error": (404, "Bot does not exist."),
    # teams
    "store.sql_team.save_team.existing.app_error": (400, "A team with this URL already exists."),
    "model.team.is_valid.characters.app_error": (400, "Name must be 2 or more lowercase alphanumeric characters."),
    "model.team.is_valid.name.app_error": (400, "Invalid name."),
    "model.team.is_valid.type.app_error": (400, "Invalid type."),
    "app.team.get_by_name.missing.app_error": (404, "Unable to find the existing team."),
    "api.team.get_all_teams.insufficient_permissions": (
        403,
        "You don't have the appropriate permissions to list all teams",
    ),
    "app.team.get.find.app_error": (404, "Unable to find the existing team."),
    "app.team.get_member.missing.app_error": (404, "No team member found for that user ID and team ID."),
    "app.team.join_user_to_team.max_accounts.app_error": (
        400,
        "This team has reached the maximum number of allowed accounts. Contact your System Administrator to set a "
        "higher limit.",
    ),
    "api.user.delete_team.not_enabled.app_error": (
        401,
        "Permanent team deletion feature is not enabled. Please contact your System Administrator.",
    ),
    "api.user.delete_team.not_enabled.for_admin.app_error": (
        401,
        "Permanent team deletion feature is not enabled. ServiceSettings.EnableAPITeamDeletion must be set to true to "
        "use this command. See https://mattermost.com/pl/environment-configuration-settings for more information.",
    ),
    # channels
    "store.sql_channel.save_channel.exists.app_error": (
        400,
        "A channel with that name already exists on the same team.",
    ),
    "app.channel.get_by_name.missing.app_error": (404, "Channel does not exist."),
    "app.channel.get_channels.not_found.app_error": (404, "No channels were found."),
    "app.channel.get.existing.app_error": (404, "Unable to find the existing channel."),
    "app.channel.get_member.missing.app_error": (404, "No channel member found for that user ID and channel ID."),
    "model.channel.is_valid.1_or_more.app_error": (400, "Name must be 1 or more lowercase alphanumeric character."),
    "model.channel.is_valid.type.app_error": (400, "Invalid type."),
    "api.channel.update_channel_privacy.default_channel_error": (
        400,
        "The default channel cannot be made private.",
    ),
    "api.channel.delete_channel.cannot.app_error": (400, "Unable to delete the default channel {name}."),
    "api.user.delete_channel.not_enabled.app_error": (
        401,
        "Permanent channel deletion feature is not enabled. Please contact your System Administrator.",
    ),
    "api.channel.restore_channel.restored.app_error": (
        400,
        "Unable to unarchive channel. The channel is not archived.",
    ),
    "api.channel.get_channel_moderations.license.error": (403, "Your license does not support channel moderation"),
    "api.channel.patch_channel_moderations.license.error": (403, "Your license does not support channel moderation"),
    # posts, files, reactions
    "app.post.get.app_error": (404, "Unable to get the post."),
    "api.post.create_post.root_id.app_error": (400, "Invalid RootId parameter."),
    "api.post.create_post.channel_root_id.app_error": (400, "Invalid ChannelId for RootId parameter."),
    "api.post.create_post.can_not_post_to_deleted.error": (400, "Can not post to deleted channel."),
    "api.reaction.save_reaction.user_id.app_error": (403, "You cannot save reaction for the other user."),
    "model.post.is_valid.msg.app_error": (400, "Invalid message."),
    "app.file_info.get.app_error": (404, "Unable to get the file info."),
    "api.file.read_file.reading_local.app_error": (
        404,
        "Encountered an error reading from local server file storage.",
    ),
    "api.file.write_file_locally.create_dir.app_error": (
        500,
        "Encountered an error creating the directory for the new file.",
    ),
    "api.file.upload_file.too_large_detailed.app_error": (
        413,
        "Unable to upload file {name}. {length} bytes exceeds the maximum allowed {limit} bytes.",
    ),
    "api.file.attachments.disabled.app_error": (403, "File attachments have been disabled on this server."),
    # plugins
    "app.plugin.upload_disabled.app_error": (501, "Plugins and/or plugin uploads have been disabled."),
    "api.plugin.upload.no_file.app_error": (400, "Missing file in multipart/form request."),
    "app.plugin.disabled.app_error": (
        501,
        "Plugins have been disabled. Please check your logs for details.",
    ),
    "app.plugin.install_id.app_error": (
        400,
        "Unable to install plugin. A plugin with the same ID is already installed.",
    ),
    "app.plugin.extract.app_error": (400, "An error occurred extracting the plugin bundle."),
    "app.plugin.manifest.app_error": (400, "Unable to find manifest for extracted plugin."),
    "app.plugin.invalid_id.app_error": (400, "Plugin ID must be at least 3 characters, at most 190 characters."),
    "app.plugin.not_installed.app_error": (404, "Plugin is not installed."),
    "app.plugin.marketplace_disabled.app_error": (
        501,
        "Marketplace has been disabled. Please check your logs for details.",
    ),
    "app.plugin.marketplace_client.failed_to_fetch": (500, "Failed to get plugins from the marketplace server."),
    # licence gates and the rest
    "api.team.demote_user_to_guest.license.error": (501, "Your license does not support guest accounts"),
    "api.team.invite_guests_to_channels.license.error": (501, "Your license does not support guest accounts"),
    "api.user.promote_guest_to_user.no_guest.app_error": (
        501,
        "Unable to convert the guest to regular user because is not a guest.",
    ),
    "ent.data_retention.generic.license.error": (501, "Your license does not support Data Retention."),
    "ent.compliance.licence_disable.app_error": (
        501,
        "Compliance functionality disabled by current license. Please contact your system administrator about "
        "upgrading your enterprise license.",
    ),
    "api.scheme.create_scheme.license.error": (501, "Your license does not support creating permissions schemes."),
    "api.team.update_team_scheme.license.error": (501, "Your license does not support updating a team's scheme"),
    "api.channel.update_channel_scheme.license.error": (
        403,
        "Your license does not support updating a channel's scheme",
    ),
    "api.ldap_groups.license_error": (501, "your license does not support ldap groups"),
    "api.custom_profile_attributes.license_error": (
        403,
        "Your license does not support Custom Profile Attributes.",
    ),
    "app.pap.search_access_control_policies.app_error": (501, "Could not search access control policies."),
    "ent.elasticsearch.test_config.license.error": (501, "Your license does not support Elasticsearch."),
    "api.admin.saml.not_available.app_error": (501, "SAML 2.0 is not configured or supported on this server."),
    "api.context.outgoing_oauth_connection.not_available.configuration_disabled": (
        501,
        "Outgoing OAuth connections are not available on this server.",
    ),
    "api.context.ip_filtering.not_available.app_error": (501, "IP Filtering is not available on this server"),
    "api.license.client.old_format.app_error": (
        400,
        "New format for the client license is not supported yet. Please specify format=old in the query string.",
    ),
    "api.license.upgrade_needed.app_error": (403, "Feature requires an upgrade to Enterprise Edition."),
    "api.license.add_license.no_file.app_error": (400, "No file under 'license' in request."),
    "api.license.add_license.invalid.app_error": (400, "Invalid license file."),
    "api.license.add_license.expired.app_error": (400, "License is either expired or has not yet started."),
    "api.license.add_license.unique_users.app_error": (
        400,
        "This license only supports {users} users, when your system has {count} unique users. Unique users are counted "
        "distinctly by email address. You can see total user count under Site Reports -> View Statistics.",
    ),
    "model.job.is_valid.type.app_error": (400, "Invalid job type."),
    "api.job.unable_to_create_job.incorrect_job_type": (
        400,
        "The job type of the job you are trying to create is invalid",
    ),
    "api.job.retrieve.nopermissions": (
        400,
        "The job types of a job you are trying to retrieve does not contain permissions",
    ),
    "app.job.get.app_error": (404, "Unable to get the job."),
    "app.role.get_by_name.app_error": (404, "Unable to get role."),
    "app.role.get.app_error": (404, "Unable to get role."),
    "api.roles.patch_roles.not_allowed_permission.error": (
        501,
        "One or more of the following permissions that you are trying to add or remove is not allowed",
    ),
    "api.roles.patch_roles.license.error": (501, "Your license does not support advanced permissions."),
    "api.admin.test_site_url.app_error": (400, "This is not a valid live URL."),
    "api.admin.test_email.missing_server": (400, "SMTP Server is required"),
    "api.web_socket.connect.upgrade.app_error": (400, "URL Blocked because of CORS. Url: {name}"),
    # values of the configuration; the check itself is in settings_check.py
    "model.config.is_valid.site_url.app_error": (
        400,
        "Site URL must be a valid URL and start with http:// or https://.",
    ),
    "model.config.is_valid.listen_address.app_error": (
        400,
        "Invalid listen address for service settings Must be set.",
    ),
    "model.config.is_valid.directory.app_error": (400, "Invalid Local Storage Directory. Must be a non-empty string."),
    "model.config.is_valid.max_users.app_error": (
        400,
        "Invalid maximum users per team for team settings. Must be a positive number.",
    ),
}
# What 11 words in another way.
_SINCE_11 = {
    "ent.elasticsearch.test_config.license.error": "Your Mattermost license doesn't support indexed search.",
}


class ApiError(Exception):
    """An answer other than success: what is raised, anywhere below a route."""

    def __init__(self, error_id: str, detail: str = "", **values: Any) -> None:
        status, message = _ERRORS.get(error_id, (400, "Invalid value (the stand-in has no words for this error)."))
        self.error_id = error_id
        self.status = int(values.pop("status", status))
        self.message = message.format(**values) if values else message
        self.detail = detail
        super().__init__(f"{error_id}: {self.message}")

    def body(self, request_id: str, *, is_11: bool = False) -> dict[str, Any]:
        message = _SINCE_11.get(self.error_id, self.message) if is_11 else self.message
        answer: dict[str, Any] = {"id": self.error_id, "message": message, "detailed_error": self.detail}
        if request_id:
            answer["request_id"] = request_id
        answer["status_code"] = self.status
        return answer


class DropConnection(Exception):
    """The real server's handler panics here: the client sees the connection break."""


def invalid_body(name: str) -> ApiError:
    return ApiError("api.context.invalid_body_param.app_error", name=name)


def invalid_url(name: str) -> ApiError:
    return ApiError("api.context.invalid_url_param.app_error", name=name)


def forbidden() -> ApiError:
    return ApiError("api.context.permissions.app_error")


def no_such_route(path: str) -> ApiError:
    detail = (
        f"There doesn't appear to be an api call for the url='{path}'.  "
        "Typo? are you missing a team_id or user_id as part of the url?"
    )
    return ApiError("api.context.404.app_error", detail)
