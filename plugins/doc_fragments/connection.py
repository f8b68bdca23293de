# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection options; kept together with module_utils/_argspec.py."""

from __future__ import annotations


class ModuleDocFragment:
    """How modules reach a Mattermost server."""

    DOCUMENTATION = r"""
options:
  url:
    description:
      - Address of the server, as its users write it, for instance V(https://chat.example.org).
        With a subpath, when the server has one.
      - Modules run on the target host, so it is reached from there.
      - Mutually exclusive with O(socket_path).
      - If not set, the environment variable E(MATTERMOST_URL) is used.
    type: str
  socket_path:
    description:
      - The server's local-mode socket (C(ServiceSettings.LocalModeSocketLocation)) on the target host.
        Needs no credentials, but the rights of root or of the account the server runs under.
      - Mutually exclusive with O(url).
      - If not set, the environment variable E(MATTERMOST_SOCKET_PATH) is used.
    type: path
  token:
    description:
      - A session or personal access token, used with O(url).
      - Mutually exclusive with O(login_username).
      - If not set, the environment variable E(MATTERMOST_TOKEN) is used.
    type: str
  login_username:
    description:
      - User name or e-mail address of the account to log in with, used with O(url).
        The session is ended when the module ends.
      - If not set, the environment variable E(MATTERMOST_LOGIN_USERNAME) is used.
    type: str
  login_password:
    description:
      - Password of O(login_username).
      - If not set, the environment variable E(MATTERMOST_LOGIN_PASSWORD) is used.
    type: str
  mfa_code:
    description:
      - The current code, when O(login_username) uses multi-factor authentication.
    type: str
  ca_path:
    description:
      - File with the certificates (PEM) that O(url) is verified against, for instance those of the site CA.
        Without it, the system's are used.
      - If not set, the environment variable E(MATTERMOST_CA_PATH) is used.
    type: path
  validate_certs:
    description:
      - Whether to verify the certificate of O(url).
      - If not set, the environment variable E(MATTERMOST_VALIDATE_CERTS) is used.
    type: bool
    default: true
  use_proxy:
    description:
      - Whether to go through the proxy that the target's environment names.
    type: bool
    default: true
  timeout:
    description:
      - Seconds to wait for each answer.
      - If not set, the environment variable E(MATTERMOST_TIMEOUT) is used.
    type: int
    default: 30
"""
