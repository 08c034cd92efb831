"""Text as search sees it: words and Chinese character pairs, letter groups that survive a typing error, and a key per action."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from itertools import pairwise

# A run of letters and digits without Chinese, or one Chinese character.
_TOKEN = re.compile(r"[^\W_\u3400-\u9fff]+|[\u3400-\u9fff]")
_GRAM_LENGTHS = (2, 3)


def words(text: str) -> list[str]:
    """Return the words of `text`; Chinese, which has no spaces, as single characters and neighbouring pairs."""
    if text.isascii():
        return _tokens(text)
    tokens = _tokens(text)
    pairs = [a + b for a, b in pairwise(tokens) if _is_chinese(a) and _is_chinese(b)]
    return tokens + pairs


def grams(text: str) -> list[str]:
    """Return the groups of 2 and 3 letters within the words of `text`, word ends included; Chinese pairs."""
    found = []
    for word in words(text):
        if _is_chinese(word):
            found.append(word)
            continue
        padded = f" {word} "
        found += [padded[at : at + length] for length in _GRAM_LENGTHS for at in range(len(padded) - length + 1)]
    return found


def action_key(text: str) -> str:
    """Return what two spellings of the same action share: its words in order, without case and punctuation."""
    return " ".join(_tokens(text))


def action_id(key: str) -> str:
    """Return the id of an action that is known from cases only."""
    return f"action-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def _tokens(text: str) -> list[str]:
    # ASCII is its own normal form: most of a million texts need not be asked.
    return _TOKEN.findall((text if text.isascii() else unicodedata.normalize("NFKC", text)).casefold())


def _is_chinese(token: str) -> bool:
    return "\u3400" <= token[0] <= "\u9fff"
