"""Secrets that people type (argon2id), and secrets that machines keep (random enough for a plain hash)."""

from __future__ import annotations

import hashlib
import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from inspector.errors import AccessError

SHORTEST_PASSWORD = 10
LONGEST_SECRET = 200
"""Characters: what is longer is no password but an attack on the one who hashes it."""

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is read as another
_GROUPS, _GROUP_LETTERS = 4, 4

_hasher = PasswordHasher()


def new_password() -> str:
    """Return a password of 79 random bits that can be read aloud."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(_GROUP_LETTERS)) for _ in range(_GROUPS))


def checked_password(password: str) -> str:
    """Return a password that a person chose. Raises AccessError."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_SECRET:
        raise AccessError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_SECRET} characters")
    return password


def checked_pin(pin: str) -> str:
    """Return a PIN: 4 to 8 digits, not all the same. Raises AccessError."""
    if not (pin.isascii() and pin.isdecimal() and 4 <= len(pin) <= 8 and len(set(pin)) > 1):
        raise AccessError("a PIN has 4 to 8 digits that are not all the same")
    return pin


def hashed(secret: str) -> str:
    """Return the argon2id hash of what a person types; takes tens of milliseconds and 64 MiB on purpose."""
    return _hasher.hash(secret)


def matches(kept: str | None, secret: str) -> bool:
    """Say whether `secret` is what was hashed. Takes as long where nothing is kept, so that nobody learns who exists."""
    if len(secret) > LONGEST_SECRET:
        return False
    try:
        return _hasher.verify(kept or _nobody(), secret) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def new_token() -> str:
    """Return a secret of 256 random bits."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """Return what is kept of a random secret."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


@cache
def _nobody() -> str:
    return _hasher.hash(secrets.token_urlsafe(16))
