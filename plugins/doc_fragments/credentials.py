# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option credentials; kept together with OPTION of module_utils/bundle/access.py."""

from __future__ import annotations


class ModuleDocFragment:
    """What servers of the air-gap engine are told of who asks."""

    DOCUMENTATION = r"""
options:
  credentials:
    description:
      - What servers want to know of who asks, and which private authorities vouch for them.
      - Of several entries that a URL begins with, the longest counts. Nothing is sent to another server that one redirects to.
      - Secrets enter neither lock, bundle, evidence nor messages.
    type: list
    elements: dict
    default: []
    suboptions:
      url:
        description:
          - The beginning of the URLs this is for, such as V(https://registry.example.com) or V(https://files.example.com/team).
          - A secret is only sent over https, or within this machine.
          - Images of Docker Hub come from V(https://registry-1.docker.io).
        type: str
        required: true
      username:
        description: For HTTP Basic authentication, and for the token service that a registry names.
        type: str
      password:
        description: The password, or the access token that stands for one, of O(credentials[].username).
        type: str
      token:
        description: A token that is sent as it is, as a bearer token. Mutually exclusive with O(credentials[].username).
        type: str
      ca_certificates:
        description:
          - Certificates of private authorities, as PEM text or as the path of a file on the managed node.
          - They are trusted for these URLs only, besides those the system trusts.
        type: str
"""
