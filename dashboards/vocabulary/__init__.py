"""All that the pages say, in English and Chinese, by who reads it."""

from dashboards.vocabulary.door import DOOR
from dashboards.vocabulary.line import LINE
from dashboards.vocabulary.parts import PARTS
from dashboards.vocabulary.workbench import WORKBENCH
from inspector.parts import Text

ROOMS = (LINE, PARTS, WORKBENCH, DOOR)
WORDS: dict[str, Text] = {key: text for room in ROOMS for key, text in room.items()}

__all__ = ["ROOMS", "WORDS"]
