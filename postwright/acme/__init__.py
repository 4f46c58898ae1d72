"""Certificates by ACME (RFC 8555). ``host`` is the program that keeps one, and runs on the mail host."""
