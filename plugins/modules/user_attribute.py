#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: user_attribute
short_description: Manage user attributes of a Mattermost server and their values
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Creates, changes and removes user attributes (custom profile attributes), and sets them for accounts. Access policies
    decide by them, see M(fieldops.mattermost.access_policy).
  - An attribute is found by its name, an option by its name too. Options that stay keep their identifiers, because the
    values of accounts hang on those.
  - Needs a licence of the tier Enterprise or higher, and a server of release 11 or newer.
extends_documentation_fragment:
  - fieldops.mattermost.attributes
  - fieldops.mattermost.attributes.actiongroup_mattermost
  - fieldops.mattermost.connection
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description:
      - Name of the attribute. Access policies write it as C(user.attributes.NAME), so newer servers take letters, digits and
        C(_) only.
    type: str
    required: true
  state:
    description:
      - Whether the attribute exists. V(absent) removes it together with everybody's values.
    type: str
    choices: [present, absent]
    default: present
  type:
    description:
      - What a value is. Needed to create the attribute.
      - The type of an attribute that exists is not changed, because that deletes the values of all accounts.
    type: str
    choices: [text, select, multiselect, date, user, multiuser]
  options:
    description:
      - The values that can be chosen from, in this order. Needed for the types V(select) and V(multiselect).
      - Options that are not in the list are removed, and accounts that had them are left without a value.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Name of the option.
        type: str
        required: true
      color:
        description:
          - Colour in the interface. If not given, it is left as it is.
        type: str
  visibility:
    description:
      - Whether profiles show the attribute.
      - V(hidden) hides it from everybody, V(when_set) shows it when it has a value.
    type: str
    choices: [hidden, when_set, always]
  sort_order:
    description:
      - Where the attribute stands among the others in profiles.
    type: int
  value_type:
    description:
      - What a text has to be. An empty string allows every text.
    type: str
    choices: ["", email, url, phone]
  managed:
    description:
      - V(admin) lets only administrators set values. Without it, accounts set their own, which no access policy should
        rely on (see C(AccessControlSettings.EnableUserManagedAttributes)).
    type: str
    choices: ["", admin]
  ldap:
    description:
      - The LDAP attribute that values come from. An empty string ends that.
    type: str
  saml:
    description:
      - The SAML attribute that values come from. An empty string ends that.
    type: str
  values:
    description:
      - Values of accounts, user names as keys. Other accounts are left alone.
      - Options and, for the types V(user) and V(multiuser), accounts are given by name, several of them as a list.
        An empty string or list takes the value away.
    type: dict
notes:
  - A server has at most 20 attributes.
  - Attributes that come from LDAP or SAML take no O(values).
seealso:
  - module: fieldops.mattermost.access_policy
"""

EXAMPLES = r"""
- name: Clearances that only administrators give
  fieldops.mattermost.user_attribute:
    url: https://chat.example.org
    token: "{{ vault_token }}"
    name: clearance
    type: select
    options:
      - name: restricted
      - name: secret
        color: "#c4161c"
    managed: admin
    visibility: hidden
    values:
      jdoe: secret
      asmith: restricted

- name: An attribute that comes from the directory
  fieldops.mattermost.user_attribute:
    socket_path: /run/mattermost/local.socket
    name: nationality
    type: text
    ldap: c

- name: Remove an attribute and everybody's values
  fieldops.mattermost.user_attribute:
    url: https://chat.example.org
    token: "{{ vault_token }}"
    name: shoe_size
    state: absent
"""

RETURN = r"""
user_attribute:
  description:
    - The attribute as it is, or in check mode as it would be. Empty when it does not exist.
    - Values are those of the accounts that were named.
  returned: success
  type: dict
  sample:
    id: uy8ozon1q7fotrf3x3jxe935mh
    name: clearance
    type: select
    visibility: hidden
    sort_order: 0
    value_type: ""
    managed: admin
    ldap: ""
    saml: ""
    options: [{name: restricted, color: ""}, {name: secret, color: "#c4161c"}]
    values: {jdoe: secret, asmith: restricted}
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.fieldops.mattermost.plugins.module_utils._attributes import KINDS, Attribute
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils._module import run_module
from ansible_collections.fieldops.mattermost.plugins.module_utils._resource import ensure

OPTION = {"name": {"type": "str", "required": True}, "color": {"type": "str"}}

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "type": {"type": "str", "choices": list(KINDS)},
        "options": {"type": "list", "elements": "dict", "options": OPTION},
        "visibility": {"type": "str", "choices": ["hidden", "when_set", "always"]},
        "sort_order": {"type": "int"},
        "value_type": {"type": "str", "choices": ["", "email", "url", "phone"]},
        "managed": {"type": "str", "choices": ["", "admin"]},
        "ldap": {"type": "str"},
        "saml": {"type": "str"},
        "values": {"type": "dict"},
    },
)


def run(module: AnsibleModule, client: Client) -> Dict[str, Any]:
    """Compare, change, and tell what was done."""
    attribute = Attribute(client, module.params)
    current = attribute.read()
    present = module.params["state"] == "present"
    wanted = attribute.wanted(current) if present else {}
    outcome = ensure(
        present=present,
        current=current,
        wanted=wanted,
        create=lambda: attribute.create(wanted),
        update=attribute.update,
        delete=attribute.delete,
        check_mode=module.check_mode,
    )
    return outcome.result("user_attribute")


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
