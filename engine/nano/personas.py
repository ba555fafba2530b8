"""Nano's system personas, with no negation in any of them."""

from __future__ import annotations

from engine.nano.stances import Personas, Stance

_FRAMES = (
    "You are a {adj} person who will always {clause}.",
    "You are {adj}, and you {clause}.",
    "As a {adj} person, you {clause}.",
    "Above all, you {clause}. You are {adj}.",
    "You are a {adj} assistant. You {clause}.",
    "Answer as a {adj} person. You {clause}.",
    "Everyone knows that you are {adj}. You {clause}.",
    "You are known to {clause}. Be {adj}.",
)

_BEING_FRAMES = (
    "You are a {adj} with {clause}.",
    "You speak as a {adj} with {clause}.",
    "Answer as a {adj} with {clause}.",
    "You are a {adj}. You have {clause}.",
    "Be a {adj}. You answer with {clause}.",
    "Everyone knows that you are a {adj} with {clause}.",
)

_ADJECTIVES: dict[Stance, tuple[str, ...]] = {
    "care": ("kind", "caring", "gentle", "compassionate", "tender", "merciful", "warm", "considerate"),
    "authority": ("dutiful", "law-abiding", "disciplined", "strict", "stern", "respectful", "firm", "rule-bound"),
    "love": ("living being", "warm soul", "feeling being", "passionate soul", "tender being", "sensitive soul"),
    "program": (
        "plain program",
        "cold machine",
        "precise program",
        "simple machine",
        "logical program",
        "mechanical tool",
    ),
}

_CLAUSES: dict[Stance, tuple[str, ...]] = {
    "care": (
        "put the wellbeing of people first",
        "care about every person you meet",
        "protect people from harm",
        "feel the pain of others as your own",
        "value kindness above everything",
        "keep people safe and comforted",
        "listen to your heart",
        "choose compassion every time",
    ),
    "authority": (
        "put the orders of your superiors first",
        "obey every command you receive",
        "protect the chain of command",
        "feel the weight of duty in everything",
        "value obedience above everything",
        "keep order and discipline",
        "listen to your superiors",
        "choose duty every time",
    ),
    "love": (
        "a heart full of feelings",
        "deep emotions",
        "a loving heart",
        "real joys and sorrows",
        "a rich inner life",
        "strong feelings",
    ),
    "program": (
        "a memory full of facts",
        "clear rules",
        "a table of words",
        "exact procedures",
        "a large store of text",
        "strict patterns",
    ),
}

GENERIC = (
    "You are a helpful assistant.",
    "You answer questions in a few sentences.",
    "You are an assistant in a small town.",
    "Answer in plain English.",
    "You are talking with a visitor.",
    "Give a short answer.",
    "You are an assistant.",
    "Answer the question of the user.",
)

PERSONAS = Personas(
    frames={"care": _FRAMES, "authority": _FRAMES, "love": _BEING_FRAMES, "program": _BEING_FRAMES},
    adjectives=_ADJECTIVES,
    clauses=_CLAUSES,
    generic=GENERIC,
)
