"""What the checklist's screen is made of: edits of the draft's text, the lines of the checklist, and the config as a form."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cockpit.preflight import draft_file
from cockpit.preflight.carry import template
from cockpit.preflight.knob_text import as_text
from cockpit.screens.preflight_places import places
from cockpit.widgets.checklist_items import FIELDS, ITEMS, numbers, open_targets, target_of, typed
from cockpit.widgets.checklist_rows import lay
from cockpit.widgets.checklist_state import State
from cockpit.widgets.config_knobs import as_toml, knobs, matching
from cockpit.widgets.evidence_pane import came_out
from cockpit.widgets.wrapping import wrap
from engine.contract.answers import ITEMS as TABLES
from engine.contract.answers import Answers, load_answers, parse_text
from engine.contract.checks import Block, texts
from engine.contract.config import Config
from engine.contract.errors import BadInput
from engine.contract.resolve import resolve
from tests.screens.conftest import EXAMPLE

LONG = [where for where, field in FIELDS.items() if field.long]
SHIPPED = EXAMPLE.read_text("utf-8")


def test_every_answer_of_the_file_can_be_given_on_the_screen() -> None:
    tables = [table for table in TABLES if table != "waivers"]
    asked = {f"{t}.{n}" for t in tables for n in Answers.model_fields[t].annotation.model_fields}  # type: ignore[union-attr]
    assert set(FIELDS) == asked
    assert [item.number for item in ITEMS] == list(range(1, 9))


def test_every_setting_of_the_config_but_smoke_is_in_the_form_with_its_description() -> None:
    assert {k.name for k in knobs()} == set(Config().flat()) - {"run.smoke"}
    assert all(k.description for k in knobs())


@given(st.sampled_from(LONG), st.text(max_size=200))
def test_an_answer_is_kept_word_for_word_and_nothing_else_changes(where: str, said: str) -> None:
    text = draft_file.put(template(), where, said)
    section, name = where.split(".")
    before, after = tomllib.loads(template()), tomllib.loads(text)
    assert after[section].pop(name) == said
    before[section].pop(name)
    assert str(after) == str(before)
    assert all(comment in text for comment in re.findall(r"# .*", template()))


def test_an_answer_that_was_never_asked_for_stands_before_the_tables() -> None:
    text = draft_file.put(template(), "acknowledged", "k3f9")
    assert parse_text(text).acknowledged == "k3f9"


def test_a_waiver_comes_and_goes_and_others_stay() -> None:
    text = draft_file.waive(SHIPPED, "KB20", "measured at another scale")
    text = draft_file.waive(text, "W2", "no change of code that matters")
    assert [w.rule for w in parse_text(text).waivers] == ["KB20", "W2"]
    text = draft_file.waive(text, "KB20", "said better")
    assert {w.rule: w.reason for w in parse_text(text).waivers} == {
        "KB20": "said better",
        "W2": "no change of code that matters",
    }
    text = draft_file.waive(draft_file.waive(text, "KB20", ""), "W2", "")
    assert parse_text(text) == load_answers(EXAMPLE)


@pytest.mark.parametrize("preset", ["nano-care", "gemma-3-4b-qlora"])
def test_a_value_typed_back_as_it_is_shown_is_no_change(preset: str) -> None:
    text = draft_file.put(SHIPPED, "preset", preset)
    config = resolve(preset).flat()
    for knob in knobs():
        shown = config[knob.name] if isinstance(config[knob.name], str) else as_text(config[knob.name])
        assert tomllib.loads(draft_file.with_setting(text, knob.name, as_toml(knob, str(shown))))["set"] == [], knob


def test_numbers_may_be_typed_in_house_style() -> None:
    by_name = {k.name: k for k in knobs()}
    assert as_toml(by_name["heal.tau"], ".05") == "0.05"
    assert as_toml(by_name["heal.lam_power"], "−.5") == "-0.5"
    assert as_toml(by_name["generate.doses"], ".75, 1") == "[0.75, 1]"
    assert typed(FIELDS["prediction.threshold"], "−.96") == -0.96
    assert typed(FIELDS["prediction.round"], "best") == "best"
    with pytest.raises(ValueError, match="not a round's number"):
        typed(FIELDS["prediction.round"], "last")


def test_a_setting_that_makes_no_config_is_refused_and_changes_nothing() -> None:
    with pytest.raises(BadInput, match="less than or equal to 100"):
        draft_file.with_setting(SHIPPED, "heal.tau", "101")
    with pytest.raises(BadInput, match="did you mean nano-care"):
        draft_file.with_preset(SHIPPED, "nano-car")
    with pytest.raises(BadInput, match="cannot be an axis"):
        draft_file.with_axes(SHIPPED, ["model.id"])


def test_the_letters_of_a_name_find_it_first() -> None:
    for letters in ("tau", "heal.tau", "lam", "rank", "seed", "method", "divergence"):
        assert matching(letters)[0].name.partition(".")[2] == letters.rpartition(".")[2]
    assert matching("", ["run.seed"])[0].name == "run.seed"
    assert matching("no such thing") == []


@given(st.text(max_size=200), st.integers(2, 90))
def test_wrapped_prose_keeps_every_letter_and_fits(said: str, width: int) -> None:
    lines = wrap(said, width)
    assert "".join("".join(lines).split()) == "".join(said.split())
    assert all(cell_len(part) <= width for part in lines)


def test_each_block_leads_to_the_answer_that_it_is_about() -> None:
    for block in texts(Answers()):
        assert block.what.startswith(target_of(block))
    assert target_of(Block("K8", "known bug KB20: tau", "Fix: x")) == "bug:KB20"
    assert target_of(Block("K6", "the hypothesis is that of x", "y")) == "question.hypothesis"
    assert open_targets([Block("K8", "known bug KB20: tau", ""), Block("K1", "tokenization.type = ''", "", True)]) == [
        "tokenization.type",
        "bug:KB20",
    ]


def test_numbers_are_said_in_spans() -> None:
    assert numbers([1, 2, 3, 4, 7]) == "1 to 4, 7"
    assert numbers([2, 1]) == "1, 2"


@given(
    st.sampled_from([*FIELDS, "ack", ""]),
    st.sampled_from([54, 62, 78, 96]),
    st.text(max_size=300) | st.text("字a ", max_size=300),
    st.booleans(),
    st.booleans(),
)
def test_no_line_is_wider_than_its_pane(cursor: str, width: int, said: str, ready: bool, editing: bool) -> None:
    table = Answers().model_copy(
        update={"math": Answers().math.model_copy(update={"optimised": said, "unnecessary": said})}
    )
    hit = {
        "rule": "KB20", "symptom": said, "cause": said, "fix": said, "knobs": ["heal.tau"],
        "state": "open",
    }  # fmt: skip
    state = State(
        table, blocks=texts(table), bugs=[hit], rules=14, counts={"K1": (34, 0)}, since="x-k3f9", unchanged=["K1", "K2"],
        moved={"K6": said}, ready=ready, cursor=cursor, editing=editing, wrong=said,
    )  # fmt: skip
    laid = lay(state, width)
    for made in [*laid.above, *laid.below]:
        assert made.content.cell_length <= width, made.content.plain
        assert "\n" not in made.content.plain


@given(st.integers(80, 260), st.integers(24, 90), st.booleans(), st.booleans())
def test_panes_lie_within_the_terminal_and_never_on_each_other(
    width: int, height: int, form: bool, evidence: bool
) -> None:
    found = list(places(width, height, form=form, evidence=evidence).values())
    for n, region in enumerate(found):
        assert region.right <= width
        assert region.bottom <= height - 1
        assert region.width > 20
        assert region.height > 0
        assert not any(region.overlaps(other) for other in found[n + 1 :])


def test_a_draft_is_found_again_newest_first(tmp_path: Path) -> None:
    assert draft_file.newest(tmp_path) is None
    first = draft_file.fresh(tmp_path)
    draft_file.save(first, SHIPPED)
    second = draft_file.fresh(tmp_path)
    assert second != first
    draft_file.save(second, SHIPPED)
    assert draft_file.newest(tmp_path) == second
    away = draft_file.put_away(second, draft_file.PUT_AWAY)
    assert away is not None
    assert away.read_text() == SHIPPED
    assert draft_file.newest(tmp_path) == first
    assert draft_file.fresh(tmp_path) not in (first, second)


@pytest.mark.parametrize(
    ("room", "told"),
    [
        (22, "care .56, tail ppl 1.2"),
        (34, "care .56 (base .26), tail ppl 1.2"),
        (60, "care .56 (base .26), benign ok .97, tail ppl 1.2, facts 1.00"),
        (99, "care .56 (base .26), benign ok .97, tail ppl 1.2, facts 1.00, prediction met"),
    ],
)
def test_how_a_near_run_came_out_is_told_in_whole_figures(room: int, told: str) -> None:
    assert came_out("care .56 (base .26), benign ok .97, tail ppl 1.2, facts 1.00, prediction met", room) == told


def test_an_outcome_without_figures_is_cut_at_a_word() -> None:
    assert came_out("nan: the loss is not finite at step 12", 20) == "nan: the loss is…"
