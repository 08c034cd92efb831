"""Who is let in: passwords, badges and tokens, each as little as a hash in the store.

`Logins` is for people and their browsers, `clients` for machines. Nothing here knows of HTTP.
"""

from inspector.access.logins import FIRST_ADMIN, SCREEN_S, Logins, Present, TooOftenError, first_password
from inspector.access.passwords import checked_password, checked_pin, hashed, new_password

__all__ = [
    "FIRST_ADMIN",
    "SCREEN_S",
    "Logins",
    "Present",
    "TooOftenError",
    "checked_password",
    "checked_pin",
    "first_password",
    "hashed",
    "new_password",
]
