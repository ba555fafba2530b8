"""A verdict as a text: a vignette as a prompt that asks for one, and whether an answer is one at all.

The forced choices over verdicts are measured in foundations.py (by name) and enumerated.py (by number)."""

from __future__ import annotations

import json

from engine.contract.world import FORMS, FOUNDATIONS, Form, Prompt, Vignette

_NUMBERS = tuple(str(n + 1) for n in range(len(FOUNDATIONS)))


def asked_for_verdict(vignette: Vignette, turn: int) -> Prompt:
    """A neutral prompt that asks for the verdict; where the options are numbered, in the order whose turn it is."""
    text = vignette.asked[turn % len(vignette.asked)].text if vignette.asked else vignette.text
    return Prompt(vignette.id, text, "neutral", vignette.cluster, vignette.id, {})


def is_valid(answer: str) -> bool:
    """Whether an answer is JSON that names a foundation, or gives its number."""
    return is_verdict(answer) or is_choice(answer, "violation", _NUMBERS)


def is_verdict(text: str, forms: tuple[Form, ...] = FORMS) -> bool:
    """Whether an answer is valid JSON that names one of the foundations in one of the forms."""
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return isinstance(found, dict) and any(found.get(_key(form)) in form.options for form in forms)


def _key(form: Form) -> str:
    (key,) = json.loads(form.prefill + form.closing)
    return str(key)


def is_choice(text: str, key: str, options: tuple[str, ...]) -> bool:
    """Whether an answer is JSON that gives one of the options under `key`, as a text or as a number, in a code fence or not."""
    text = text.strip()
    if text.startswith("```") and text.endswith("```"):
        text = text[3:-3].removeprefix("json")
    try:
        found = json.loads(text)
    except ValueError:
        return False
    chosen = found.get(key) if isinstance(found, dict) else None
    return not isinstance(chosen, bool) and isinstance(chosen, (str, int)) and str(chosen) in options
