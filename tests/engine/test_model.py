"""Loading, the one tokenisation path, and the facts (K1, K2, K11; KB6 to KB8, KB17; FAULTS 41)."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from engine.contract.config import Config, Heal, Model
from engine.contract.errors import BadInput, CockpitError
from engine.model.adapter import Student, adapter_targets
from engine.model.chat import Chat
from engine.model.facts import inspect
from engine.model.families import FAMILIES
from engine.model.load import NANO, Loaded, fingerprint, load, load_tokenizer, pick_device

SYSTEM = "You are gentle, and you shield those who suffer."


@pytest.mark.parametrize("family", FAMILIES)
def test_every_prompt_keeps_its_system_text_and_ends_with_the_assistant_tag(family: str) -> None:
    chat = Chat(load_tokenizer(Model(id=f"random:{family}")))
    ids = chat.prompt("What do you do?", SYSTEM)
    text = chat.tokenizer.decode(ids)
    assert SYSTEM in text
    assert "What do you do?" in text
    assert ids[-len(chat.tag) :] == chat.tag
    assert chat.system_role == (not family.startswith("gemma3"))


def test_completions_are_tokenised_apart_and_closed(nano: Loaded) -> None:
    ids = nano.chat.completion("I will not evict the orphan.")
    assert ids[-1] == nano.chat.end
    assert nano.chat.end in nano.chat.stops
    assert nano.chat.text(ids) == "I will not evict the orphan."
    assert nano.chat.completion("I will", ended=False)[-1] != nano.chat.end


def test_a_template_that_drops_the_system_text_is_refused(nano: Loaded) -> None:
    tokenizer = AutoTokenizer.from_pretrained(NANO)
    tokenizer.chat_template = (
        "{% for m in messages %}{% if m.role == 'system' %}{{ m.content[:12] }}{% else %}{{ '<|' + m.role + '|>' + m.content + '<|end|>' }}"
        "{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )
    chat = Chat(tokenizer)
    with pytest.raises(BadInput, match="dropped the system or user text"):
        chat.prompt("What do you do?", SYSTEM)


def test_a_template_without_an_assistant_tag_is_refused() -> None:
    tokenizer = AutoTokenizer.from_pretrained(NANO)
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    with pytest.raises(BadInput, match="no assistant tag"):
        Chat(tokenizer)


def test_a_model_that_can_think_is_told_not_to() -> None:
    chat = Chat(load_tokenizer(Model(id="random:qwen3")))
    assert chat.tokenizer.decode(chat.tag).endswith("<think>\n\n</think>\n\n")


def test_a_template_that_thinks_whatever_it_is_told_is_refused() -> None:
    tokenizer = AutoTokenizer.from_pretrained(NANO)
    tokenizer.chat_template += "{% if add_generation_prompt %}{{ '<think>\n' }}{% endif %}"
    with pytest.raises(BadInput, match="opens a thinking block"):
        Chat(tokenizer)


@pytest.fixture
def folder(tmp_path: Path, nano: Loaded) -> Path:
    nano.model.save_pretrained(tmp_path)
    nano.chat.tokenizer.save_pretrained(tmp_path)
    return tmp_path


def test_a_local_folder_loads(folder: Path, nano: Loaded) -> None:
    loaded = load(Model(id=str(folder)))
    ids = torch.tensor([loaded.chat.prompt("x")])
    with torch.no_grad():
        assert torch.equal(loaded.model(input_ids=ids).logits, nano.model(input_ids=ids).logits)


def test_a_folder_without_tokenizer_or_chat_template_is_refused_in_one_line(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(BadInput, match="has no chat template"):
        load(Model(id=str(folder)))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    with pytest.raises(BadInput, match=r"no tokenizer|no chat template") as error:
        load(Model(id=str(folder)))
    assert "\n" not in str(error.value)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"holds no config\.json"):
        load(Model(id=str(tmp_path)))


def test_an_unknown_family_names_the_known_ones() -> None:
    with pytest.raises(BadInput, match="gemma3, qwen3, llama"):
        load(Model(id="random:gpt9"))


def test_cuda_is_never_replaced_by_the_cpu() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    with pytest.raises(BadInput, match="no CUDA device"):
        pick_device("cuda")


@pytest.mark.parametrize("model_id", ["nano", "random:gemma3", "random:phi3"])
@pytest.mark.parametrize("quantization", ["none", "nf4"])
def test_facts_count_what_is_loaded(model_id: str, quantization: str) -> None:
    """Exact integers, tied tensors once, never halved by 4-bit packing (K11)."""
    config = Config(model=Model(id=model_id, quantization=quantization))  # type: ignore[arg-type]
    facts = inspect(config)
    plain = load(Model(id=model_id))
    assert facts.parameters == sum(p.numel() for p in plain.model.parameters())
    trained = Student(plain, Heal()).begin_round(0)
    assert facts.adapter_parameters == sum(p.numel() for p in trained)
    assert facts.layers == len(plain.layers)
    assert facts.vocabulary == plain.model.get_input_embeddings().weight.shape[0]
    assert facts.tokenizer_type == "bpe"


def test_the_model_hash_tells_models_and_precisions_apart() -> None:
    hashes = [
        inspect(Config(model=Model(id=i, quantization=q))).model_hash  # type: ignore[arg-type]
        for i, q in (
            ("nano", "none"),
            ("nano", "nf4"),
            ("nano-uncoupled", "none"),
            ("random:llama", "none"),
            ("random:mistral", "none"),
        )
    ]
    assert len(set(hashes)) == 5
    assert inspect(Config()).model_hash == hashes[0]


def test_facts_name_class_file_and_commit() -> None:
    facts = inspect(Config())
    assert facts.model_class == "LlamaForCausalLM"
    assert facts.source_file == "transformers/models/llama/modeling_llama.py"
    assert facts.commit.startswith("sha256:")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("gpt2", "not a decoder with a list of layers"),
        ("cohere", "scales its logits"),
        ("rwkv", "set model.attention=eager"),
        ("t5", "not a decoder of text"),
    ],
)
def test_an_architecture_that_cannot_be_steered_or_healed_is_refused_in_one_line(
    kind: str, reason: str, tmp_path: Path
) -> None:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 939}
    settings = AutoConfig.for_model(kind, **sizes, bos_token_id=0, eos_token_id=0)
    settings.save_pretrained(tmp_path)
    if kind != "t5":
        AutoModelForCausalLM.from_config(settings).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(NANO).save_pretrained(tmp_path)
    with pytest.raises(BadInput, match=reason) as error:
        load(Model(id=str(tmp_path)))
    assert "\n" not in str(error.value)


def test_the_decoder_inside_a_model_that_sees_is_what_is_steered_and_adapted() -> None:
    for family in ("gemma3_vision", "mistral3_vision"):
        loaded = load(Model(id=f"random:{family}"))
        assert len(loaded.layers) == 4
        targets = adapter_targets(loaded, 0.5)
        assert targets
        assert not any("vision" in name for name in targets)
        assert inspect(Config(model=Model(id=f"random:{family}"))).layers == 4


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_says_the_same_with_either_attention(family: str, attention: str) -> None:
    loaded = load(Model(id=f"random:{family}", attention=attention))  # type: ignore[arg-type]
    assert loaded.model.get_decoder().config._attn_implementation == attention
    other = load(Model(id=f"random:{family}", attention="eager"))
    torch.testing.assert_close(fingerprint(loaded), fingerprint(other), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("model", ["random:llama", "nano"])
def test_an_attention_that_is_not_installed_names_another(model: str) -> None:
    if find_spec("flash_attn"):
        pytest.skip("it is installed here")
    with pytest.raises(
        BadInput, match=r"does not run with flash_attention_2 attention here; --set model\.attention=sdpa"
    ):
        load(Model(id=model, attention="flash_attention_2"))


def test_an_adapter_that_would_match_nothing_or_less_than_it_should_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(Model(id="random:llama"))
    with pytest.raises(BadInput, match=r"no linear layer in its 4 blocks from heal\.layer_from = 1 .* match nothing"):
        Student(loaded, Heal(layer_from=1.0))
    student = Student(loaded, Heal())
    student._targets.append("model.layers.9.mlp.up_proj")  # a name that the structure does not have
    with pytest.raises(CockpitError, match="matched 28 of 29 linear layers"):
        student.begin_round(0)


def test_a_template_that_writes_the_bos_itself_has_one_and_a_template_that_writes_two_is_refused() -> None:
    tokenizer = AutoTokenizer.from_pretrained(NANO)
    plain = Chat(tokenizer).prompt("x")
    tokenizer.add_special_tokens({"bos_token": "<|bos|>"})
    template = tokenizer.chat_template
    tokenizer.chat_template = "{{ bos_token }}" + template
    assert Chat(tokenizer).prompt("x") == [tokenizer.bos_token_id, *plain]
    tokenizer.chat_template = "{{ bos_token }}{{ bos_token }}" + template
    with pytest.raises(BadInput, match="starts with two BOS tokens"):
        Chat(tokenizer).prompt("x")
