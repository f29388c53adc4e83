"""The closed calculus of index formulas: an op is one formula, its derivatives are formulas."""
