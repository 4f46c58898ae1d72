"""Tells Postfix how a receiver must prove itself: DANE where there is one, else as its MTA-STS policy demands.

Runs on mail hosts, with Debian's Python and dnspython alone, between Postfix and Debian's MTA-STS resolver
(postfix-mta-sts-resolver), which knows nothing of DANE. RFC 8461 section 2: MTA-STS must not override a failing DANE
validation, and to Postfix a policy of a table does just that.
"""
