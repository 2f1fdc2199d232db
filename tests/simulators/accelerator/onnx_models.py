"""Networks as ONNX models, with weights whose values do not matter."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Writer:
    """Collects nodes and weights; every method returns the name of its output."""

    def __init__(self):
        self.nodes, self.weights = [], []

    def weight(self, *axes, dtype=np.float32, values=None):
        name = f"w{len(self.weights)}"
        array = np.zeros(axes, dtype) if values is None else np.array(values, dtype)
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def integers(self, *values):
        return self.weight(dtype=np.int64, values=values)

    def add(self, kind, *inputs, name=None, **attributes):
        name = name or f"{kind.lower()}{len(self.nodes)}"
        node = helper.make_node(kind, list(inputs), [f"{name}:0"], name=name, **attributes)
        self.nodes.append(node)
        return f"{name}:0"

    def model(self, input_shape, output, batch=1, rank=4):
        graph = helper.make_graph(
            self.nodes,
            "written",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, *input_shape])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, [None] * rank)],
            self.weights,
        )
        opset = [helper.make_opsetid("", 18)]
        return helper.make_model(graph, opset_imports=opset, ir_version=9)


def write(network, batch=1):
    """A network of the simulator as an ONNX model."""
    writer, outputs = Writer(), {"input": "x"}
    shapes = network.shapes
    for node in network.nodes:
        inputs = [outputs[name] for name in node.inputs]
        before = [shapes[name] for name in node.inputs]
        outputs[node.name] = _write(writer, node, inputs, before, shapes[node.name])
    last = network.nodes[-1]
    rank = 2 if last.layer.kind == "linear" else 4
    return writer.model(network.input_shape, outputs[last.name], batch, rank)


def _sides(layer):
    return {
        "kernel_shape": list(layer.kernel),
        "strides": [layer.stride] * 2,
        "pads": [*layer.padding, *layer.padding],
    }


def _write(w, node, inputs, before, after):
    layer, name = node.layer, node.name
    match layer.kind:
        case "conv":
            weight = w.weight(layer.filters, before[0][0] // layer.groups, *layer.kernel)
            made = w.add("Conv", *inputs, weight, name=name, group=layer.groups, **_sides(layer))
            return w.add("Relu", made)
        case "depthwise":
            weight = w.weight(after[0], 1, *layer.kernel)
            return w.add("Conv", *inputs, weight, name=name, group=before[0][0], **_sides(layer))
        case "transposed":
            weight = w.weight(before[0][0], layer.filters, *layer.kernel)
            return w.add("ConvTranspose", *inputs, weight, name=name, **_sides(layer))
        case "linear" if layer.per_position:
            # Sequences are (1, positions, width).
            weight = w.weight(before[0][0], layer.features)
            return w.add("Add", w.add("MatMul", *inputs, weight, name=name), w.weight(1))
        case "linear":
            flat = w.add("Flatten", *inputs)
            weight = w.weight(layer.features, int(np.prod(before[0])))
            return w.add("Gemm", flat, weight, w.weight(layer.features), name=name, transB=1)
        case "matmul":
            return _product(w, node, inputs, before, after)
        case "pool":
            return w.add("MaxPool", *inputs, name=name, **_sides(layer))
        case "global-pool" if before[0][1] > 1 == before[0][2]:
            return w.add("ReduceMean", *inputs, w.integers(1), name=name, keepdims=0)
        case "global-pool":
            return w.add("GlobalAveragePool", *inputs, name=name)
        case "pass":
            flat = w.add("Reshape", *inputs, w.integers(1, layer.shape[0], -1))
            return w.add("Transpose", flat, perm=[0, 2, 1], name=name)
        case "add":
            return w.add("Sum", *inputs, name=name)
        case "concat":
            return w.add("Concat", *inputs, name=name, axis=1)
    raise AssertionError(layer.kind)


def _product(w, node, inputs, before, after):
    """Scores keep their heads apart: (1, heads, rows, columns)."""
    heads = node.layer.heads
    left, right = inputs
    if node.layer.transpose:
        split = w.integers(1, before[0][1], heads, -1)
        left = w.add("Transpose", w.add("Reshape", left, split), perm=[0, 2, 1, 3])
        split = w.integers(1, before[1][1], heads, -1)
        right = w.add("Transpose", w.add("Reshape", right, split), perm=[0, 2, 3, 1])
        return w.add("Softmax", w.add("MatMul", left, right, name=node.name), axis=-1)
    split = w.integers(1, before[1][1], heads, -1)
    right = w.add("Transpose", w.add("Reshape", right, split), perm=[0, 2, 1, 3])
    made = w.add("Transpose", w.add("MatMul", left, right, name=node.name), perm=[0, 2, 1, 3])
    return w.add("Reshape", made, w.integers(1, after[1], -1))


def save(model, path):
    onnx.save(model, path)
    return path
