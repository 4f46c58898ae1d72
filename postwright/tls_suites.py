"""Which TLS 1.2 ciphers are spoken where clients must use TLS; TLS 1.3 has strong ones only. Pure.

Those of Mozilla's "intermediate" (Server Side TLS 5.7) but the DHE ones, which RFC 9325 §4.1 advises against and no mail
client of the last ten years needs. All have forward secrecy and authenticated encryption; internet.nl calls them "good".
"""

from __future__ import annotations

STRONG = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
STRONG_LIST = ":".join(STRONG)
