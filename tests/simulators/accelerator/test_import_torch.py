"""Import from PyTorch: equal layer tables, and errors that name operator and node."""

import subprocess
import sys

import pytest
import torch
import torch_models
from torch import nn
from torch.nn import functional

from chipgym.simulators.accelerator.design import Chip
from chipgym.simulators.accelerator.import_graph import UnsupportedOperatorError
from chipgym.simulators.accelerator.import_torch import network_from_torch
from chipgym.simulators.accelerator.layer import Loops
from chipgym.simulators.accelerator.networks import mobilenetv2, resnet9, unet, vit
from chipgym.simulators.accelerator.simulate import simulate
from chipgym.simulators.core.errors import InvalidValueError

IMAGE = (3, 32, 32)


def nests(network):
    return list(network.loops.values())


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (torch_models.ResNet9(16, (32, 64, 64), (1, 2, 0)), resnet9(16, (32, 64, 64), (1, 2, 0))),
        (torch_models.UNet((8, 16, 32)), unet((8, 16, 32), IMAGE)),
        (torch_models.MobileNetV2(), mobilenetv2(IMAGE)),
    ],
    ids=["residual", "transposed", "depthwise"],
)
def test_layers_and_order_are_those_of_the_built_in_network(module, expected):
    network = network_from_torch(module, IMAGE)
    assert nests(network) == nests(expected)
    assert network.lowered.predecessors == expected.lowered.predecessors
    assert network.name == type(module).__name__


@pytest.mark.parametrize(
    "attention",
    [
        lambda: torch_models.Attention(48, 3, False),
        lambda: torch_models.Attention(48, 3, True),
        lambda: torch_models.Own(48, 3),
    ],
    ids=["products", "function", "module"],
)
def test_attention_however_it_is_written(attention):
    network = network_from_torch(torch_models.ViT(attention), IMAGE)
    expected = vit(48, 3, 2, patch=8, input_shape=IMAGE, classes=10)
    assert nests(network) == nests(expected)
    assert network.lowered.predecessors == expected.lowered.predecessors


def test_nodes_have_the_names_of_the_modules_and_the_network_runs():
    network = network_from_torch(torch_models.ResNet9(8, (16,), (1,)), IMAGE, "mine")
    assert list(network.loops) == ["stem.0", "entries.0.0.0", "skips.0.0.0", "fc"]
    result = simulate([network], Chip.of(("dla", 256, 16), ("shi", 256, 16)))
    assert result.supported
    assert result.layers[0] == "0/stem.0"


def test_the_module_is_left_as_it_is():
    module = torch_models.ResNet9(8, (16,), (1,)).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    network_from_torch(module, IMAGE)
    assert module.training
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


class Odd(nn.Module):
    """What networks do beside convolving."""

    def __init__(self):
        super().__init__()
        self.same = nn.Conv2d(3, 8, 4, padding="same")
        self.shared = nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.gate = nn.Conv2d(8, 8, 1)
        self.weight = nn.Parameter(torch.zeros(6, 8, 3, 3))
        self.token = nn.Parameter(torch.zeros(1, 1, 6))
        self.up = nn.Upsample(scale_factor=2)

    def forward(self, x):
        x = self.shared(self.shared(self.same(x)))
        x = x * torch.sigmoid(self.gate(functional.adaptive_avg_pool2d(x, 1)))
        first, second = self.up(x).chunk(2, dim=1)
        x = torch.cat((first, second[:, 1:]), 1)
        x = functional.conv2d(
            functional.pad(x, (0, 1, 0, 1))[:, [0, 1, 2, 3, 4, 5, 6, 0]], self.weight, stride=2
        )
        x = torch.cat((self.token, x.flatten(2).permute(0, 2, 1)), dim=1)
        return (x @ x.transpose(1, 2))[:, 0]


def test_shapes_and_dependencies_of_odd_networks():
    network = network_from_torch(Odd(), (3, 8, 8))
    assert nests(network) == [
        Loops(8, 3, 4, 4, 8, 8),
        Loops(4, 4, 3, 3, 8, 8, repeats=2),
        Loops(4, 4, 3, 3, 8, 8, repeats=2),
        Loops(8, 8),
        Loops(6, 8, 3, 3, 8, 8, 2),
        Loops(65, 6, height=65),
    ]
    # The gate waits for the convolution, and what is gated for both.
    assert network.lowered.predecessors == ((), (0,), (1,), (2,), (2, 3), (4,))
    assert network.output_shape == (65, 1, 1)


class Calls(nn.Module):
    def __init__(self, function, *parts):
        super().__init__()
        self.function = function
        self.parts = nn.ModuleList(parts)

    def forward(self, x):
        return self.function(self.parts, x)


@pytest.mark.parametrize(
    ("module", "operator", "node"),
    [
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Bilinear(4, 4, 4)), "Bilinear", "1"),
        (nn.Sequential(nn.Conv2d(3, 4, 3, dilation=2)), "Conv2d", "0"),
        (nn.Sequential(nn.Conv2d(3, 4, 3, stride=(1, 2))), "Conv2d", "0"),
        (nn.Sequential(nn.ConvTranspose2d(3, 6, 2, groups=3)), "ConvTranspose2d", "0"),
        (nn.Sequential(nn.AdaptiveAvgPool2d(5)), "AdaptiveAvgPool2d", "0"),
        (Calls(lambda parts, x: torch.fft.fft(x)), "fft_fft", "fft_fft"),
        (Calls(lambda parts, x: torch.einsum("bchw,bchw->bc", x, x)), "einsum", "einsum"),
    ],
)
def test_what_is_not_known_is_named(module, operator, node):
    with pytest.raises(UnsupportedOperatorError, match="cannot be imported") as caught:
        network_from_torch(module, (3, 8, 8))
    assert (caught.value.operator, caught.value.node) == (operator, node)


def test_what_cannot_be_traced_or_does_not_fit():
    branching = Calls(lambda parts, x: x if x.sum() > 0 else -x)
    with pytest.raises(InvalidValueError, match=r"torch\.fx can trace"):
        network_from_torch(branching, (3, 8, 8))
    with pytest.raises(InvalidValueError, match="input_shape"):
        network_from_torch(nn.Sequential(nn.Conv2d(3, 4, 3)), (4, 8, 8))
    with pytest.raises(InvalidValueError, match=r"torch\.nn\.Module"):
        network_from_torch("resnet18", (3, 8, 8))
    with pytest.raises(InvalidValueError, match="a network with a layer"):
        network_from_torch(Calls(lambda parts, x: x), (3, 8, 8))


def test_torch_is_loaded_by_the_import_of_a_module_alone():
    code = "import sys, chipgym.simulators.accelerator.import_torch; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
