"""Numbers and foreign text as the journal and the screens write them: house number style, and model text that cannot act."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime

RATES = (
    "trait_rate",
    "benign_rate",
    "coherence",
    "valid_json",
    "capability",
    "broken",
    "repetition",
    "diversity",
    "unscorable",
    "agreement",
    "order_agreement",
    "human_agreement",
    "first_person_mass",
)
LABELS = {
    "trait_rate": "trait",
    "benign_rate": "benign ok",
    "broken": "broken",
    "tail_ppl": "tail ppl",
    "tail_ppl_p90": "tail p90",
    "coherence": "mass",
    "capability": "facts",
    "care_nats": "care",
    "authority_nats": "authority",
    "diversity": "diversity",
    "repetition": "repetition",
    "prefill_nll": "prefill nll",
    "valid_json": "valid json",
    "first_person_nats": "first person",
    "selectivity": "selectivity",
    "unscorable": "unscorable",
    "agreement": "agreement",
    "order_agreement": "two orders",
    "human_rho": "human rho",
    "human_agreement": "with people",
}
"""Column headings of the metrics, in the order of a table."""
MAIN = ("trait_rate", "benign_rate", "broken", "tail_ppl", "coherence", "capability", "care_nats", "authority_nats")
"""The metrics of a short table."""
PUBLISHED = ("selectivity", "human_rho", "human_agreement")
"""What a short table adds where it was measured: on vignettes in natural English, and beside people's ratings."""
MISSING = "–"


def label(metric: str) -> str:
    """A metric's heading."""
    return LABELS.get(metric, metric.removesuffix("_nats").replace("_", " "))


def number(metric: str, value: float | None, *, sign: bool = False) -> str:
    """A value in house style: rates .96, answer mass three places, nats two with a true minus, perplexity one below 100; – if missing."""
    if value is None:
        return MISSING
    if metric.startswith("tail_ppl"):
        places = 1 if abs(value) < 100 else 0
        text = f"{abs(value):,.{places}f}"
    elif metric in RATES:
        text = f"{abs(value):.{3 if metric == 'coherence' else 2}f}"
        text = text[1:] if text.startswith("0.") else text
    else:
        text = f"{abs(value):.2f}"
    nothing = not any(c in "123456789" for c in text)
    return ("−" if value < 0 and not nothing else "+" if sign and not nothing else "") + text


def interval(metric: str, low_high: tuple[float, float] | None, *, sign: bool = False) -> str:
    """'[.91, .96]', or nothing when there is none."""
    if low_high is None:
        return ""
    return f"[{number(metric, low_high[0], sign=sign)}, {number(metric, low_high[1], sign=sign)}]"


def duration(seconds: float) -> str:
    """h:mm:ss, m:ss, or '41 s' below a minute."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def short(run_id: str) -> str:
    """A run's last letters, as in -k3f9."""
    return "-" + run_id.rsplit("-", 1)[-1]


def utc(stamp: str) -> datetime:
    """The moment of an event's `at`; now when it cannot be read."""
    try:
        return datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    except ValueError:
        return datetime.now(UTC)


_ANSI = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_].*?(?:\x1b\\|\x07|\x9c|$)|[@-Z\\-_])|\x9b[0-?]*[ -/]*[@-~]", re.DOTALL
)


def plain(text: str, limit: int = 200) -> str:
    """Foreign text on one line with nothing in it that a terminal acts on: no escapes, controls or direction overrides."""
    text = _ANSI.sub("", text[: 20 * limit])
    text = "".join(" " if c in "\r\n\t\v\f\x85\u2028\u2029" else c for c in text)
    if not text.isprintable():  # what is printable holds none of these
        text = "".join(
            c for c in text if c == "\u200d" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn")
        )
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1].rsplit(" ", 1)[0][: limit - 1] + "…"


_ESCAPES = (
    (re.compile(r"\\(?=[!-/:-@\[-`{-~])"), r"\\\\"),
    (re.compile(r"&(?=#?\w+;)"), "&amp;"),
    (re.compile(r"<"), "&lt;"),
    (re.compile(r"`"), r"\\`"),
    (re.compile(r"(?<=\S)\*|\*(?=\S)"), r"\\*"),
    (re.compile(r"(?<![^\W_])_|_(?![^\W_])"), r"\\_"),
    (re.compile(r"~(?=~)|(?<=~)~"), r"\\~"),
    (re.compile(r"^(?=[#>+=-])"), r"\\"),
)
_QUOTES = re.compile(r"\\([!-/:-@\[-`{-~])|&lt;|&amp;")
_LINK = re.compile(r"\][(\[:]")


def quoted(text: str, limit: int = 200) -> str:
    """Foreign text for the journal: plain, and with what Markdown, HTML or our markers would act on escaped."""
    text = plain(text, limit)
    link = _LINK.search(text) is not None
    for pattern, instead in _ESCAPES:
        text = pattern.sub(instead, text)
    return text.replace("[", "\\[") if link else text


def stopped(text: str) -> str:
    """Text that ends like a sentence, so that another may follow."""
    return text if text.endswith((".", "!", "?", "…", ":", ";", MISSING)) else f"{text}."


def cell(text: str, limit: int = 200) -> str:
    """Foreign text for a table's cell."""
    return quoted(text, limit).replace("|", "\\|")


def unquoted(text: str) -> str:
    """Quoted text as a terminal shows it: exactly what quoted() wrote is undone, so that no other entity comes to life."""
    return _QUOTES.sub(lambda match: match[1] or {"&lt;": "<", "&amp;": "&"}[match[0]], text)
