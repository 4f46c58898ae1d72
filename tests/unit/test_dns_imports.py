"""What reading DNS loads: nothing that the zones at hand do not need, for every run pays for it."""

import subprocess
import sys


def test_an_rfc2136_zone_needs_no_resolver_and_no_client_of_others():
    """This machine's resolver is asked for name servers outside the fleet alone; Cloudflare's SDK is most of a second."""
    code = "import sys, postwright.publishing, postwright.dns.providers.rfc2136; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()

    assert "postwright.dns.survey" in loaded
    assert not {"dns.resolver", "cloudflare", "httpx", "octodns"} & set(loaded)
