"""The text language: a network as text becomes a graph, values and printed equations are read."""
