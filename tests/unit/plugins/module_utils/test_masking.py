# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils._masking import (
    SERVER_MASK,
    is_masked,
    is_secret,
    secrets_in,
    strings_in,
)


# Every key the servers mask, and those they do not although they hold secrets.
@pytest.mark.parametrize(
    "key",
    [
        "LdapSettings.BindPassword",
        "LdapSettings.BindUsername",
        "FileSettings.PublicLinkSalt",
        "FileSettings.AmazonS3SecretAccessKey",
        "FileSettings.ExportAmazonS3SecretAccessKey",
        "EmailSettings.SMTPPassword",
        "GitLabSettings.Secret",
        "SqlSettings.DataSource",
        "SqlSettings.DataSourceReplicas",
        "SqlSettings.DataSourceSearchReplicas",
        "SqlSettings.ReplicaLagSettings",
        "SqlSettings.AtRestEncryptKey",
        "ElasticsearchSettings.Password",
        "MessageExportSettings.GlobalRelaySettings.SMTPPassword",
        "ServiceSettings.SplitKey",
        "CacheSettings.RedisPassword",
        "AutoTranslationSettings.LibreTranslate.APIKey",
        "ImageProxySettings.RemoteImageProxyOptions",
        "PluginSettings.Plugins.com.mattermost.plugin-matrix-bridge.matrix_as_token",
        "PluginSettings.Plugins.com.mattermost.ms-embedded.m365_client_secret",
    ],
)
def test_secret_keys(key):
    assert is_secret(key.split("."))


@pytest.mark.parametrize(
    "key",
    [
        "ServiceSettings.SiteURL",
        "ServiceSettings.TLSKeyFile",
        "ServiceSettings.EnableUserAccessTokens",
        "ServiceSettings.MaximumPersonalAccessTokens",
        "EmailSettings.SMTPUsername",
        "Office365Settings.TokenEndpoint",
        "PasswordSettings.MinimumLength",
        "SamlSettings.PrivateKeyFile",
    ],
)
def test_other_keys(key):
    assert not is_secret(key.split("."))


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        (SERVER_MASK, True),
        ("*" * 31, False),
        ("", False),
        (3, False),
        (["a", SERVER_MASK], True),
        ([], False),
        ([{"DataSource": SERVER_MASK, "Lag": 1}], True),
        ({"a": "b"}, False),
    ],
)
def test_is_masked(value, masked):
    assert is_masked(value) is masked


def test_strings_in():
    assert list(strings_in({"a": ["b", {"c": "d"}, ""], "e": 1, "f": None})) == ["b", "d"]


def test_secrets_inside_a_value():
    path = ("PluginSettings", "Plugins", "mattermost-ai", "config")
    value = {"services": [{"name": "model", "apiKey": "open-sesame"}, {"headers": ["x"]}], "limit": 3}
    assert is_secret(path, value) and not is_secret(path) and not is_secret(path, {"services": []}, None, "text")
    assert list(secrets_in(path, value)) == ["open-sesame"]
    assert list(secrets_in(("token",), ["a", {"b": "c"}])) == ["a", "c"]
