"""Derivations: the chain rule, step by step, as data; and their printers."""
