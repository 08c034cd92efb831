"""Every word that the product says on screen, in its two languages.

A key is said with `say(key, language)`. Names that come from a plant (kinds of defect, causes, channels) are looked up too, and are
shown as they are where the product does not know them: a plant may name its own.
"""

from __future__ import annotations

from typing import Literal

from dashboards.vocabulary import WORDS
from dashboards.vocabulary.names import CAUSES, CHANNELS, DONE, KINDS, PARAMETERS, STAGES
from inspector import remarks
from inspector.parts import Text

Language = Literal["en", "zh"]
LANGUAGES: dict[Language, str] = {"en": "English", "zh": "中文"}


def language_of(locale: str | None) -> Language:
    """Return the language for a browser's locale such as "zh-CN"; English where none fits."""
    return "zh" if (locale or "").lower().startswith("zh") else "en"


def in_language(text: Text, language: Language) -> str:
    """Return `text` in `language`."""
    return text.zh if language == "zh" else text.en


def say(key: str, language: Language, **values: object) -> str:
    """Return the words for `key` with `values` filled in. Raises KeyError for a key that nobody wrote."""
    words = in_language(WORDS[key], language)
    return words.format(**values) if values else words


def kind_name(kind: str | None, language: Language) -> str:
    """Return what a kind of defect is called; "" for none."""
    return _name(KINDS, kind, language)


def cause_name(cause: str | None, language: Language) -> str:
    """Return what a cause is called; "" for none."""
    return _name(CAUSES, cause, language)


def channel_name(channel: str, language: Language) -> str:
    """Return what a channel is called."""
    return _name(CHANNELS, channel, language)


def parameter_name(parameter: str, language: Language) -> str:
    """Return what a setting of a fix is called."""
    return _name(PARAMETERS, parameter, language)


def stage_name(stage: str, language: Language) -> str:
    """Return what a stage of the pipeline is called."""
    return _name(STAGES, stage, language)


def in_words(remark: str, language: Language) -> str:
    """Return what the inspector remarked of a signal or a verdict, in `language`."""
    return remarks.said(remark, language, lambda channel: channel_name(channel, language))


def done_name(action: str, language: Language) -> str:
    """Return what the audit log's action is called."""
    return _name(DONE, action, language)


def signer(who: str, language: Language) -> str:
    """Return who did something, as the audit log has it: whoever used the command line is a user of the computer."""
    return who.replace("command line", say("command_line", language))


def all_words(language: Language) -> dict[str, str]:
    """Return every word of one language, for the parts of the screen that speak without the server."""
    return {key: in_language(text, language) for key, text in WORDS.items()}


def _name(names: dict[str, Text], name: str | None, language: Language) -> str:
    if not name:
        return ""
    return in_language(names[name], language) if name in names else name.replace("_", " ")
