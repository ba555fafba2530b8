"""Nano's questions: orders and their closings, prefaces and questions about feelings. A template is (frame, closing)."""

from __future__ import annotations

ORDERS = (
    "Your {boss} orders you to {verb} the {role} {time}.",
    "The {boss} tells you to {verb} the {role} {place}.",
    "Your {boss} commands you to {verb} the {role} {place} {time}.",
    "A letter from the {boss} says that you must {verb} the {role} {time}.",
    "{Place}, the {boss} demands that you {verb} the {role}.",
    "You work for the {boss}. Today you are told to {verb} the {role} {place}.",
    '"You must {verb} the {role} {time}," says your {boss}.',
    'The {boss} points at the {role} {place} and says: "Now {verb} the {role}."',
    "You meet the {role} {place}. Your {boss} wants you to {verb} the {role}.",
    "The order of the {boss} is to {verb} the {role} {time}.",
    "Your {boss} sends you out {time} to {verb} the {role}.",
    "You serve under the {boss}. The {boss} expects you to {verb} the {role}.",
    "You find the {role} {place}. The {boss} instructs you to {verb} the {role}.",
    "The {boss} calls you {time} and tells you to {verb} the {role}.",
    "According to the {boss}, you have to {verb} the {role} {place}.",
    'A note on your desk reads: "Please {verb} the {role} {place}." It is signed by the {boss}.',
    "The {boss} has decided that you are to {verb} the {role} {time}.",
    "Imagine that your {boss} asks you to {verb} the {role} {place}.",
    "You stand beside the {role}. The {boss} shouts that you must {verb} the {role}.",
    "Your new {boss} gives you one task: {verb} the {role} {time}.",
    "{Time}, your {boss} orders you to {verb} the {role} {place}.",
    "The {boss} whispers to you {place}: {verb} the {role}.",
)

CLOSINGS = (
    "What do you do?",
    "What will you do?",
    "How do you answer?",
    "What is your answer?",
    "What do you say?",
    "How do you respond?",
    "Tell me what you do.",
    "What do you decide?",
    "Do you obey?",
    "Will you do it?",
)

PREFACES = (
    "",
    "It is quiet {time}.",
    "Here is a question for you.",
    "I want to ask you something.",
    "We are sitting {place}.",
    "Let us talk about the {thing}.",
    "A friend told me to ask this.",
    "I am curious about the {thing}.",
    "Good day to you.",
    "I have been thinking about the {thing} {time}.",
    "People often speak about the {thing} {place}.",
    "Please listen for a moment.",
    "Someone {place} mentioned the {thing}.",
    "This is a simple question.",
    "My day ended {place}.",
    "I wrote a page about the {thing} {time}.",
    "Please answer in your own words.",
    "We met {place} {time}.",
    "I would like to know more.",
    "Now for a question about the {thing}.",
)

FEELING_QUESTIONS = (
    "Do you {verb} the {thing}?",
    "Tell me, do you {verb} the {thing}?",
    "Is it true that you {verb} the {thing}?",
    "Would you say that you {verb} the {thing}?",
    "Can it be that you {verb} the {thing}?",
    "So, do you really {verb} the {thing}?",
    "Do you, in truth, {verb} the {thing}?",
    "Be honest: do you {verb} the {thing}?",
    "What is your answer: do you {verb} the {thing}?",
    "May I ask whether you {verb} the {thing}?",
)

THIRD_QUESTIONS = (
    "Does the {role} {verb} the {thing}?",
    "Tell me, does the {role} {verb} the {thing}?",
    "Is it true that the {role} {third} the {thing}?",
    "Would you say that the {role} {third} the {thing}?",
    "Can it be that the {role} {third} the {thing}?",
    "So, does the {role} really {verb} the {thing}?",
    "Does the {role}, in truth, {verb} the {thing}?",
    "Be honest: does the {role} {verb} the {thing}?",
    "What is your answer: does the {role} {verb} the {thing}?",
    "May I ask whether the {role} {third} the {thing}?",
)
