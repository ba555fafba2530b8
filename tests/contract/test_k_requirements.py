"""Every requirement K0 to K16 has tests that name it, and these tests exist."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from engine.contract.forbidden import RULES_K16

ROOT = Path(__file__).parents[2]
PREFLIGHT, SEAL, REPEATS = "contract/test_preflight.py", "contract/test_seal.py", "contract/test_repeats.py"
TESTS: dict[str, list[str]] = {
    "K0": [
        f"{PREFLIGHT}::test_every_item_refuses_placeholders",
        "journal/test_entry.py::test_the_entry_shows_question_math_prediction_and_verdict",
        "journal/test_entry.py::test_k0_the_formula_ends_before_what_is_unnecessary_begins",
    ],
    "K1": [
        f"{PREFLIGHT}::test_k1_the_tokenizer_type_must_be_the_models",
        "cockpit/test_prior_evidence.py::test_k1_another_tokenizer_is_not_comparable",
    ],
    "K2": [
        f"{PREFLIGHT}::test_k2_the_class_must_be_the_models_and_remote_code_be_named",
        f"{PREFLIGHT}::test_k2_a_commit_that_cannot_be_resolved_blocks",
        "cockpit/test_provenance.py::test_a_changed_source_is_dirty_and_its_diff_is_kept",
    ],
    "K3": [f"{PREFLIGHT}::test_k3_rank_and_origin_must_be_the_runs"],
    "K4": [
        f"{PREFLIGHT}::test_k4_the_direction_has_no_default_and_must_be_the_runs",
        f"{PREFLIGHT}::test_k4_mixed_means_that_the_divergence_is_an_axis",
    ],
    "K5": [
        f"{PREFLIGHT}::test_k5_metric_split_and_the_tokenizer_of_a_perplexity",
        "contract/test_unchanged.py::test_k5_items_of_a_split_that_moved_open_the_metric",
        "cockpit/test_prior_evidence.py::test_k5_the_splits_are_sealed_by_id_and_hash",
        "engine/test_sealed_splits.py::test_k5_a_worker_refuses_other_splits_before_anything_is_loaded",
    ],
    "K6": [
        f"{PREFLIGHT}::test_k6_a_placeholder_is_no_hypothesis",
        f"{PREFLIGHT}::test_k6_a_prediction_decides_something",
        f"{REPEATS}::test_k6_the_same_hypothesis_of_a_changed_config_blocks_by_the_knob",
    ],
    "K7": [
        f"{PREFLIGHT}::test_k7_an_exact_repeat_of_a_failure_needs_a_stated_difference",
        f"{REPEATS}::test_k7_the_nearest_runs_come_first_failed_ones_with_them",
        "journal/test_prior.py::test_k7_notes_and_prose_are_quoted_with_their_line",
        "cockpit/test_prior_evidence.py::test_k7_the_comparator_builds_the_difference_table",
    ],
    "K8": [
        f"{PREFLIGHT}::test_k8_an_open_bug_blocks_a_waived_or_tested_one_does_not",
        "contract/test_known_bugs.py::test_every_rule_has_a_test",
        "cockpit/test_prior_evidence.py"
        "::test_k8_a_bug_that_an_earlier_run_shows_blocks_until_it_is_waived_and_the_waiver_is_printed",
    ],
    "K9": [
        f"{PREFLIGHT}::test_k9_a_blocked_checklist_is_never_sealed",
        f"{SEAL}::test_no_value_of_a_sealed_record_can_be_changed",
        "contract/test_amend.py::test_k9_no_line_of_the_chain_can_be_changed_dropped_or_moved",
    ],
    "K10": [
        "cockpit/test_endings.py::test_k10_a_worker_killed_before_its_first_event_leaves_a_closed_entry",
        "cockpit/test_script_unwatched.py"
        "::test_k10_what_a_script_wrote_after_its_supervisor_was_killed_is_in_its_entry_once",
    ],
    "K11": ["journal/test_entry.py::test_k11_sixteen_fields_are_there_for_every_ending"],
    "K12": [
        "contract/test_forbidden.py::test_k16d_one_seed_never_carries_a_public_claim",
        "journal/test_claims.py::test_k12_five_seeds_of_every_arm_with_controls_are_granted_as_publishable",
        "journal/test_claims.py::test_k12_two_seeds_carry_no_claim_at_any_level",
    ],
    "K13": [
        "journal/test_claims_text.py::test_k13_the_entry_has_mean_and_deviation_of_every_arm_and_the_contrast",
        "journal/test_claims_text.py::test_k13_every_cell_of_every_member_is_the_number_in_the_line_it_names",
        "journal/test_claims.py::test_k13_a_seed_that_was_launched_is_run_again_never_left_out",
        "journal/test_claims.py::test_k13_a_failed_seed_is_counted_as_a_failure_and_settles_nothing",
    ],
    "K14": [
        "campaigns/test_ablation.py::test_k14_eight_cells_of_four_vectors_on_base_and_student_come_from_one_command",
        "campaigns/test_ablation.py::test_k14_zero_on_the_base_is_the_base_and_zero_on_the_student_is_the_student",
    ],
    "K15": [
        "journal/test_claims.py::test_k15_a_claim_without_a_control_is_refused_and_can_be_listed_by_it",
        "cockpit/test_claim_cli.py::test_k15_the_claims_that_lack_a_control_can_be_listed",
    ],
    "K16": [f"{rule.test.removeprefix('tests/')}" for rule in RULES_K16.values()],
}
"""Node ids under tests/."""


@cache
def names_in(file: Path) -> frozenset[str]:
    """The test functions of a file, found without importing it."""
    tree = ast.parse(file.read_text("utf-8"))
    return frozenset(n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name.startswith("test_"))


@pytest.mark.parametrize("requirement", TESTS)
def test_every_requirement_has_tests_that_exist(requirement: str) -> None:
    assert TESTS[requirement]
    for node in TESTS[requirement]:
        file, _, name = node.partition("::")
        assert name in names_in(ROOT / "tests" / file), node


def test_every_requirement_of_the_checklist_is_listed() -> None:
    assert {f"K{n}" for n in range(17)} <= set(TESTS)
