"""Who is let in: passwords, badges and tokens, each as little as a hash in the store.

`Logins` is for people and their browsers; machines bring a token of their own (`new_token`). Nothing here knows of HTTP.
"""

from inspector.access.logins import FIRST_ADMIN, SCREEN_S, LockedOutError, Logins, Present, TooOftenError, first_password
from inspector.access.passwords import checked_password, checked_pin, hashed, new_password, new_token, token_hash

__all__ = [
    "FIRST_ADMIN",
    "SCREEN_S",
    "LockedOutError",
    "Logins",
    "Present",
    "TooOftenError",
    "checked_password",
    "checked_pin",
    "first_password",
    "hashed",
    "new_password",
    "new_token",
    "token_hash",
]
