"""Nodes, handles, graphs; differentiation, stabilisation and evaluation of graphs."""
