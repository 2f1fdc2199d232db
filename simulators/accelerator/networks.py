"""The network families: ResNet-9, U-Net, ResNet, VGG, MobileNetV2, NAS-Bench-201 and ViT."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from chipgym.simulators.accelerator.layer import (
    Add,
    Concat,
    Conv,
    Depthwise,
    GlobalPool,
    Linear,
    MatMul,
    Pass,
    Pool,
    Shape,
    TransposedConv,
)
from chipgym.simulators.accelerator.network import Network, NetworkBuilder
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError, check_range

__all__ = [
    "NB201_OPERATIONS",
    "NETWORKS",
    "mobilenetv2",
    "nasbench201",
    "network_named",
    "resnet9",
    "resnet18",
    "resnet50",
    "unet",
    "vgg16",
    "vit",
]

NB201_OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
"""Operations on the six edges of a NAS-Bench-201 cell (Dong and Yang, ICLR 2020)."""


def _conv(filters: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> Conv:
    """Return a convolution that keeps the extents at stride 1."""
    half = kernel // 2
    return Conv(
        filters=filters,
        kernel=(kernel, kernel),
        stride=stride,
        padding=(half, half),
        groups=groups,
    )


def _pool(size: int = 2) -> Pool:
    return Pool(kernel=(size, size), stride=size)


def _check_counts(field: str, values: Sequence[int]) -> None:
    for index, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidValueError(f"{field}.{index}", value, "an integer")
        check_range(f"{field}.{index}", value, 1, 65536)


@lru_cache(maxsize=4096)
def resnet9(
    stem: int,
    filters: tuple[int, ...],
    skips: tuple[int, ...],
    input_shape: Shape = (3, 32, 32),
    classes: int = 10,
) -> Network:
    """Return a network of the ResNet-9 family.

    Parameters
    ----------
    stem : int
        Filters of the first convolution.
    filters : tuple of int
        Filters of each block: a 3x3 convolution at the incoming resolution, then 2x2 pooling.
    skips : tuple of int
        Further convolutions of each block at the pooled resolution, with a residual around them.
    input_shape, classes : (channels, height, width), int
    """
    _check_counts("filters", (stem, *filters))
    _check_counts("classes", (classes,))
    if len(skips) != len(filters) or any(skip < 0 for skip in skips):
        raise InvalidValueError("skips", skips, f"{len(filters)} numbers >= 0, one for each block")
    blocks = "_".join(f"{f}-{s}" for f, s in zip(filters, skips, strict=True))
    net = NetworkBuilder(f"resnet9_{stem}_{blocks}", input_shape, "Yang et al., DAC 2020")
    net.add("stem", _conv(stem))
    for number, (width, skip) in enumerate(zip(filters, skips, strict=True), start=1):
        net.add(f"block{number}_conv", _conv(width))
        entry = net.add(f"block{number}_pool", _pool())
        for extra in range(1, skip + 1):
            net.add(f"block{number}_skip{extra}", _conv(width))
        if skip:
            net.add(f"block{number}_add", Add(), entry, net.last)
    net.add("pool", GlobalPool())
    net.add("fc", Linear(features=classes))
    return net.build()


@lru_cache(maxsize=4096)
def unet(filters: tuple[int, ...], input_shape: Shape = (3, 128, 128), classes: int = 2) -> Network:
    """Return a network of the U-Net family (Ronneberger et al., MICCAI 2015), padded.

    Parameters
    ----------
    filters : tuple of int
        Filters of each level from the top; their number is the height.
    input_shape, classes : (channels, height, width), int
        Height and width are multiples of 2 ** (height - 1).
    """
    _check_counts("filters", filters)
    _check_counts("classes", (classes,))
    levels = len(filters)
    if not levels:
        raise InvalidValueError("filters", filters, "at least one level")
    multiple = 2 ** (levels - 1)
    if input_shape[1] % multiple or input_shape[2] % multiple:
        raise InvalidValueError(
            "input_shape", input_shape, f"height and width that {multiple} divides"
        )
    name = "unet_" + "-".join(str(width) for width in filters)
    net = NetworkBuilder(name, input_shape, "Ronneberger et al., MICCAI 2015")
    kept = []
    for level, width in enumerate(filters, start=1):
        if level > 1:
            net.add(f"pool{level - 1}", _pool())
        net.add(f"enc{level}_a", _conv(width))
        kept.append(net.add(f"enc{level}_b", _conv(width)))
    for level in range(levels - 1, 0, -1):
        width = filters[level - 1]
        up = net.add(f"up{level}", TransposedConv(filters=width, kernel=(2, 2), stride=2))
        net.add(f"cat{level}", Concat(), kept[level - 1], up)
        net.add(f"dec{level}_a", _conv(width))
        net.add(f"dec{level}_b", _conv(width))
    net.add("out", _conv(classes, 1))
    return net.build()


def _residual(
    net: NetworkBuilder, name: str, body: Sequence[Conv], filters: int, stride: int
) -> None:
    """Add a residual block; its shortcut is a 1x1 convolution where the shape changes."""
    entry = net.last
    for number, conv in enumerate(body, start=1):
        net.add(f"{name}_conv{number}", conv)
    end = shortcut = net.last
    if stride > 1 or net.shape(entry)[0] != filters:
        shortcut = net.add(f"{name}_down", _conv(filters, 1, stride), entry)
    else:
        shortcut = entry
    net.add(f"{name}_add", Add(), end, shortcut)


def _resnet(
    name: str, depths: Sequence[int], bottleneck: bool, shape: Shape, classes: int
) -> Network:
    net = NetworkBuilder(name, shape, "He et al., CVPR 2016")
    net.add("conv1", _conv(64, 7, 2))
    net.add("pool1", Pool(kernel=(3, 3), stride=2, padding=(1, 1)))
    for stage, depth in enumerate(depths, start=1):
        width = 64 * 2 ** (stage - 1)
        for block in range(1, depth + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            body = [_conv(width, 3, stride), _conv(width)]
            filters = width
            if bottleneck:
                filters = 4 * width
                body = [_conv(width, 1), _conv(width, 3, stride), _conv(filters, 1)]
            _residual(net, f"layer{stage}_{block}", body, filters, stride)
    net.add("pool", GlobalPool())
    net.add("fc", Linear(features=classes))
    return net.build()


@lru_cache(maxsize=64)
def resnet18(input_shape: Shape = (3, 224, 224), classes: int = 1000) -> Network:
    """Return ResNet-18."""
    return _resnet("resnet18", (2, 2, 2, 2), False, input_shape, classes)


@lru_cache(maxsize=64)
def resnet50(input_shape: Shape = (3, 224, 224), classes: int = 1000) -> Network:
    """Return ResNet-50, with the stride of a stage in its 3x3 convolution."""
    return _resnet("resnet50", (3, 4, 6, 3), True, input_shape, classes)


@lru_cache(maxsize=64)
def vgg16(input_shape: Shape = (3, 224, 224), classes: int = 1000) -> Network:
    """Return VGG-16, configuration D of Simonyan and Zisserman, ICLR 2015."""
    net = NetworkBuilder("vgg16", input_shape, "Simonyan and Zisserman, ICLR 2015")
    number = 0
    for stage, (width, depth) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), 1):
        for _ in range(depth):
            number += 1
            net.add(f"conv{number}", _conv(width))
        net.add(f"pool{stage}", _pool())
    for index, features in enumerate((4096, 4096, classes), start=1):
        net.add(f"fc{index}", Linear(features=features))
    return net.build()


_MOBILENETV2 = (
    # expansion, filters, blocks, stride of the first block
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


@lru_cache(maxsize=64)
def mobilenetv2(input_shape: Shape = (3, 224, 224), classes: int = 1000) -> Network:
    """Return MobileNetV2 of width 1.0 (Sandler et al., CVPR 2018)."""
    net = NetworkBuilder("mobilenetv2", input_shape, "Sandler et al., CVPR 2018")
    net.add("stem", _conv(32, 3, 2))
    number = 0
    for expansion, filters, blocks, first in _MOBILENETV2:
        for block in range(blocks):
            number += 1
            stride = first if block == 0 else 1
            entry, channels = net.last, net.shape()[0]
            if expansion > 1:
                net.add(f"b{number}_expand", _conv(expansion * channels, 1))
            net.add(f"b{number}_dw", Depthwise(kernel=(3, 3), stride=stride, padding=(1, 1)))
            net.add(f"b{number}_project", _conv(filters, 1))
            if stride == 1 and channels == filters:
                net.add(f"b{number}_add", Add(), entry, net.last)
    net.add("head", _conv(1280, 1))
    net.add("pool", GlobalPool())
    net.add("fc", Linear(features=classes))
    return net.build()


def _parse_cell(cell: str) -> list[list[str]]:
    """Return the operation on each edge: for nodes 1..3, from nodes 0, 1, ...."""
    operations = []
    groups = cell.split("+")
    for node, group in enumerate(groups, start=1):
        names = [part.partition("~") for part in group.strip("|").split("|")]
        if [source for _, _, source in names] != [str(n) for n in range(node)]:
            raise InvalidValueError("cell", cell, "'|op~0|+|op~0|op~1|+|op~0|op~1|op~2|'")
        operations.append([name for name, _, _ in names])
    if len(groups) != 3:
        raise InvalidValueError("cell", cell, "'|op~0|+|op~0|op~1|+|op~0|op~1|op~2|'")
    for name in (name for group in operations for name in group):
        if name not in NB201_OPERATIONS:
            raise UnknownNameError("operation", name, NB201_OPERATIONS, "a NAS-Bench-201 cell")
    return operations


def _cell(net: NetworkBuilder, name: str, operations: list[list[str]], filters: int) -> None:
    """Add a cell: every node sums what its edges bring; a node without any is left out."""
    nodes: list[str | None] = [net.last]
    for node, group in enumerate(operations, start=1):
        terms = []
        for source, operation in enumerate(group):
            start = nodes[source]
            if start is None or operation == "none":
                continue
            if operation == "skip_connect":
                terms.append(start)
                continue
            edge = f"{name}_{source}{node}"
            if operation == "avg_pool_3x3":
                pool = Pool(kernel=(3, 3), stride=1, padding=(1, 1))
                terms.append(net.add(edge, pool, start))
            else:
                kernel = 1 if operation == "nor_conv_1x1" else 3
                terms.append(net.add(edge, _conv(filters, kernel), start))
        nodes.append(net.add(f"{name}_{node}", Add(), *terms) if terms else None)
    if nodes[-1] is None:
        raise InvalidValueError("cell", operations, "a path from the cell's input to its output")


@lru_cache(maxsize=4096)
def nasbench201(
    cell: str,
    input_shape: Shape = (3, 32, 32),
    classes: int = 10,
    filters: int = 16,
    cells: int = 5,
) -> Network:
    """Return the NAS-Bench-201 network of a cell (Dong and Yang, ICLR 2020).

    Parameters
    ----------
    cell : str
        ``"|op~0|+|op~0|op~1|+|op~0|op~1|op~2|"`` with operations of `NB201_OPERATIONS`. A cell
        without a path from its input to its output is refused.
    input_shape, classes : (channels, height, width), int
    filters, cells : int
        Of the first stage, and cells in each of the three stages.
    """
    operations = _parse_cell(cell)
    _check_counts("filters", (filters,))
    _check_counts("cells", (cells,))
    net = NetworkBuilder("nb201_" + cell, input_shape, "Dong and Yang, ICLR 2020")
    net.add("stem", _conv(filters))
    for stage in range(3):
        width = filters * 2**stage
        if stage:
            entry = net.last
            net.add(f"reduce{stage}_conv1", _conv(width, 3, 2))
            end = net.add(f"reduce{stage}_conv2", _conv(width))
            net.add(f"reduce{stage}_pool", _pool(), entry)
            net.add(f"reduce{stage}_down", _conv(width, 1))
            net.add(f"reduce{stage}_add", Add(), end, net.last)
        for number in range(1, cells + 1):
            _cell(net, f"cell{stage + 1}_{number}", operations, width)
    net.add("pool", GlobalPool())
    net.add("fc", Linear(features=classes))
    return net.build()


def _vit_block(net: NetworkBuilder, name: str, width: int, heads: int, mlp: int) -> None:
    """Add a pre-norm transformer block; norms and softmax carry no multiply-accumulates."""
    entry = net.last
    q, k, v = (
        net.add(f"{name}_{part}", Linear(features=width, per_position=True), entry)
        for part in ("query", "key", "value")
    )
    net.add(f"{name}_scores", MatMul(heads=heads, transpose=True), q, k)
    net.add(f"{name}_values", MatMul(heads=heads), net.last, v)
    net.add(f"{name}_project", Linear(features=width, per_position=True))
    middle = net.add(f"{name}_add1", Add(), entry, net.last)
    net.add(f"{name}_mlp1", Linear(features=mlp * width, per_position=True))
    net.add(f"{name}_mlp2", Linear(features=width, per_position=True))
    net.add(f"{name}_add2", Add(), middle, net.last)


@lru_cache(maxsize=256)
def vit(
    width: int = 192,
    heads: int = 3,
    blocks: int = 12,
    mlp: int = 4,
    patch: int = 16,
    input_shape: Shape = (3, 224, 224),
    classes: int = 1000,
) -> Network:
    """Return a vision transformer that averages its tokens (no class token).

    Parameters
    ----------
    width, heads, blocks, mlp : int
        Width of a token, heads, blocks, and widening of the feed-forward layers; the defaults are
        the sizes of ViT-Ti/16 (Touvron et al., ICML 2021).
    patch : int
        Side of a square patch.
    input_shape, classes : (channels, height, width), int
    """
    _check_counts("sizes", (width, heads, blocks, mlp, patch, classes))
    if width % heads:
        raise InvalidValueError("heads", heads, f"a divisor of width = {width}")
    name = f"vit_{width}_h{heads}_b{blocks}_p{patch}"
    net = NetworkBuilder(name, input_shape, "Dosovitskiy et al., ICLR 2021")
    net.add("patches", Conv(filters=width, kernel=(patch, patch), stride=patch))
    _, rows, columns = net.shape()
    net.add("tokens", Pass(shape=(width, rows * columns, 1)))
    for number in range(1, blocks + 1):
        _vit_block(net, f"block{number}", width, heads, mlp)
    net.add("pool", GlobalPool())
    net.add("head", Linear(features=classes))
    return net.build()


NETWORKS: dict[str, Callable[[], Network]] = {
    "resnet9": lambda: resnet9(32, (128, 256, 256), (2, 2, 2)),
    "unet": lambda: unet((16, 32, 64, 128, 256)),
    "resnet18": resnet18,
    "resnet50": resnet50,
    "vgg16": vgg16,
    "mobilenetv2": mobilenetv2,
    "vit": vit,
}
"""Published networks by name."""


def network_named(name: str) -> Network:
    """Return a published network, or raise `UnknownNameError`."""
    if name not in NETWORKS:
        raise UnknownNameError("network", name, NETWORKS)
    return NETWORKS[name]()
