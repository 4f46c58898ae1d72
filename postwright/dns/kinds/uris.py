"""Addresses of reports as the URIs that DMARC and TLS-RPT records list. Pure."""

from __future__ import annotations

from urllib.parse import quote


def report_uri(target: str) -> str:
    """A mail address as a mailto URI; an https URL as it is, for the inventory lets no special character into one.

    ``,``, ``!`` and ``;`` mean something in these records and must be encoded (RFC 9989 §4.7, RFC 8460 §3).
    """
    return target if target.startswith("https:") else "mailto:" + quote(target, safe="@$'*+")
