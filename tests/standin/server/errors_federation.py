# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The errors of connected workspaces: id, HTTP status and message; errors.py takes them in."""

from __future__ import annotations

FEDERATION: dict[str, tuple[int, str]] = {
    # who calls
    "api.context.remote_id_missing.app_error": (401, "Secure connection ID missing."),
    "api.context.invalid_token.error": (401, "Invalid session token={token}, err="),
    "api.context.remote_id_invalid.app_error": (400, "Unable to find secure connectionID {id}."),
    "api.context.remote_id_mismatch.app_error": (401, "Secure connection ID mismatch."),
    "api.context.invitation_expired.error": (400, "Invitation is expired."),
    "api.unmarshal_error": (400, "Failed to unmarshal."),
    "api.remote_cluster.invalid_id.app_error": (400, "Invalid id."),
    "api.remote_cluster.invalid_topic.app_error": (400, "Invalid topic."),
    "api.remote_cluster.import_not_allowed.app_error": (400, "Remote cluster import is not allowed"),
    "api.command_remote.confirm_invitation.error": (500, "Could not confirm invitation: {error}"),
    # connections
    "api.remote_cluster.service_not_enabled.app_error": (501, "The remote cluster service is not enabled."),
    "api.get_site_url_error": (422, "Could not get the instance site url"),
    "api.remote_cluster.get.not_found": (404, "Remote Cluster not found"),
    "api.remote_cluster.save.app_error": (500, "We encountered an error saving the secure connection."),
    "api.remote_cluster.save_not_unique.app_error": (500, "Secure connection has already been added."),
    "api.remote_cluster.update.app_error": (500, "We encountered an error updating the secure connection."),
    "api.remote_cluster.cluster_not_deleted": (500, "Remote cluster has not been deleted"),
    "api.remote_cluster.create_invite_error": (500, "Could not create remote cluster invite"),
    "api.remote_cluster.accept_invitation_error": (500, "Could not accept the remote cluster invitation"),
    "api.remote_cluster.base64_decode_error": (400, "Could not decode the base64 string"),
    "api.remote_cluster.invite_decrypt_error": (
        400,
        "Could not decrypt the remote cluster invite using the provided password",
    ),
    "api.remote_cluster.generate_invite_cluster_is_confirmed": (
        400,
        "Cannot generate invite code for a confirmed cluster",
    ),
    # shared channels
    "api.command_share.service_disabled": (400, "Shared Channels Service is disabled."),
    "api.command_share.share_channel.error": (400, "Cannot share this channel: {error}"),
    "api.command_share.channel_invite.error": (500, "Error inviting `{name}` to this channel: {error}"),
    "api.command_share.channel_invite_not_home.error": (
        400,
        "Cannot invite secure connection to a shared channel originating somewhere else.",
    ),
    "api.command_share.channel_remote_id_not_exists": (
        500,
        "Shared channel secure connection `{id}` does not exist for this channel.",
    ),
    "api.command_share.fetch_remote_status.error": (500, "Could not fetch status for secure connections: {error}."),
    "api.shared_channel.get_shared_channel_remotes_error": (500, "Could not fetch shared channel remotes"),
    # slash commands
    "api.command.execute_command.start.app_error": (400, "No command trigger found."),
    "api.command.execute_command.deleted.error": (400, "Can not run command in deleted channel."),
    "api.command.execute_command.not_found.app_error": (
        404,
        "Command with a trigger of '{trigger}' not found. To send a message beginning with \"/\", try adding an empty "
        "space at the beginning of the message.",
    ),
    # uploads
    "api.upload.create.upload_channel_not_shared_with_remote.app_error": (
        400,
        "Failed to upload file. Upload channel is not shared with remote.",
    ),
    "api.upload.create.upload_too_large.app_error": (413, "Unable to upload file. File is too large."),
    "api.upload.invalid_type_for_shared_channel.app_error": (
        400,
        "Failed to upload file. Upload channel is not shared with remote.",
    ),
    "api.upload.upload_data.invalid_content_length": (400, "Invalid Content-Length."),
    "app.upload.get.app_error": (404, "Failed to get upload."),
    "api.user.upload_profile_user.too_large.app_error": (413, "Unable to upload profile image. File is too large."),
    "api.user.upload_profile_user.no_file.app_error": (400, "No file under 'image' in request."),
    "model.cluster.is_valid.id.app_error": (400, "Invalid Id."),
    "model.cluster.is_valid.name.app_error": (400, "ClusterName must be set."),
}
