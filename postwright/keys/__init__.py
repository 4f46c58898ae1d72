"""DKIM keys: made, kept encrypted, named by selectors."""
