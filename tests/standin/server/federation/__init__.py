# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Connected workspaces: secure connections to other servers, and channels shared over them."""
