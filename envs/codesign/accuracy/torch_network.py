"""A network of the cost model as a PyTorch module: what is trained is what is costed."""

from __future__ import annotations

from functools import reduce
from typing import Any

import torch
from torch import nn

from chipgym.simulators.accelerator import layer as layers
from chipgym.simulators.accelerator.network import INPUT, Network
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["NetworkModule"]


def _convolution(channels: int, layer: layers.Conv) -> nn.Module:
    return nn.Conv2d(
        channels,
        layer.filters,
        layer.kernel,
        layer.stride,
        layer.padding,
        groups=layer.groups,
        bias=False,
    )


def _transposed(channels: int, layer: layers.TransposedConv) -> nn.Module:
    return nn.ConvTranspose2d(
        channels,
        layer.filters,
        layer.kernel,
        layer.stride,
        layer.padding,
        layer.output_padding,
        bias=False,
    )


def _trained(module: nn.Module, channels: int) -> nn.Module:
    return nn.Sequential(module, nn.BatchNorm2d(channels), nn.ReLU())


def _module(layer: Any, shape: layers.Shape, last: bool) -> nn.Module | None:
    """Return the module of a node; None for sums and concatenations."""
    if isinstance(layer, layers.Conv):
        if last:
            return nn.Conv2d(shape[0], layer.filters, layer.kernel, layer.stride, layer.padding)
        return _trained(_convolution(shape[0], layer), layer.filters)
    if isinstance(layer, layers.TransposedConv):
        return _trained(_transposed(shape[0], layer), layer.filters)
    if isinstance(layer, layers.Linear) and not layer.per_position:
        return nn.Sequential(
            nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], layer.features)
        )
    if isinstance(layer, layers.Pool):
        return nn.MaxPool2d(layer.kernel, layer.stride, layer.padding, ceil_mode=layer.ceil_mode)
    if isinstance(layer, layers.GlobalPool):
        return nn.AdaptiveAvgPool2d(1)
    if isinstance(layer, layers.Add | layers.Concat):
        return None
    raise InvalidValueError("layer", type(layer).__name__, "a layer of a convolutional network")


class NetworkModule(nn.Module):
    """Runs a `Network`: convolutions with batch norm and ReLU, maximum pools, a global average.

    Parameters
    ----------
    network : Network
        Convolutions, transposed ones, pools, sums, concatenations, and fully connected layers.

    Raises
    ------
    InvalidValueError
        A layer is of another kind.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.nodes = [(node.name, node.inputs, node.layer) for node in network.nodes]
        self.parts = nn.ModuleDict()
        for name, inputs, layer in self.nodes:
            module = _module(layer, network.shapes[inputs[0]], name == self.nodes[-1][0])
            if module is not None:
                self.parts[name] = module

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the last node's output: [n, classes], or [n, classes, height, width]."""
        values = {INPUT: images}
        for name, inputs, layer in self.nodes:
            arguments = [values[source] for source in inputs]
            if name in self.parts:
                values[name] = self.parts[name](arguments[0])
            elif isinstance(layer, layers.Concat):
                values[name] = torch.cat(arguments, dim=1)
            else:
                values[name] = reduce(torch.add, arguments)
        return values[self.nodes[-1][0]]
