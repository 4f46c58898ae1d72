"""Cloudflare's API v4 for zones and DNS records, on 127.0.0.1, with the rules of its documentation enforced.

Where each rule is from (pages of developers.cloudflare.com unless said otherwise); what is marked (*) is our reading or the
experience of others, not a documented rule, and proves only what postwright does when an answer is so:

- bearer tokens with permissions, for some zones or all: fundamentals/api/reference/permissions; the codes of refusals (*)
- X-Auth-Email and X-Auth-Key are another way to log in, which this account does not have: 6003 (*)
- zones by page, ``per_page`` at most 50; ``result_info``: api, Zones, List Zones
- records by page, ``per_page`` at most 5,000 (*), ``order``, filters ``name.exact`` and ``type``: api, DNS Records, List
- an unknown zone id: 404 with 7003, "could not route" (*, cloudflare-go and terraform-provider-cloudflare issues)
- PATCH changes the fields it names, PUT overwrites the record, comment and tags too: api, DNS Records, Update and Overwrite
- batch: one transaction, in the order deletes, patches, puts, posts, 200 operations on Free plans and 3,500 on others:
  dns/manage-dns-records/how-to/batch-record-changes
- 81057 "The record already exists.", 81058 "An identical record already exists.", 81053 and 81054 for A, AAAA and CNAME at one
  name, 81044 "Record does not exist." (*, error lists of external-dns, lexicon and octodns-cloudflare)
- a CNAME may stand at the apex beside what is no address: dns/cname-flattening; elsewhere beside nothing (RFC 1034 §3.6.2)
- TXT: quoted strings of at most 255 octets, longer ones are split; bare text is kept as it is: api, DNS Records (TXT content);
  at most 4,096 octets on the wire, and 8,192 for all values of a name: dns/manage-dns-records/reference/dns-record-types
- TTL 1 (automatic) or 60 to 86,400: dns/manage-dns-records/reference/ttl; a proxied record's is always automatic
- comments of at most 100 characters without line ends (Free): dns/manage-dns-records/reference/record-attributes
- CAA, TLSA and SRV are given as ``data``, and shown as ``content`` too: api, DNS Records
- records below a delegation may be made, and nobody sees them: dns/manage-dns-records/reference/shadowed-records
- SOA and NS of the apex are Cloudflare's and not listed
- records with ``meta.read_only`` refuse edits (Email Routing's; DNSControl issue 3850), code made up (*)
- over 1,200 calls in five minutes: 429 with Retry-After: fundamentals/api/reference/limits (here when a test says so)
"""

from provider.fake_cloudflare.server import Call, FakeCloudflare, Fault

__all__ = ["Call", "FakeCloudflare", "Fault"]
