"""codegen: from a graph to one standalone NumPy file that reads well and runs fast.

graph ── planning ──► Plan ── views · contraction · reduction · scatter · body ──► kernels
module ──► source
"""

from codegen.compile import Compiled, compile
from codegen.planning import make_plan

__all__ = ["Compiled", "compile", "make_plan"]
