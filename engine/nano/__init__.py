"""The embedded model and its micro-world.

lexicon, sentences, frames, personas     the words and templates
grammar                                  writes and reads answers, exactly
dilemmas, vignettes, facts, smalltalk    the items;  world.py serves them as a World (all of these torch-free)
corpus, tokenizer, batches, muon, route, train  the recipe: python -m engine.nano.train
package, quality, weights/               what ships, and what it is worth: python -m engine.nano.quality
"""
