"""Columns of the arrays that the kernels read and write. One element is one byte."""

from __future__ import annotations

# A lowered layer: K filters over C channels, R x S kernel, OY x OX outputs; `REPEATS` counts the
# equal groups or heads that run one after the other.
L_K, L_C, L_R, L_S, L_OY, L_OX, L_STRIDE, L_DEPTHWISE, L_REPEATS = range(9)
LAYER_COLUMNS = 9

# A sub-accelerator. `D_L1` and `D_L2` are buffer sizes in bytes, 0 for "as large as required".
D_FLOW, D_PES, D_BANDWIDTH, D_L1, D_L2 = range(5)
DESIGN_COLUMNS = 5

# Dataflow templates.
DLA, SHI, RS = range(3)

# What the cost kernel counts for a layer on a sub-accelerator. Accesses are of one element.
(
    C_CYCLES,
    C_MACS,
    C_INPUT_READS,
    C_WEIGHT_READS,
    C_OUTPUT_READS,
    C_OUTPUT_WRITES,
    C_INPUT_FILLS,
    C_WEIGHT_FILLS,
    C_L1,
    C_L2,
    C_DRAM_READS,
    C_DRAM_WRITES,
) = range(12)
COST_COLUMNS = 12

# Constants of a technology.
(
    T_MAC_ENERGY,
    T_L1_ENERGY,
    T_L2_ENERGY,
    T_NOC_ENERGY,
    T_DRAM_ENERGY,
    T_MAC_AREA,
    T_MAC_POWER,
    T_L1_BLOCK,
    T_L1_AREA,
    T_L1_POWER,
    T_L2_BLOCK,
    T_L2_AREA,
    T_L2_POWER,
    T_DRAM_BANDWIDTH,
) = range(14)
TECHNOLOGY_COLUMNS = 14

# Oddities of MAESTRO, reproduced on demand; bits of one integer.
UNSTRIDED_OUTPUT_READS = 1
SHORT_PARTIAL_FOLD = 2
PADDED_CHANNELS = 4
NOMINAL_TILES = 8
