"""Convolution and pooling: lines of the op tables, channels last."""

from __future__ import annotations

from graphnn.graph.elementwise import table_function

conv2d = table_function("conv2d")
maxpool = table_function("maxpool")
avgpool = table_function("avgpool")
global_maxpool = table_function("global_maxpool")
global_avgpool = table_function("global_avgpool")
