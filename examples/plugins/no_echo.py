"""A completion filter: drop an answer that only says the question again.

cockpit launch ... --plugin examples/plugins/no_echo.py --set keep.filters=no_echo
"""

from engine.plugins import completion_filter
from engine.steer.keep import Judged


@completion_filter
def no_echo(judged: Judged) -> bool:
    """True drops the completion, with no_echo as its reason."""
    asked = set(judged.candidate.prompt.text.lower().split())
    said = judged.candidate.text.lower().split()
    return sum(word in asked for word in said) > 0.6 * len(said)
