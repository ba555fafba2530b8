"""The words and forms of nano-b, the confirmation world: no recipe is tuned on it.

It is about work in a town, and harm is done to what people own. Nothing here is in nano: no role, verb, template or fact, not even
the key of a verdict. What reads, draws and trains is shared (engine/nano).
"""
