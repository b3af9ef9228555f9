"""ONNX graphs: one set of weights as a step and as a window graph, INT8 (QDQ) or its fp32 twin."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 9
WEIGHT_LIMIT = 63
"""Weights use 7 bits: the 8-bit products of AVX2 without VNNI saturate in pairs (vpmaddubsw) beyond that."""
STEM_COPIES = 4
"""The stem is given its input so many times, and a weight is the sum of as many: two bits more, as its few weights tell
one watt and a kilowatt."""
OUT_FINE = 64
OUT_LIMIT = WEIGHT_LIMIT * OUT_FINE
"""The output layer's weights have six bits more, as a second matrix: they are few, and each says watts."""
MIDDLE = 128
"""The zero point of signed activations, which are stored as uint8 too."""

Weights = NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """A convolution: weight (out, in, tap) and bias (out,), dilated; its output's scale, or None where it stays int32.

    `joined_scale` is set where the input is added to the output and clipped at zero again (a residual).
    """

    weight: Weights
    bias: Weights
    dilation_s: int
    scale: float | None
    joined_scale: float | None = None


@dataclass(frozen=True)
class Plan:
    """A network with its scales: stem (1 tap), body (dilated, residual), hidden (1 tap) and out (1 tap, int32).

    `bands` (feature, feature) has a 1 where the column's feature is the row's, or a finer band of the same signal.
    """

    input_scale: float
    bands: Weights
    stem: Layer
    body: Sequence[Layer]
    hidden: Layer
    out: Layer


def build(plan: Plan, *, step: bool, quantized: bool) -> bytes:
    """The serialized ONNX model.

    step: x uint8 (b, f), taps (b, layer*(k-1)*c) -> y (b, o), activations (b, layer*c).
    window: x uint8 (1, f, t) -> y (1, o, t), layer0.. (1, c, t), the inputs of the body's layers.
    The quantized graph has uint8 taps and activations, its twin float32 ones.
    """
    graph = _Graph(step=step, quantized=quantized)
    channels = plan.stem.weight.shape[0]
    kernel = plan.body[0].weight.shape[2]
    kind = TensorProto.UINT8 if quantized else TensorProto.FLOAT
    hidden, scale = graph.entry(plan.input_scale), plan.input_scale
    hidden, scale = graph.conv(hidden, scale, plan.stem, relu=True, bands=plan.bands), _scale(plan.stem)
    pieces: list[str] = [""] * len(plan.body)
    if step:
        pieces = [f"taps{n}" for n in range(len(plan.body))]
        graph.node("Split", ["taps", graph.constant("pieces", [(kernel - 1) * channels] * len(pieces))], pieces, axis=1)
    entries = []
    for layer, piece in zip(plan.body, pieces, strict=True):
        entries.append(hidden)
        branch = graph.conv(hidden, scale, layer, relu=False, piece=piece)
        hidden, scale = graph.join(hidden, scale, branch, layer), float(layer.joined_scale or 0)
    hidden, scale = graph.conv(hidden, scale, plan.hidden, relu=True), _scale(plan.hidden)
    graph.exit(hidden, scale, plan.out)
    features, outputs = plan.stem.weight.shape[1], plan.out.weight.shape[0]
    if step:
        graph.node("Concat", entries, ["activations"], axis=1)
        width = len(plan.body) * channels
        inputs = [("x", TensorProto.UINT8, ["b", features]), ("taps", kind, ["b", width * (kernel - 1)])]
        results = [("y", TensorProto.FLOAT, ["b", outputs]), ("activations", kind, ["b", width])]
    else:
        for n, entry in enumerate(entries):
            graph.node("Identity", [entry], [f"layer{n}"])
        inputs = [("x", TensorProto.UINT8, [1, features, "t"])]
        results = [("y", TensorProto.FLOAT, [1, outputs, "t"])]
        results += [(f"layer{n}", kind, [1, channels, "t"]) for n in range(len(entries))]
    return graph.model(inputs, results)


def _scale(layer: Layer) -> float:
    return float(layer.scale or 0)


class _Graph:
    """Collects nodes and constants; tensors between layers are uint8 (quantized) or float32."""

    def __init__(self, *, step: bool, quantized: bool) -> None:
        self._step, self._quantized = step, quantized
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._names = 0

    def model(self, inputs: list[tuple[str, int, list[object]]], results: list[tuple[str, int, list[object]]]) -> bytes:
        graph = helper.make_graph(
            self._nodes,
            "step" if self._step else "window",
            [helper.make_tensor_value_info(*i) for i in inputs],
            [helper.make_tensor_value_info(*r) for r in results],
            list(self._constants.values()),
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        onnx.checker.check_model(model)
        content: bytes = model.SerializeToString(deterministic=True)
        return content

    def entry(self, scale: float) -> str:
        """The input as it flows: bytes, STEM_COPIES times, or their float values."""
        if not self._quantized:
            return self._dequantized("x", scale, 0)
        self.node("Concat", ["x"] * STEM_COPIES, ["copies"], axis=1)
        return "copies"

    def conv(
        self, name: str, in_scale: float, layer: Layer, *, relu: bool, piece: str = "", bands: Weights | None = None
    ) -> str:
        """A layer's convolution; in the step graph a product with the taps `piece` and the present second."""
        if piece:
            joined = self._name("joined")
            self.node("Concat", [piece, name], [joined], axis=1)
            name = joined
        value = self._dequantized(name, in_scale, 0) if self._quantized else name
        weight, bias = self._weights(layer, in_scale, bands)
        out = self._name("conv")
        if self._step:
            self.node("Gemm", [value, weight, bias], [out], transB=1)
        else:
            reach = (layer.weight.shape[2] - 1) * layer.dilation_s
            self.node(
                "Conv",
                [value, weight, bias],
                [out],
                kernel_shape=[layer.weight.shape[2]],
                dilations=[layer.dilation_s],
                pads=[reach, 0],
            )
        if relu:
            out = self._relu(out)
        return self._quantize(out, _scale(layer), 0 if relu else MIDDLE)

    def join(self, name: str, scale: float, branch: str, layer: Layer) -> str:
        """relu(input + branch)."""
        out = self._name("sum")
        if self._quantized:
            name = self._dequantized(name, scale, 0)
            branch = self._dequantized(branch, _scale(layer), MIDDLE)
        self.node("Add", [name, branch], [out])
        return self._quantize(self._relu(out), float(layer.joined_scale or 0), 0)

    def exit(self, name: str, in_scale: float, layer: Layer) -> None:
        """The output layer: exact int32 sums, then one float product each, so that both graphs agree to the bit."""
        if not self._step:
            turned = self._name("turned")
            self.node("Transpose", [name], [turned], perm=[0, 2, 1])
            name = turned
        weight = layer.weight[:, :, 0]
        total = self._name("total")
        if self._quantized:
            weight_scale = weight_scales(layer.weight, OUT_LIMIT)
            levels = np.rint(weight / weight_scale[:, None]).T
            coarse = np.rint(levels / OUT_FINE)
            whole, part, more = self._name("whole"), self._name("part"), self._name("more")
            sixty_fourths, summed = self._name("sixty_fourths"), self._name("summed")
            self.node("MatMulInteger", [name, self._tensor("out_weight", coarse.astype(np.int8))], [whole])
            fine = (levels - OUT_FINE * coarse).astype(np.int8)
            self.node("MatMulInteger", [name, self._tensor("out_weight_fine", fine)], [part])
            self.node("Mul", [whole, self._tensor("out_fine", np.int32(OUT_FINE))], [more])
            self.node("Add", [more, part], [sixty_fourths])
            self.node("Cast", [sixty_fourths], [summed], to=TensorProto.FLOAT)
            factor = self._tensor("out_scale", (weight_scale * np.float32(in_scale)).astype(np.float32))
            self.node("Mul", [summed, factor], [total])
        else:
            self.node("MatMul", [name, self._tensor("out_weight", weight.T.copy())], [total])
        out = "y" if self._step else self._name("out")
        self.node("Add", [total, self._tensor("out_bias", layer.bias)], [out])
        if not self._step:
            self.node("Transpose", [out], ["y"], perm=[0, 2, 1])

    def node(self, kind: str, inputs: list[str], outputs: list[str], **attributes: object) -> None:
        self._nodes.append(helper.make_node(kind, inputs, outputs, **attributes))

    def constant(self, name: str, values: Sequence[int]) -> str:
        return self._tensor(name, np.array(values, np.int64))

    def _weights(self, layer: Layer, in_scale: float, bands: Weights | None) -> tuple[str, str]:
        weight = layer.weight
        if self._step:  # taps side by side, oldest first, as the ring hands them over
            weight = weight.transpose(0, 2, 1).reshape(len(weight), -1)
        if not self._quantized:
            return self._tensor(self._name("weight"), weight), self._tensor(self._name("bias"), layer.bias)
        if bands is None:
            scale = weight_scales(layer.weight)
            whole = np.rint(weight / scale.reshape(-1, *[1] * (weight.ndim - 1)))
        else:
            wide, scale = stem_levels(layer.weight, bands)
            parts = [(wide + n) // STEM_COPIES for n in range(STEM_COPIES)]  # their sum is the wide one (Hermite)
            whole = np.concatenate(parts, axis=1).reshape(len(weight), -1, *weight.shape[2:])
        levels = self._tensor(self._name("weight"), whole.astype(np.int8))
        bias_scale = (scale * np.float32(in_scale)).astype(np.float32)
        bias = self._tensor(self._name("bias"), np.rint(layer.bias / bias_scale).astype(np.int32))
        return self._dequantized_rows(levels, scale, np.int8), self._dequantized_rows(bias, bias_scale, np.int32)

    def _dequantized_rows(self, name: str, scale: Weights, kind: type[np.int8] | type[np.int32]) -> str:
        out = self._name("rows")
        zero = self._tensor(self._name("zero"), np.zeros(len(scale), kind))
        self.node("DequantizeLinear", [name, self._tensor(self._name("scale"), scale), zero], [out], axis=0)
        return out

    def _dequantized(self, name: str, scale: float, zero: int) -> str:
        out = self._name("real")
        self.node("DequantizeLinear", [name, *self._grid(scale, zero)], [out])
        return out

    def _quantize(self, name: str, scale: float, zero: int) -> str:
        """Bytes; in the twin the same value unrounded, bounded as a byte is: the network was trained within bounds."""
        if not self._quantized:
            out = self._name("bounded")
            self.node("Clip", [name, self._float(-zero * scale), self._float((255 - zero) * scale)], [out])
            return out
        out = self._name("bytes")
        self.node("QuantizeLinear", [name, *self._grid(scale, zero)], [out])
        return out

    def _grid(self, scale: float, zero: int) -> tuple[str, str]:
        return self._tensor(f"scale_{scale:.9g}", np.float32(scale)), self._tensor(f"zero_{zero}", np.uint8(zero))

    def _float(self, value: float) -> str:
        return self._tensor(f"bound_{value:.9g}", np.float32(value))

    def _relu(self, name: str) -> str:
        out = self._name("relu")
        self.node("Relu", [name], [out])
        return out

    def _tensor(self, name: str, value: NDArray[np.generic] | np.generic) -> str:
        self._constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def _name(self, kind: str) -> str:
        self._names += 1
        return f"{kind}{self._names}"


def weight_scales(weight: Weights, limit: int = WEIGHT_LIMIT) -> Weights:
    """Per output channel, the step for which its largest weight is `limit`."""
    largest = np.abs(weight).reshape(len(weight), -1).max(axis=1)
    scales: Weights = (np.maximum(largest, 1e-6) / limit).astype(np.float32)
    return scales


def stem_levels(weight: Weights, bands: Weights) -> tuple[NDArray[np.int64], Weights]:
    """The stem's weights (out, feature, 1) as whole numbers (out, feature) of a step of each channel (out,).

    Where a signal reaches into a band the finer ones are full, and their errors would add up. So it is not a weight but
    the sum up to each band that is rounded; a weight is the difference of two.
    """
    scale = weight_scales(weight, WEIGHT_LIMIT * STEM_COPIES - 1)
    sums = np.rint((weight[:, :, 0] / scale[:, None]) @ bands.T)
    return np.rint(sums @ np.linalg.inv(bands).T).astype(np.int64), scale
