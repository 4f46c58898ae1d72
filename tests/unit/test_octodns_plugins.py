"""Which plugins of octoDNS are used, and what an operator is told of one that is not. No server is needed."""

import subprocess
import sys

import pytest

from postwright.dns.providers.octodns.plugins import load
from postwright.errors import UsageError
from postwright.model import Octodns, SecretSource


def refusal(tmp_path, plugin, **words):
    with pytest.raises(UsageError) as caught:
        load("other", Octodns(kind="octodns", plugin=plugin, **words), tmp_path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("plugin", "kind"),
    [("octodns_cloudflare.CloudflareProvider", "cloudflare"), ("octodns_bind.Rfc2136Provider", "rfc2136")],
)
def test_what_has_a_provider_here_is_pointed_to_it(tmp_path, plugin, kind):
    """Also where whole_zone is set: these rewrite what is others'."""
    for words in ({}, {"whole_zone": True}):
        assert f'provider other: {plugin} is not used; write kind "{kind}" instead' in refusal(
            tmp_path, plugin, **words
        )


@pytest.mark.parametrize("plugin", ["octodns_transip.TransipProvider", "octodns_sakuracloud.SakuraCloudProvider"])
def test_a_plugin_that_replaces_whole_zones_needs_the_operators_word(tmp_path, plugin):
    assert "replaces the whole zone at every change; keep such a zone by kind zonefile" in refusal(tmp_path, plugin)
    assert "cannot be loaded" in refusal(tmp_path, plugin, whole_zone=True)


def test_a_plugin_that_is_not_installed_comes_with_the_command(tmp_path):
    text = refusal(tmp_path, "octodns_route53.Route53Provider")
    assert "run: pip install 'postwright[octodns]' octodns-route53" in text


def test_a_class_that_the_package_has_not_is_told(tmp_path):
    assert "octodns_powerdns has no class Nothing; see the README of octodns-powerdns" in refusal(
        tmp_path, "octodns_powerdns.Nothing"
    )


def test_secrets_are_in_no_repr_and_in_no_error(tmp_path, monkeypatch):
    monkeypatch.setenv("KEY", "hush/hush+hush")
    config = Octodns(
        kind="octodns",
        plugin="octodns_powerdns.PowerDnsProvider",
        options={"host": "127.0.0.1"},
        secret_options={"api_key": SecretSource(env="KEY")},
    )
    plugin = load("other", config, tmp_path)
    assert "hush" not in repr(plugin)
    for spelling in ("hush/hush+hush", "hush%2Fhush%2Bhush", "hush/hush%2Bhush"):
        assert plugin.told(ValueError(f"GET /?key={spelling}&x")) == "ValueError: GET /?key=***&x"


def test_octodns_is_loaded_only_where_it_is_used():
    code = "import sys, postwright.dns.providers.octodns, postwright.dns.providers.zonefile; print('octodns' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
