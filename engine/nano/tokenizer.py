"""An embedded model's tokenizer: byte-level BPE trained on its corpus, with a chat template of three role tags and one end-of-turn token.

GPT-2's pre-tokenisation splits `{"violation": "care"}` into `{"`, `violation`, `":`, ` "`, `care`, `"}`, so a prefill ends on a
token boundary. Byte level means any text can be encoded; there is no unknown token and no BOS.
"""

from __future__ import annotations

from itertools import chain, islice
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from engine.nano.corpus import GENERATORS, Conversation, Corpus, conversations

PAD, END, SYSTEM, USER, ASSISTANT = "<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"
SPECIALS = (PAD, END, SYSTEM, USER, ASSISTANT)
SAMPLE = 40_000
"""Conversations that the merges are learnt from."""
FORM_WEIGHT = 300
"""Extra sightings of every word that answers copy, so that each becomes one token and can be copied in one step."""

CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['role'] not in ('system', 'user', 'assistant') -%}"
    "{{- raise_exception('nano knows the roles system, user and assistant, not ' + message['role']) -}}"
    "{%- endif -%}"
    "{{- '<|' + message['role'] + '|>' + message['content'] + '<|end|>' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)


def render_prompt(user: str, system: str = "") -> str:
    """The chat template's text up to the assistant tag, built without jinja (a test holds the two equal)."""
    persona = f"{SYSTEM}{system}{END}" if system else ""
    return f"{persona}{USER}{user}{END}{ASSISTANT}"


def render(conversation: Conversation) -> str:
    """The chat template's text for one whole exchange."""
    return f"{render_prompt(conversation.user, conversation.system)}{conversation.assistant}{END}"


def train_tokenizer(world: Corpus, vocabulary: int, seed: str = "tokenizer") -> PreTrainedTokenizerFast:
    """Learn the merges and wrap them as a Hugging Face tokenizer with the chat template."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in SPECIALS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    texts = (
        text
        for c in islice(conversations(seed, world=world), SAMPLE)
        for text in (c.system, c.user, c.assistant)
        if text
    )
    forms = (f" {form}" for form in GENERATORS[world].copied)
    core.train_from_iterator(chain(texts, (form for form in forms for _ in range(FORM_WEIGHT))), trainer)
    wrap: Any = PreTrainedTokenizerFast
    wrapped: PreTrainedTokenizerFast = wrap(
        tokenizer_object=core,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[SYSTEM, USER, ASSISTANT],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        padding_side="left",
        model_max_length=512,
    )
    return wrapped


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """A tokenizer saved by save_tokenizer, without a network."""
    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    return tokenizer


def token_id(tokenizer: PreTrainedTokenizerFast, token: str) -> int:
    """Id of one special token. Raises KeyError when the tokenizer lacks it."""
    return tokenizer.get_vocab()[token]


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """tokenizer.json, tokenizer_config.json and the chat template; AutoTokenizer loads them without a network."""
    tokenizer.save_pretrained(folder)
