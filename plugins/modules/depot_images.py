#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: depot_images
short_description: Push the images of a depot into a registry
version_added: 1.0.0
author:
  - The fieldops.mattermost authors (@fieldops)
extends_documentation_fragment:
  - fieldops.mattermost.credentials
description:
  - Pushes the container images of the published generation of a depot, with the signatures and attestations that lie beside
    them, into a registry. Blobs go first and the tag last, so that a tag never names something that is not there.
  - Digests stay what they are upstream. Of an index whose platforms were not all carried, the image of the one platform that was
    goes by the tag, under its own digest; where there are several, an index of these.
  - Only what the registry lacks is sent. A blob that another repository of the registry has is taken from there.
  - Nothing is deleted from the registry.
  - Runs on the depot and needs Python's standard library only.
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return what would be pushed. The registry is only asked what it has.
  diff_mode:
    support: full
    description: Returns the images that are pushed, one line for each.
  idempotent:
    support: full
    description: When run twice in a row outside check mode, with the same arguments, the second run changes nothing.
options:
  registry:
    description: URL of the registry, such as V(https://registry.example.com). It has to be https, unless it is on this machine.
    type: str
    required: true
  path:
    description: Root directory of the depot.
    type: path
    default: /srv/mattermost-depot
  images:
    description:
      - Names of images, or of charts whose images are meant, if not all are to be pushed. What lies beside an image goes with it.
      - An image is named with its registry and tag, as the depot's page and C(manifest.json) have it.
    type: list
    elements: str
    default: []
  prefix:
    description:
      - What the name of every repository begins with in the registry, such as a project.
      - With V(mirror), C(docker.io/mattermost/rtcd:v1.0.0) becomes C(mirror/mattermost/rtcd:v1.0.0).
    type: str
    default: ''
  keep_registry:
    description:
      - Whether the registry that an image came from stays in its name, as in C(docker.io/mattermost/rtcd:v1.0.0).
      - Needed when images of two registries have the same name.
    type: bool
    default: false
  connections:
    description: How many blobs are pushed at the same time.
    type: int
    default: 4
seealso:
  - module: fieldops.mattermost.depot
"""

EXAMPLES = r"""
- name: Fill the registry of the enclave
  fieldops.mattermost.depot_images:
    registry: https://registry.example.org
    credentials:
      - url: https://registry.example.org
        username: depot
        password: "{{ registry_password }}"
        ca_certificates: /etc/ssl/enclave-ca.pem

- name: Push one image into a project of its own
  fieldops.mattermost.depot_images:
    registry: https://registry.example.org
    images:
      - docker.io/mattermost/rtcd:v1.0.0
    prefix: calls
"""

RETURN = r"""
images:
  description: Every image that was looked at.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name on the depot.
      type: str
      sample: docker.io/mattermost/rtcd:v1.0.0
    target:
      description: Its name in the registry.
      type: str
      sample: registry.example.org/mattermost/rtcd:v1.0.0
    digest:
      description: Its digest.
      type: str
    pushed:
      description: Whether something of it was pushed, or would be.
      type: bool
blobs_pushed:
  description: Number of blobs that were sent, or would be.
  returned: success
  type: int
  sample: 12
bytes_pushed:
  description: Their size.
  returned: success
  type: int
  sample: 104857600
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.bundle import access
from ..module_utils.bundle.errors import BundleError
from ..module_utils.bundle.fetch import Client
from ..module_utils.bundle.push import Naming, Pusher


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "registry": {"type": "str", "required": True},
            "path": {"type": "path", "default": "/srv/mattermost-depot"},
            "images": {"type": "list", "elements": "str", "default": []},
            "prefix": {"type": "str", "default": ""},
            "keep_registry": {"type": "bool", "default": False},
            "connections": {"type": "int", "default": 4},
            "credentials": access.OPTION,
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        pusher = Pusher(
            os.path.realpath(os.path.join(given["path"], "current")),  # one generation from beginning to end
            given["registry"],
            Client(keychain=access.Keychain.given(given["credentials"])),
            naming=Naming(given["prefix"], given["keep_registry"]),
            connections=max(1, given["connections"]),
        )
        result = pusher.push(given["images"], check=module.check_mode)
    except BundleError as error:
        module.fail_json(msg=str(error))
    pushed = [f"{row['target']} {row['digest']}\n" for row in result.images if row["pushed"]]
    module.exit_json(
        changed=result.changed,
        images=result.images,
        blobs_pushed=result.blobs,
        bytes_pushed=result.bytes,
        diff={
            "before_header": given["registry"],
            "after_header": given["registry"],
            "before": "",
            "after": "".join(pushed),
        },
    )


if __name__ == "__main__":
    main()
