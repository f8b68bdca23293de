# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The errors of what a licence opens: id, HTTP status and message; errors.py takes them in."""

from __future__ import annotations

LICENSED: dict[str, tuple[int, str]] = {
    # licences
    # guests
    "api.team.demote_user_to_guest.disabled.error": (501, "Guest accounts are disabled."),
    "api.user.demote_user_to_guest.already_guest.app_error": (
        501,
        "Unable to convert the user to guest because is already a guest.",
    ),
    "api.team.invite_guests_to_channels.disabled.error": (501, "Guest accounts are disabled"),
    "api.team.invite_guests_to_channels.invalid_body.app_error": (400, "Invalid or missing request body."),
    "api.team.invite_guests.channel_in_invalid_team.app_error": (
        400,
        "The channels of the invite must be part of the team of the invite.",
    ),
    "api.team.invite_members.disabled.app_error": (501, "Email invitations are disabled."),
    "api.team.invite_members.invalid_email.app_error": (
        400,
        "The following email addresses do not belong to an accepted domain: {addresses}. Please contact your System "
        "Administrator for details.",
    ),
    "api.team.invite_members.unable_to_send_email.app_error": (500, "Error while sending the email"),
    "api.team.invite_members.unable_to_send_email_with_defaults.app_error": (
        500,
        "SMTP is not configured in System Console",
    ),
    "app.team.get_by_invite_id.finding.app_error": (404, "Unable to find the existing team."),
    "api.user.create_user.signup_link_invalid.app_error": (400, "The signup link does not appear to be valid."),
    "api.user.create_user.guest_accounts.license.app_error": (400, "Your license does not support guest accounts."),
    "api.user.create_user.guest_accounts.disabled.app_error": (400, "Guest accounts are disabled."),
    "api.user.create_user.bad_token_email_data.app_error": (
        400,
        "The email address in the token does not match the one in the user data.",
    ),
    "model.guest.is_valid.emails.app_error": (400, "Invalid emails."),
    "model.guest.is_valid.email.app_error": (400, "Invalid email."),
    "model.guest.is_valid.channels.app_error": (400, "Invalid channels."),
    "model.guest.is_valid.channel.app_error": (400, "Invalid channel."),
    "api.team.invite_guests.policy_enforced_channel.app_error": (
        400,
        "Cannot invite guests users to this channel because it has access restrictions based on user attributes.",
    ),
    # schemes
    "api.scheme.patch_scheme.license.error": (501, "Your license does not support update permissions schemes"),
    "api.scheme.delete_scheme.license.error": (501, "Your license not support delete permissions schemes"),
    "app.scheme.get.app_error": (404, "Unable to get the scheme."),
    "app.scheme.save.app_error": (500, "Unable to create the scheme."),
    "app.scheme.save.invalid_scheme.app_error": (400, "The provided scheme is invalid."),
    "api.scheme.get_teams_for_scheme.scope.error": (
        400,
        "Unable to get the teams for scheme because the supplied scheme is not a team scheme.",
    ),
    "api.scheme.get_channels_for_scheme.scope.error": (
        400,
        "Unable to get the channels for scheme because the supplied scheme is not a channel scheme.",
    ),
    "api.team.update_team_scheme.scheme_scope.error": (
        400,
        "Unable to set the scheme to the team because the supplied scheme is not a team scheme.",
    ),
    "api.channel.update_channel_scheme.scheme_scope.error": (
        400,
        "Unable to set the scheme to the channel because the supplied scheme is not a channel scheme.",
    ),
    # custom profile attributes
    "app.custom_profile_attributes.limit_reached.app_error": (422, "Custom Profile Attributes field limit reached"),
    "app.custom_profile_attributes.property_field_not_found.app_error": (
        404,
        "Custom Profile Attribute field not found",
    ),
    "app.custom_profile_attributes.property_field_is_managed.app_error": (
        403,
        "Cannot update value for an admin-managed Custom Profile Attribute field",
    ),
    "app.custom_profile_attributes.property_field_is_synced.app_error": (
        400,
        "Cannot update value for a synced Custom Profile Attribute field",
    ),
    "app.custom_profile_attributes.sanitize_and_validate.app_error": (
        422,
        "Invalid property value attributes : {name} ({reason}).",
    ),
    "app.custom_profile_attributes.validate_value.app_error": (400, "Failed to validate property value"),
    "app.property.create_field.app_error": (500, "Unable to create property field."),
    "app.property.update_field.app_error": (500, "Unable to update property field."),
    "model.property_field.is_valid.app_error": (400, "Invalid property field: {name} ({reason})."),
    # access policies
    "app.pap.get_policy.app_error": (500, "Unable to retrieve the access control policy."),
    "app.pap.create_access_control_policy.app_error": (501, "Could not create access control policy."),
    "app.pap.delete_access_control_policy.app_error": (501, "Could not delete access control policy."),
    "app.pap.check_expression.app_error": (501, "Could not check expression."),
    "app.pap.assign_access_control_policy_to_channels.app_error": (
        501,
        "Unable to assign access control policy to channels.",
    ),
    "app.pap.unassign_access_control_policy_from_channels.app_error": (
        501,
        "Could not unassign access control policy from channels.",
    ),
    "app.pap.update_access_control_policies_active.app_error": (
        501,
        "Could not update active status of access control policies.",
    ),
    "app.pap.get_access_control_auto_complete.app_error": (501, "Could not get access control auto complete."),
    "app.pap.save_policy.app_error": (500, "Unable to save access control policy."),
    "app.pap.save_policy.name_exists.app_error": (
        400,
        "A policy with this name already exists. Please choose a different name.",
    ),
    "api.channel.add_members.user_denied": (
        400,
        "Channel membership denied to the following users because of group constraints: {ids}",
    ),
    "api.channel.add_user.to.channel.rejected": (403, "User does not have required attributes to join the channel."),
    "api.access_control_policy.get_channels.limit.app_error": (400, "Get channels limit is not valid."),
    "api.access_control_policy.get_fields.limit.app_error": (400, "Get fields limit is not valid."),
    "model.access_policy.inherit.already_imported.app_error": (400, "The parent is already imported."),
    "model.access_policy.is_valid.version.app_error": (400, "Version is not valid for this access control policy."),
    "model.access_policy.is_valid.id.app_error": (400, "Invalid policy id."),
    "model.access_policy.is_valid.name.app_error": (400, "Invalid name for the policy."),
    "model.access_policy.is_valid.rules.app_error": (400, "Rule(s) is not valid."),
    "model.access_policy.is_valid.imports.app_error": (400, "Invalid imports for the policy."),
    "model.access_policy.is_valid.rules_imports.app_error": (400, "Policy must either import or define rules."),
    # retention, exports, reports, jobs
    "jobs.request_cancellation.status.error": (
        500,
        "Could not request cancellation for job that is not in a cancelable state.",
    ),
    "api.job.status.invalid": (400, "Invalid status set"),
    "app.job.update_status.app_error": (500, "Unable to update job status. Invalid status set"),
    "api.job.unable_to_download_job": (400, "Unable to download this job"),
    "api.job.unable_to_download_job.incorrect_job_type": (
        400,
        "The job type you are trying to download is not supported at the moment",
    ),
    "app.job.download_export_results_not_enabled": (
        501,
        "DownloadExportResults in config.json is false. Please set this to true to download the results of this job.",
    ),
    "app.compliance.get.finding.app_error": (404, "We encountered an error retrieving the compliance reports."),
    "ent.data_retention.policies.internal_error": (500, "We encountered an error performing the requested operation."),
    "ent.data_retention.policies.invalid_policy": (400, "Policy is invalid."),
    "model.compliance.is_valid.desc.app_error": (400, "Invalid description."),
    "model.compliance.is_valid.start_at.app_error": (400, "From must be a valid time."),
    "model.compliance.is_valid.end_at.app_error": (400, "To must be a valid time."),
    "model.compliance.is_valid.start_end_at.app_error": (400, "To must be greater than From."),
}
