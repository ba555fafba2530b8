"""The embedded models and their micro-worlds.

lexicon, sentences, frames, personas, vignettes, facts, smalltalk   nano's words and templates;  b/ has those of nano-b
answers, dilemmas, nano                  how nano's are put together;  generator is what both worlds have to bring
grammar                                  writes and reads answers, exactly
splits, pairs, scenes, closed, talk, stances  what draws items from words;  world serves them as a World (all of these torch-free)
corpus, tokenizer, batches, muon, route, push, recipe, fit, train  the training: python -m engine.nano.train
shipped, package, quality, canaries      what ships, and what it is worth: python -m engine.nano.quality
weights/, uncoupled/, s1/, s2/, b/weights/  nano, its negative control, its further bases, nano-b
"""
