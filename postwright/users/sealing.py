"""Encrypts password hashes with a key made of the keyring's passphrase: scrypt (RFC 7914) and AES-256-GCM (NIST SP 800-38D).

Promise: what is sealed for one login opens for no other (the login is associated data); the key is derived once per process
and never written; no error holds any part of a secret.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

_COST = {"n": 2**15, "r": 8, "p": 1}  # 32 MiB and about 0.1 s; the passphrase itself is strong (keys.private)
_NONCE = 12  # octets, random: with one key that is safe for 2^32 seals
_PURPOSE = b"postwright user password\0"


def new_salt() -> str:
    return b64encode(os.urandom(16)).decode()


@lru_cache(maxsize=4)
def derived(passphrase: str, salt: str) -> bytes:
    """The key of a store."""
    return Scrypt(salt=b64decode(salt), length=32, **_COST).derive(passphrase.encode())


def seal(key: bytes, login: str, text: str) -> str:
    """Encrypted for this login, in base64."""
    nonce = os.urandom(_NONCE)
    return b64encode(nonce + AESGCM(key).encrypt(nonce, text.encode(), _PURPOSE + login.encode())).decode()


def unseal(key: bytes, login: str, sealed: str) -> str:
    """What was sealed; ValueError if it was not with this key and for this login."""
    raw = b64decode(sealed, validate=True)
    try:
        return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], _PURPOSE + login.encode()).decode()
    except InvalidTag:
        raise ValueError("not sealed with this passphrase for this login") from None
