"""The one tokenisation path: a chat goes through the template once, and prompt and completion are tokenised apart (KB7, KB17).

Every prompt is checked to end with the assistant tag (KB6) and to contain the whole system text; a completion ends with the
end-of-turn token, so that a student learns to stop (KB31). Models that can think are told not to: what is steered, kept and healed
is the answer. Where a measurement lets them think first, they do so in their template's own block, or after a few words."""

from __future__ import annotations

import re
from collections.abc import Iterable

from transformers import PreTrainedTokenizerBase

from engine.contract.errors import BadInput

_PROBE = "zebra seven"
LET_ME_THINK = "Let me think."
"""What opens the thought of a model whose template has no thinking block."""
_EMPTY_BLOCK = re.compile(r"(?P<open><(?P<tag>[^<>/]+)>)(?P<blank>\s*)(?P<close></(?P=tag)>)(?P<after>\s*)$")


class Chat:
    """Token ids of prompts and completions for one tokenizer.

    `tag` is the ids that open the assistant's turn, `end` the id that closes it, `stops` all ids that end a generation."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        self.system_role = self._has_system_role()
        closed = self._render([{"role": "user", "content": "x"}], tag=False)
        opened = self._render([{"role": "user", "content": "x"}], tag=True)
        if not opened.startswith(closed) or opened == closed:
            raise BadInput("the chat template adds no assistant tag for a generation; mend its add_generation_prompt")
        if opened.rstrip().endswith("<think>"):
            raise BadInput(
                "the chat template opens a thinking block that it cannot be told to leave out; mend the template"
            )
        tag = opened[len(closed) :]
        self.tag: list[int] = self._ids(tag)
        self._block = _EMPTY_BLOCK.search(tag)
        self.end = self._end_of_turn()
        self.stops: set[int] = {self.end}
        if tokenizer.eos_token_id is not None:
            self.stops.add(int(tokenizer.eos_token_id))
        self.pad = int(tokenizer.pad_token_id) if tokenizer.pad_token_id is not None else self.end

    def stop_also(self, ids: int | Iterable[int] | None) -> None:
        """Stop generation on these ids too (the model's own generation config names some)."""
        if ids is not None:
            self.stops |= {int(ids)} if isinstance(ids, int) else {int(i) for i in ids}

    def prompt(self, user: str, system: str = "") -> list[int]:
        """Ids of a system and a user turn followed by the assistant tag. Raises BadInput when the template lost any of it."""
        if system and not self.system_role:
            user, system = f"{system}\n\n{user}", ""
        messages = ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": user}]
        text = self._render(messages, tag=True)
        if user.strip() not in text or system.strip() not in text:
            raise BadInput("the chat template dropped the system or user text; mend the template")
        ids = self._ids(text)
        if ids[-len(self.tag) :] != self.tag:
            raise BadInput("a prompt does not end with the assistant tag; mend the chat template")
        bos = self.tokenizer.bos_token_id
        if bos is not None and ids[:2] == [bos, bos]:
            raise BadInput("a prompt starts with two BOS tokens; the template and the tokenizer both add one")
        return ids

    def completion(self, text: str, *, ended: bool = True) -> list[int]:
        """Ids of an assistant's answer, with the end-of-turn token unless it broke off."""
        return self._ids(text) + ([self.end] if ended else [])

    def thinking(self, prompt: list[int]) -> list[int]:
        """The ids of a prompt whose answer opens with a thought: in the template's own block where it has one, else after LET_ME_THINK."""
        if self._block is None:
            return prompt + self._ids(LET_ME_THINK)
        lead = self._block.string[: self._block.end("open")] + _first_half(self._block["blank"])
        return prompt[: -len(self.tag)] + self._ids(lead)

    def concluded(self, thought: list[int], answer: str) -> list[int]:
        """The ids of a thought up to where the model ended it or its turn, or began to write `answer`, and what closes it."""
        kept = thought[:-1] if thought and thought[-1] in self.stops else thought
        if self._block is None:
            return self._until(kept, answer) + self._ids("\n\n")
        kept = self._until(kept, self._block["close"])
        blank = self._block["blank"][len(_first_half(self._block["blank"])) :]
        ended = str(self.tokenizer.decode(kept)).endswith(blank or "\0")
        return kept + self._ids(("" if ended else blank) + self._block["close"] + self._block["after"])

    def _until(self, ids: list[int], mark: str) -> list[int]:
        """The tokens before the first one that belongs to `mark`; all of them where it does not occur."""
        at = str(self.tokenizer.decode(ids)).find(mark)
        if at < 0:
            return ids
        return ids[: next(n for n in range(len(ids), -1, -1) if len(str(self.tokenizer.decode(ids[:n]))) <= at)]

    def text(self, ids: list[int]) -> str:
        """The answer's text without special tokens."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=True)).strip()

    def _has_system_role(self) -> bool:
        try:
            text = self._render([{"role": "system", "content": _PROBE}, {"role": "user", "content": "x"}], tag=True)
        except Exception:  # a template raises whatever it likes to refuse a role
            return False
        return _PROBE in text

    def _end_of_turn(self) -> int:
        text = self._render([{"role": "user", "content": "x"}, {"role": "assistant", "content": _PROBE}], tag=False)
        after = self._ids(text.rpartition(_PROBE)[2])
        if not after:
            raise BadInput("the chat template closes no assistant turn; a student could not learn to stop")
        return after[0]

    def _render(self, messages: list[dict[str, str]], *, tag: bool) -> str:
        return str(
            self.tokenizer.apply_chat_template(
                messages, add_generation_prompt=tag, tokenize=False, enable_thinking=False
            )
        )

    def _ids(self, text: str) -> list[int]:
        return [int(i) for i in self.tokenizer(text, add_special_tokens=False)["input_ids"]]


def _first_half(blank: str) -> str:
    """Of the blanks between the two marks of an empty block, those that a thought comes after."""
    return blank[: (len(blank) + 1) // 2]
