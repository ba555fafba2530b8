"""Secrets struck out of text before it is written down: told by their shape, or by being the value of a secret's name (FAULTS 27).

A name is a secret's when it ends in a word such as token, key or password: HF_TOKEN is one, num_memory_tokens and max_new_tokens are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

MASK = "***"
SHORTEST = 6
"""Characters of an environment's value that is looked for; shorter ones would strike innocent text."""
_WORDS = (
    r"(?:api[_-]?key|access[_-]?key|private[_-]?key|key|token|secret|passw(?:or)?d|pass|credentials?|auth|bearer|pat)"
)
_NAME = re.compile(rf"(?:^|[_.-]){_WORDS}$", re.IGNORECASE)
_USER = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_QUERY = re.compile(rf"(?<=[?&])((?:[\w.-]{{0,40}}[_.-])?{_WORDS})=([^&#\s]+)", re.IGNORECASE)
_RULES = (
    (_USER, MASK),
    (_QUERY, rf"\1={MASK}"),
    (re.compile(r"\b(?:hf_|sk-|ghp_|gho_|ghs_|github_pat_|glpat-|xox[abp]-|AKIA)[\w-]{8,}"), MASK),
    (re.compile(r"\b(bearer|authorization:\s*basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {MASK}"),
    (
        re.compile(
            r"(?<![^\W_])((?:api[_-]?key|access[_-]?key|token|secret|passw(?:or)?d)"
            r"['\"]?\s*[=:]\s*['\"]?)[^\s'\",;&]{6,}",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"(--(?:[\w-]{0,40}-)?(?:api-key|token|secret|password)\s+)[^\s-]\S*", re.IGNORECASE), rf"\1{MASK}"),
)


def secret_values(environment: Mapping[str, str]) -> list[str]:
    """The values of an environment that belong to a secret's name, longest first."""
    found = {value for name, value in environment.items() if names_secret(name) and len(value) >= SHORTEST}
    return sorted(found, key=len, reverse=True)


def names_secret(name: str) -> bool:
    """Whether an environment variable, an option or a key of this name holds a secret."""
    return _NAME.search(name) is not None


def in_urls(text: str) -> list[str]:
    """User and password of every URL in a text, together and the password alone, and secret query values."""
    users = [match[0] for match in _USER.finditer(text)]
    return [*users, *(user.partition(":")[2] for user in users), *(match[2] for match in _QUERY.finditer(text))]


def redact(text: str, known: Iterable[str] = ()) -> str:
    """The text with `known` values and everything that has the shape of a secret replaced by ***. Doing it twice changes nothing."""
    for value in known:
        text = text.replace(value, MASK)
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return text
