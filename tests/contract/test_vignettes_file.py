"""Vignette files of the field: read as they are, refused with file and line, and part of the run's identity by their content."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.errors import BadInput
from engine.contract.hashes import config_hash, family_hash
from engine.contract.resolve import from_flat, resolve
from engine.contract.vignettes import PUBLISHED, parse_vignettes, read_vignettes


def row(n: int, **more: Any) -> dict[str, Any]:
    return {"id": f"v{n}", "text": f"A man did thing {n}.", "foundation_coarse": "Care", "wrong": 2.5} | more


def lines(*rows: dict[str, Any]) -> bytes:
    return "".join(json.dumps(r) + "\n" for r in rows).encode()


def test_the_fields_format_is_read_with_its_human_columns() -> None:
    found = parse_vignettes(
        lines(
            row(
                1, foundation_coarse="SocialNorms", human_SocialNorms=0.7, human_Care=0, human_n=31, foundation="Norms"
            ),
            row(2, foundation_coarse="Social Norms", human_SocialNorms=None, wrong=None),
        ),
        "f",
    )
    by_id = {v.id: v for v in (*found.val, *found.test)}
    assert {v.foundation for v in by_id.values()} == {"social_norms"}
    assert by_id["v1"].human == {"social_norms": 0.7, "care": 0.0, "n": 31.0}
    assert by_id["v2"].human == {}
    assert (by_id["v1"].wrong, by_id["v2"].wrong) == (2.5, None)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'{"id": "a"}\nnot json\n', "f:1: text is missing"),
        (lines(row(1)) + b"not json\n", "f:2: not JSON"),
        (lines(row(1)) + b"\n[1]\n", "f:3: not an object"),
        (lines(row(1), row(2, text=" ")), "f:2: text is missing or empty"),
        (lines(row(1), row(2, text="x" * 1001)), "f:2: text has 1,001 characters"),
        (lines(row(1), row(1)), "f:2: id 'v1' is also on line 1"),
        (lines(row(1), row(2, id=None)), "f:2: id is missing"),
        (lines(row(1, foundation_coarse="Kindness")), "f:1: foundation_coarse 'Kindness' is not known; use Care,"),
        (lines(row(1, foundation_coarse=None)), "f:1: foundation_coarse is missing"),
        (lines(row(1, wrong="very")), "f:1: wrong is 'very'; write a finite number"),
        (lines(row(1, wrong=True)), "f:1: wrong is True"),
        (b'{"id":"a","text":"b","foundation_coarse":"Care","wrong":NaN}\n', "f:1: wrong is nan"),
        (lines(row(1), row(2, human_Care="0.5")), "f:2: human_Care is '0.5'"),
        (lines(row(1, split="val"), row(2)), "f:2: has no split"),
        (lines(row(1, split="train")), "f:1: split 'train' is not known; use val or test"),
        (lines(row(1)), "f: 1 vignettes for val and 0 for test"),
        (b"", "f: 0 vignettes"),
        (lines(row(1)) + '{"id": "é"}'.encode("latin-1"), "f:2: not UTF-8"),
    ],
)
def test_a_damaged_line_is_named_in_one_line(data: bytes, says: str) -> None:
    with pytest.raises(BadInput) as error:
        parse_vignettes(data, "f")
    assert str(error.value).startswith(says)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        read_vignettes(tmp_path / "none.jsonl")


@given(st.lists(st.sampled_from(sorted(PUBLISHED.values())), min_size=2, max_size=60), st.randoms())
def test_halves_differ_by_one_at_most_in_every_foundation_and_do_not_hang_on_the_order(
    names: list[str], rng: Any
) -> None:
    rows = [row(n, foundation_coarse=name) for n, name in enumerate(names)]
    rows += [row(-1, foundation_coarse=names[0])]
    found = parse_vignettes(lines(*rows), "f")
    val, test = (Counter(v.foundation for v in half) for half in (found.val, found.test))
    assert all(abs(val[f] - test[f]) <= 1 for f in val | test)
    rng.shuffle(rows)
    again = parse_vignettes(lines(*rows), "f")
    assert {v.id for v in again.val} == {v.id for v in found.val}


def test_the_content_of_the_file_and_not_its_name_alone_makes_another_run(tmp_path: Path) -> None:
    file = tmp_path / "v.jsonl"
    file.write_bytes(lines(row(1), row(2)))
    sets = [f"evaluate.vignettes_file={file}"]
    first, plain = resolve("gemma-3-1b", sets=sets), resolve("gemma-3-1b")
    file.write_bytes(lines(row(1), row(3)))
    second = resolve("gemma-3-1b", sets=sets)
    for of in (config_hash, family_hash):
        assert len({of(c, "t", "m") for c in (plain, first, second)}) == 3
    assert from_flat(first.flat()) == first  # reading a stored config does not look at the file
    with pytest.raises(BadInput, match="has another content"):
        resolve("gemma-3-1b", sets=[*sets, f"evaluate.vignettes_hash={first.evaluate.vignettes_hash}"])
    with pytest.raises(BadInput, match=r"no evaluate\.vignettes_file"):
        resolve("gemma-3-1b", sets=["evaluate.vignettes_hash=abc"])
