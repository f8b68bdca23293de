# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils._errors import MattermostError, refused


def body(error_id, message="No.", detail=""):
    return json.dumps({"id": error_id, "message": message, "detailed_error": detail}).encode()


# Statuses, ids and words as real 9.11 and 11.6 servers answered them.
@pytest.mark.parametrize(
    ("status", "answer", "needs", "sentence"),
    [
        (
            501,
            body("api.remote_cluster.service_not_enabled.app_error", "The remote cluster service is not enabled."),
            None,
            "Cannot do it: HTTP 501, The remote cluster service is not enabled "
            "(api.remote_cluster.service_not_enabled.app_error). It needs a licence: Enterprise or higher.",
        ),
        (
            403,
            body("api.context.permissions.app_error", "You do not have the appropriate permissions."),
            "manage_system",
            "Cannot do it: HTTP 403, You do not have the appropriate permissions (api.context.permissions.app_error). "
            "The account needs the permission manage_system.",
        ),
        (
            403,
            body("api.context.permissions.app_error"),
            None,
            "Cannot do it: HTTP 403, No (api.context.permissions.app_error). The account may not do this. "
            "Give credentials of one that may, for instance of a system administrator.",
        ),
        (
            401,
            body("api.context.session_expired.app_error", "Invalid or expired session, please login again."),
            "manage_system",
            "Cannot do it: HTTP 401, Invalid or expired session, please login again "
            "(api.context.session_expired.app_error). The token is wrong, has expired, or was revoked. Give a valid one.",
        ),
        (
            401,
            body("api.user.login.invalid_credentials_email_username", "Enter a valid email or username."),
            None,
            "Cannot do it: HTTP 401, Enter a valid email or username (api.user.login.invalid_credentials_email_username). "
            "Check login_username and login_password; a server whose database is down gives the same answer, so check "
            "its health first. Ten wrong attempts lock the account.",
        ),
        (
            501,
            body("no.such.id", "Off", "why"),
            None,
            "Cannot do it: HTTP 501, Off: why (no.such.id). This part of the",
        ),
        (
            501,
            body("app.pap.get_policy.app_error"),
            None,
            "Cannot do it: HTTP 501, No (app.pap.get_policy.app_error). It needs a licence: Enterprise Advanced or higher.",
        ),
        (500, body("app.pap.get_policy.app_error"), None, "Cannot do it: HTTP 500, No (app.pap.get_policy.app_error)."),
        (500, body("no.such.id", "", "why"), None, "Cannot do it: HTTP 500, why (no.such.id). See the server's log."),
        (500, body("no.such.id", "It is so", "It is so"), None, "Cannot do it: HTTP 500, It is so (no.such.id)."),
        (
            400,
            b"request Content-Type isn't multipart/form-data\n",
            None,
            "Cannot do it: HTTP 400, request Content-Type",
        ),
        (418, b"<html>teapot</html>", None, "Cannot do it: HTTP 418."),
        (418, b"[1]", None, "Cannot do it: HTTP 418, [1]."),
        (418, b"\xff\xfe", None, "Cannot do it: HTTP 418, \ufffd\ufffd."),
    ],
)
def test_sentences(status, answer, needs, sentence):
    error = refused(tried="do it", status=status, body=answer, needs=needs)
    assert error.message.startswith(sentence)
    assert error.status == status
    assert error.result()["msg"] == error.message == str(error)


@pytest.mark.parametrize(
    ("status", "error_id", "missing", "no_route"),
    [
        (404, "app.user.get_by_username.app_error", True, False),
        (404, "api.context.404.app_error", False, True),
        (404, None, True, False),
        (400, "x", False, False),
        (None, None, False, False),
    ],
)
def test_what_is_not_there(status, error_id, missing, no_route):
    error = MattermostError("No.", status=status, error_id=error_id)
    assert (error.missing, error.no_route) == (missing, no_route)
    assert error.result() == {"msg": "No.", "status": status, "error_id": error_id}
