"""The graph network of Decima, on which DeepSoCS builds.

Mao et al., "Learning scheduling algorithms for data processing clusters" (SIGCOMM 2019).
"""
