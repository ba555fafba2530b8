"""No secret stays in text that is written down, and nothing that only looks like one is struck (FAULTS 27)."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.redact import MASK, redact, secret_values

VALUE = st.text(string.ascii_letters + string.digits, min_size=12, max_size=40).map(lambda text: f"x9{text}")
SHAPES = st.sampled_from(
    [
        "https://user:{}@host/path",
        "https://{}@host/x.git",
        "GET https://host/?api_key={}&n=1 failed",
        "https://host/?access_token={}",
        "https://host/?n=1&storage.account_key={}",
        "401 for hf_{}",
        "key sk-{} refused",
        "Authorization: Bearer {}",
        "HF_TOKEN={} was set",
        '{{"wandb_api_key": "{}"}}',
        "train.py --api-key {} --epochs 3",
        "train.py --hub-token={}",
        "password: {}",
    ]
)


@given(shape=SHAPES, value=VALUE)
def test_fault_27_whatever_has_the_shape_of_a_secret_is_struck(shape: str, value: str) -> None:
    struck = redact(shape.format(value))
    assert value not in struck
    assert MASK in struck
    assert redact(struck) == struck


@given(value=VALUE, before=st.text(), after=st.text())
def test_fault_27_a_secret_of_the_environment_is_struck_wherever_it_stands(value: str, before: str, after: str) -> None:
    known = secret_values({"MY_API_KEY": value, "PATH": "/usr/bin:/bin", "num_memory_tokens": "1234567"})
    assert known == [value]
    assert value not in redact(before + value + after, known)


@pytest.mark.parametrize(
    "text",
    [
        "num_memory_tokens=1234567",
        "generate.max_new_tokens: 1024000",
        "the tokenizer: PreTrainedTokenizerFast",
        "https://huggingface.co/google/gemma-3-1b",
        "out of memory (12345678 bytes): lower heal.batch_size",
        "tokens per second: 1234567",
        "basic steering with risk-averse answers",
    ],
)
def test_fault_27_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text
