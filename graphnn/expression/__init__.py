"""Ordered expression trees: build, print, differentiate; sympy's view of them."""
