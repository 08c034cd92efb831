"""Sign in, act by badge, and know a browser again.

A person signs in for half a day. A screen at the line stays signed in for a month, but only shows: to act on it, somebody types badge
and PIN, and what follows is theirs until nothing was done for three minutes (or they lock it).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from inspector.access.passwords import hashed, matches, new_password, new_token, token_hash
from inspector.errors import AccessError
from inspector.store import Person, Session, Store

FIRST_ADMIN = "admin"
PERSON_S = 12 * 3600
SCREEN_S = 30 * 86_400
ACTING_S = 180

_PER_NAME_AND_PLACE = parse("5 per 5 minutes")
_PER_PLACE = parse("20 per 5 minutes")
_PER_NAME = parse("50 per hour")
"""Wrong attempts. The last one is wide: who guesses from many places must not lock a name's owner out."""

_log = logging.getLogger(__name__)


class LockedOutError(AccessError):
    """An admin lets this person in no more."""


class TooOftenError(AccessError):
    """There were too many wrong attempts."""


@dataclass(frozen=True, slots=True)
class Present:
    """Who is at a browser."""

    person: Person
    """With the rights that they have here and now."""
    screen: str | None = None
    """The account of the screen that they act on, or that is alone."""
    acts_until_utc_ns: int = 0
    """On a screen: when it locks itself; 0 where nobody acts."""

    @property
    def is_acting(self) -> bool:
        """Say whether somebody with a badge acts on a screen."""
        return self.acts_until_utc_ns > 0


def first_password(store: Store) -> str | None:
    """Make the first admin of a new installation and return the password, which is kept nowhere; None where there are people."""
    password = new_password()
    return password if store.people.add_first(FIRST_ADMIN, hashed(password)) else None


class Logins:
    """The sessions of one installation. Wrong attempts are counted in this process."""

    def __init__(self, store: Store, wall_ns: Callable[[], int] = time.time_ns) -> None:
        self._people, self._sessions = store.people, store.sessions
        self._wall_ns = wall_ns
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def log_in(self, name: str, password: str, place: str, *, is_screen: bool = False) -> str:
        """Begin a session at `place` (an address) and return its token. Raises AccessError, LockedOutError, TooOftenError."""
        attempts = _attempts("password", name, place)
        self._refuse_too_many(attempts)
        kept = self._people.secrets_of(name)
        if not matches(kept.password_hash if kept else None, password) or kept is None:
            self._count(attempts)
            _log.warning("wrong name or password for %r from %s", name, place)
            raise AccessError("wrong name or password")
        _refuse_locked(kept.person)
        token = new_token()
        ends_ns = self._wall_ns() + (SCREEN_S if is_screen else PERSON_S) * 10**9
        self._sessions.begin(token_hash(token), kept.person.name, is_screen=is_screen, ends_utc_ns=ends_ns)
        return token

    def log_out(self, token: str) -> None:
        """End a session."""
        self._sessions.end(token_hash(token))

    def act(self, token: str, badge: str, pin: str, place: str) -> None:
        """Let the holder of a badge act on a screen. Raises AccessError, LockedOutError, TooOftenError."""
        session = self._session(token)
        if session is None or not session.is_screen:
            raise AccessError("badges are for a screen at the line; sign in with name and password")
        attempts = _attempts("badge", badge, place)
        self._refuse_too_many(attempts)
        kept = self._people.secrets_of_badge(badge)
        if not matches(kept.pin_hash if kept else None, pin) or kept is None:
            self._count(attempts)
            _log.warning("wrong badge or PIN for badge %r from %s", badge, place)
            raise AccessError("wrong badge or PIN")
        _refuse_locked(kept.person)
        self._sessions.act(token_hash(token), kept.person.name, self._wall_ns() + ACTING_S * 10**9)

    def lock(self, token: str) -> None:
        """Let nobody act on a screen any more."""
        self._sessions.rest(token_hash(token))

    def touch(self, token: str) -> None:
        """Put off the locking of a screen, as somebody has just done something on it."""
        session, now_ns = self._session(token), self._wall_ns()
        # Half a minute late is early enough, and spares the store a write per click.
        if session and session.acting and now_ns < session.acting_ends_utc_ns < now_ns + (ACTING_S - 30) * 10**9:
            self._sessions.put_off(token_hash(token), now_ns + ACTING_S * 10**9)

    def present(self, token: str | None) -> Present | None:
        """Return who is at the browser that holds this token; None where it holds none that counts."""
        session = self._session(token) if token else None
        if session is None:
            return None
        if not session.is_screen:
            return Present(session.person)
        shows = Person(session.person.name, dict.fromkeys(session.person.roles, "viewer"))
        if session.acting is None or session.acting.is_locked or session.acting_ends_utc_ns <= self._wall_ns():
            return Present(shows, screen=session.person.name)
        return Present(session.acting, session.person.name, session.acting_ends_utc_ns)

    def _session(self, token: str) -> Session | None:
        session = self._sessions.get(token_hash(token))
        counts = session is not None and session.ends_utc_ns > self._wall_ns() and not session.person.is_locked
        return session if counts else None

    def _refuse_too_many(self, attempts: list[tuple[RateLimitItem, tuple[str, ...]]]) -> None:
        for limit, keys in attempts:
            if not self._limiter.test(limit, *keys):
                raise TooOftenError("too many wrong attempts; wait five minutes")

    def _count(self, attempts: list[tuple[RateLimitItem, tuple[str, ...]]]) -> None:
        for limit, keys in attempts:
            self._limiter.hit(limit, *keys)


def _refuse_locked(person: Person) -> None:
    """Refuse who is locked out; told only to who knew the secret, so that nobody learns of names."""
    if person.is_locked:
        _log.warning("%r is locked out, and tried to come in", person.name)
        raise LockedOutError(f"{person.name} is locked out; ask an admin")


def _attempts(kind: str, name: str, place: str) -> list[tuple[RateLimitItem, tuple[str, ...]]]:
    return [(_PER_NAME_AND_PLACE, (kind, name, place)), (_PER_PLACE, (kind, place)), (_PER_NAME, (kind, name))]
