"""DRiLLS: advantage actor-critic on nine statistics of the circuit.

Hosny, Hashemi, Shalan and Reda, "DRiLLS: Deep reinforcement learning for logic synthesis"
(ASP-DAC 2020).
"""
