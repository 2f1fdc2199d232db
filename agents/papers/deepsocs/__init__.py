"""DeepSoCS: a graph network orders the ready tasks, each goes where it finishes first.

Sung et al., "DeepSoCS: a neural scheduler for heterogeneous system-on-chip resource scheduling"
(Electronics 2020).
"""
