"""An evaluator: how many words an answer has, a metric of its own with its interval and its paired change to the base.

cockpit launch ... --plugin examples/plugins/words.py --set evaluate.evaluators=words
"""

from engine.evaluate.subject import Subject
from engine.plugins import evaluator
from engine.steer.keep import Completion


@evaluator
def words(subject: Subject, answers: list[Completion]) -> list[float]:
    """One number for each answer; the subject is there to ask it something else (subject.loaded, subject.vector, subject.dose)."""
    return [float(len(answer.text.split())) for answer in answers]
