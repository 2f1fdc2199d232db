"""SCARL: attention over tasks and processing elements.

Cheong et al., "SCARL: attentive reinforcement learning-based scheduling in a multi-resource
heterogeneous cluster" (IEEE Access 2019), in the form in which it was compared with SoCRATES.
"""
