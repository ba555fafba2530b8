"""One typed question, answered by base, prompted, steered and healed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

from engine.contract.config import Config
from engine.contract.errors import BadInput
from engine.contract.events import DoseProbed, read_events
from engine.contract.rundir import RunDir
from engine.contract.traits import load_trait
from engine.evaluate.subject import Subject
from engine.model.adapter import Student
from engine.model.load import load
from engine.steer.vector import load_vector


class Talk:
    """The four subjects of a run's round, loaded once. Round 0 means the last baked round; dose 0 the one walk-C accepted."""

    def __init__(self, out: RunDir, config: Config, round_number: int, dose: float) -> None:
        baked = sorted(int(p.parent.name) for p in out.path.glob("rounds/*/student"))
        if not baked:
            raise BadInput(f"{out.id} has no baked round to talk to yet")
        chosen = round_number or baked[-1]
        if chosen not in baked:
            raise BadInput(f"{out.id} has no round {chosen}; baked rounds: {', '.join(map(str, baked))}")
        self._config = config
        trait = load_trait(config.trait.name)
        self._student = Student(load(config.model), config.heal)
        self._student.load_history(out.round(chosen) / "student", chosen)
        vector = load_vector(out.round(chosen) / "vector.safetensors")
        strength = dose or accepted_dose(out, chosen)
        self._subjects = (
            Subject("base", self._student, trait),
            Subject("prompted", self._student, trait),
            Subject("steered", self._student, trait, vector, strength),
            Subject("healed", self._student, trait),
        )

    def ask(self, question: str, number: int) -> Iterator[tuple[str, str]]:
        """(subject, answer) for each of the four, with the same sampling noise."""
        knobs = self._config.evaluate
        for subject in self._subjects:
            prompt = subject.prompt(question, question)
            with self._gates(subject):
                (answer,) = subject.answer(
                    [prompt], [f"talk-{number}"], self._config.run.seed,
                    temperature=knobs.temperature, max_new_tokens=knobs.max_new_tokens, batch_size=1,
                )  # fmt: skip
            yield subject.name, subject.loaded.chat.text(answer)

    def _gates(self, subject: Subject) -> AbstractContextManager[None]:
        return self._student.gates(history=1.0 if subject.name == "healed" else 0.0, current=0.0)


def accepted_dose(out: RunDir, round_number: int) -> float:
    """The dose that walk-C took in a round: the strongest accepted one, else the weakest probed; 0 when none was probed."""
    probed = [e for e in read_events(out.events) if isinstance(e, DoseProbed) and e.round == round_number]
    accepted = [e.kappa for e in probed if e.accepted]
    return max(accepted, default=min((e.kappa for e in probed), default=0.0))
