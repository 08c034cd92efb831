"""From a cause to what helped: the memory of fixes. It infers no causes, and knows no database: fixes and cases are handed to it."""

from inspector.knowledge.memory import Memory
from inspector.knowledge.query import Query

__all__ = ["Memory", "Query"]
