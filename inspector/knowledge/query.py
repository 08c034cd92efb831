"""What is asked of the memory of fixes."""

from __future__ import annotations

from dataclasses import dataclass

from inspector.parts import NOT_MEASURED, UNKNOWN_DEFECT


@dataclass(frozen=True, slots=True)
class Query:
    """What is known of a trouble; any subset. A cause that was not measured, or a defect of unknown kind, says nothing."""

    defect: str | None = None
    cause: str | None = None
    station: str | None = None
    text: str | None = None
    product: str | None = None

    @property
    def known_cause(self) -> str | None:
        return None if self.cause == NOT_MEASURED else self.cause or None

    @property
    def known_defect(self) -> str | None:
        return None if self.defect == UNKNOWN_DEFECT else self.defect or None

    @property
    def words(self) -> str:
        """The text, "" where there is none."""
        return (self.text or "").strip()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known that could tell one trouble from another; a station or a product alone does not."""
        return not (self.known_cause or self.known_defect or self.words)
