"""Networks: graphs, dependencies, and the published families."""

import csv

import pytest

from chipgym.simulators.accelerator.layer import Add, Conv, GlobalPool, Linear, Loops, Pool
from chipgym.simulators.accelerator.network import INPUT, Network, NetworkBuilder
from chipgym.simulators.accelerator.networks import (
    NETWORKS,
    mobilenetv2,
    nasbench201,
    network_named,
    resnet9,
    resnet18,
    resnet50,
    unet,
    vgg16,
    vit,
)
from chipgym.simulators.accelerator.workload import lower_workload
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

CELL = (
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|"
    "+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
)
PUBLISHED = {
    "resnet9_32_128-2_256-2_256-2": lambda: resnet9(32, (128, 256, 256), (2, 2, 2)),
    "resnet9_64_128-1_256-1_256-1": lambda: resnet9(64, (128, 256, 256), (1, 1, 1)),
    "resnet18": resnet18,
    "vgg16": vgg16,
    "mobilenetv2": mobilenetv2,
    "unet_h5_f16_128px": lambda: unet((16, 32, 64, 128, 256)),
}


def residual_network():
    net = NetworkBuilder("small", (3, 8, 8))
    net.add("stem", Conv(filters=4, kernel=(3, 3), padding=(1, 1)))
    net.add("pool", Pool(kernel=(2, 2), stride=2))
    net.add("left", Conv(filters=4, kernel=(3, 3), padding=(1, 1)), "pool")
    net.add("right", Conv(filters=4, kernel=(1, 1)), "pool")
    net.add("sum", Add(), "left", "right", "pool")
    net.add("mean", GlobalPool())
    net.add("fc", Linear(features=2))
    return net.build()


def total_weights(network):
    return sum(nest.weights for nest in network.loops.values())


@pytest.mark.golden
@pytest.mark.parametrize("name", PUBLISHED)
def test_layers_are_those_of_the_published_tables(shared_folder, name):
    with (shared_folder / "data" / "codesign" / "networks.csv").open() as stream:
        rows = [row for row in csv.DictReader(stream) if row["net"] == name]
    sizes = ("K", "C", "R", "S", "OY", "OX", "stride")
    expected = {
        row["layer"]: Loops(*(int(row[size]) for size in sizes), int(row["type"] == "DSCONV"))
        for row in rows
    }
    network = PUBLISHED[name]()
    assert list(network.loops.items()) == list(expected.items())
    assert network.macs == sum(int(row["macs"]) for row in rows)
    assert total_weights(network) == sum(int(row["weights"]) for row in rows)


def test_sizes_of_further_networks():
    # Published parameter counts without biases and normalisation: 25,557,032 - 1000 - 53,120.
    assert total_weights(resnet50()) == 25_502_912
    assert resnet50().output_shape == (1000, 1, 1)
    # ViT-Ti: 12 blocks of 12 width^2 weights, patches and head; attention is no weight.
    stationary = 2 * 12 * 196 * 192
    assert total_weights(vit()) == 12 * 12 * 192**2 + 768 * 192 + 192 * 1000 + stationary
    # NAS-Bench-201 networks: 3 stages of 5 cells, here with 3 convolutions of 3x3 each.
    convolutions = sum(5 * 3 * 9 * (16 * 2**stage) ** 2 for stage in range(3))
    reductions = sum(9 * w * 2 * w + 9 * (2 * w) ** 2 + w * 2 * w for w in (16, 32))
    assert total_weights(nasbench201(CELL)) == convolutions + reductions + 27 * 16 + 640


def test_every_named_network_lowers():
    for name in NETWORKS:
        network = network_named(name)
        lowered = network.lowered
        assert len(lowered.names) == len(lowered.layers) == len(lowered.predecessors)
        assert all(p < i for i, before in enumerate(lowered.predecessors) for p in before)
        assert not lowered.layers.flags.writeable
    with pytest.raises(UnknownNameError, match="did you mean 'vgg16'"):
        network_named("vgg-16")


def test_networks_round_trip_through_json(tmp_path):
    for network in (residual_network(), unet((4, 8), (3, 8, 8)), vit(blocks=1), nasbench201(CELL)):
        assert Network.parse(network.document()) == network
        network.save(tmp_path / "network.json")
        assert Network.load(tmp_path / "network.json").loops == network.loops


def test_dependencies_skip_what_carries_no_products():
    network = residual_network()
    assert network.shapes["sum"] == (4, 4, 4)
    assert network.lowered.names == ("stem", "left", "right", "fc")
    assert network.lowered.predecessors == ((), (0,), (0,), (0, 1, 2))


def test_workloads_join_networks():
    small, chain = residual_network(), resnet9(8, (16,), (1,), (3, 8, 8))
    workload = lower_workload([small, chain])
    assert workload.names[:5] == ("0/stem", "0/left", "0/right", "0/fc", "1/stem")
    assert workload.network.tolist() == [0] * 4 + [1] * 4
    successors = [
        workload.succ[a:b].tolist()
        for a, b in zip(workload.succ_start[:-1], workload.succ_start[1:], strict=True)
    ]
    # The residual of the second network needs its entry as well as its skip convolution.
    assert successors == [[1, 2, 3], [3], [3], [], [5], [6, 7], [7], []]
    assert workload.indegree.tolist() == [0, 1, 1, 3, 0, 1, 1, 2]
    chained = lower_workload([small, chain], chain=True)
    assert chained.succ.tolist() == [1, 2, 3, 5, 6, 7]
    assert chained.indegree.tolist() == [0, 1, 1, 1, 0, 1, 1, 1]


def test_cells_without_edges_and_dead_ends():
    none = "|none~0|+|none~0|none~1|+|{}~0|none~1|none~2|"
    only_skip = nasbench201(none.format("skip_connect"))
    assert not any(name.startswith("cell") for name in only_skip.loops)
    with pytest.raises(InvalidValueError, match="a path from the cell's input"):
        nasbench201(none.format("none"))
    with pytest.raises(UnknownNameError, match="nor_conv_3x3"):
        nasbench201(none.format("nor_conv_5x5"))
    for broken in ("", "|none~0|", none.format("skip_connect").replace("~2", "~1")):
        with pytest.raises(InvalidValueError, match="cell"):
            nasbench201(broken)


def test_shapes_that_do_not_fit_name_the_node():
    net = NetworkBuilder("bad", (3, 4, 4))
    net.add("stem", Conv(filters=4, kernel=(3, 3)))
    with pytest.raises(InvalidValueError, match=r"nodes\.wide\.kernel\.0 = 5"):
        net.add("wide", Conv(filters=4, kernel=(5, 5)))
    with pytest.raises(InvalidValueError, match=r"nodes\.sum\.inputs\.1"):
        net.add("sum", Add(), "stem", INPUT)
    with pytest.raises(UnknownNameError, match="did you mean 'stem'"):
        net.add("next", Add(), "stern")
    with pytest.raises(InvalidValueError, match="name = 'stem'"):
        net.add("stem", GlobalPool())
    document = net.build().document()
    document["nodes"][0]["layer"]["kernel"] = [7, 7]
    with pytest.raises(InvalidValueError, match=r"nodes\.stem\.kernel\.0"):
        Network.parse(document)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": ["later"]}, "reads 'later', which is not before it"),
        ({"name": "input"}, "used twice"),
        ({"layer": {"kind": "softmax"}}, "softmax"),
        ({"layer": {"kind": "conv", "filters": 2}}, "kernel"),
    ],
)
def test_broken_graphs_are_refused(change, message):
    document = residual_network().document()
    document["nodes"][0].update(change)
    with pytest.raises(InvalidValueError, match=message):
        Network.parse(document)


@pytest.mark.parametrize(
    "build",
    [
        lambda: resnet9(0, (8,), (1,)),
        lambda: resnet9(8, (8, 8), (1,)),
        lambda: resnet9(8, (8,), (-1,)),
        lambda: resnet9(8, (8,) * 6, (0,) * 6),
        lambda: unet(()),
        lambda: unet((4, 8, 16), (3, 10, 10)),
        lambda: unet((4, 0)),
        lambda: vit(width=100, heads=3),
        lambda: vit(patch=500),
        lambda: resnet9(8, (65536, 65536), (0, 2), (3, 65536, 65536)),
    ],
)
def test_impossible_networks_are_refused(build):
    with pytest.raises(InvalidValueError, match="is not allowed"):
        build()


def test_equal_networks_made_apart_are_equal_after_lowering() -> None:
    first, second = (resnet9.__wrapped__(8, (16,), (1,)) for _ in range(2))
    assert len(first.lowered.names) == len(second.lowered.names)
    assert first == second
    assert hash(first) == hash(second)
    assert first != resnet9(8, (16,), (0,))
