"""Passwords and tokens: named in a station file, kept outside it, never logged."""

from __future__ import annotations

import os
from typing import Self

from pydantic import Field, SecretStr, model_validator

from inspector import drivers
from inspector.drivers import StationPath
from inspector.errors import DriverError


class Secret(drivers.Settings):
    """Where a password or token is found: one of `env`, `file` and, for a bench, `clear`."""

    env: str | None = Field(default=None, min_length=1, description="the environment variable that holds it")
    file: StationPath | None = Field(default=None, description="the file whose only line it is")
    clear: SecretStr | None = Field(default=None, description="itself, in clear: whoever reads the station file knows it")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(place is not None for place in (self.env, self.file, self.clear)) != 1:
            raise ValueError("needs one of env, file and clear")
        return self

    def reveal(self, channel: str) -> str:
        """Return it as it is now. Raises DriverError."""
        if self.clear is not None:
            return self.clear.get_secret_value()
        if self.env is not None:
            value = os.environ.get(self.env)
            if not value:
                raise DriverError(f"the environment variable {self.env} is not set, put the password or token into it", channel=channel)
            return value
        assert self.file is not None
        try:
            value = self.file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise DriverError(f"{self.file}: no password or token can be read from it ({error})", channel=channel) from error
        if not value or len(value.splitlines()) > 1:
            raise DriverError(f"{self.file}: must hold one line, the password or token", channel=channel)
        return value
