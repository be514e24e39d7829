"""A finished model as one ONNX file: the same network, written layer by layer.

Keras' own export (``model.export(format="onnx")``, by tf2onnx) was tried first,
with Keras 3.15 and TensorFlow 2.21: it takes TensorFlow on every backend, writes
bfloat16 convolutions that onnxruntime refuses, and loses the padding of slices
whose sides are no multiple of what the network halves. A U-net has few kinds of
layers; they are written here from the definition of the operators
(https://onnx.ai/onnx/operators/), in float32, whatever backend is chosen.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slicewise.network.model import finished_parts, weights_digest  # isort: skip  (before keras)

import keras
import numpy as np

from slicewise.errors import SlicewiseError
from slicewise.network.layers import (
    BatchNormalization,
    CropLike,
    InstanceNormalization,
    PadToMultiple,
    SlicesApart,
)
from slicewise.network.onnx_model import (
    CARD,
    FORMAT,
    FORMAT_KEY,
    INPUT,
    OUTPUT,
    WEIGHTS,
    read_onnx,
    sealed,
)
from slicewise.network.preprocessing import Preprocess

OPSET = 17
"""Of 2022: what is used of it has not changed since, and older onnxruntimes know it."""
CLOSE = 1e-3
"""How far a probability may be from Keras' before the file is refused; rounding gives 1e-6."""


def to_onnx(model: keras.Model, name: str, facts: Mapping[str, str] | None = None) -> bytes:
    """Return the bytes of an ONNX file that computes what a finished model computes.

    Parameters
    ----------
    model : keras.Model
        Of any backend. One of mixed precision is written in float32: its rounded
        activations are what is left behind.
    name : str
        How messages call it.
    facts : mapping of str to str, optional
        More to carry in the metadata.

    Returns
    -------
    bytes
        From float32 ``intensities`` (n, rows, columns, channels) to
        ``probabilities`` (n, rows, columns, outputs), of blocks (n, rows, columns,
        slices, outputs), for any n, rows and columns.
        The same model gives the same bytes.

    Raises
    ------
    SlicewiseError
        When a layer is of a kind that is not known here, onnx or onnxruntime is
        not installed, or the file says something else than the model.
    """
    onnx = _onnx(name)
    wide = _in_float32(model)
    preprocess, unet, activation = finished_parts(wide)
    graph = _Graph(onnx, name)
    given = model.input_shape
    last = len(given) - 1
    inner = graph.preprocessed(preprocess, INPUT, given[-1])
    inner = graph.add("Transpose", [inner], perm=[0, last, *range(1, last)])
    logits = graph.network(unet, inner)
    likely = graph.add(*_PROBABILITIES[activation](logits))
    rank = len(wide.output_shape)
    graph.add("Transpose", [likely], out=OUTPUT, perm=[0, *range(2, rank), 1])
    facts = {
        FORMAT_KEY: str(FORMAT),
        CARD: json.dumps(preprocess.card.dump(), allow_nan=False),
        WEIGHTS: weights_digest(model),
        **(facts or {}),
    }
    data = sealed(graph.serialised(given, wide.output_shape, facts))
    _compare(wide, data, name)
    return data


_PROBABILITIES: dict[str, Callable[[str], tuple[Any, ...]]] = {
    "sigmoid": lambda logits: ("Sigmoid", [logits]),
    "softmax": lambda logits: ("Softmax", [logits], None, {"axis": 1}),
}


def _onnx(name: str) -> Any:
    try:
        import onnx
    except ImportError:
        raise SlicewiseError(
            f"{name}: to write ONNX takes the package onnx, which is not installed; install it "
            "with python -m pip install onnx onnxruntime"
        ) from None
    return onnx


def _in_float32(model: keras.Model) -> keras.Model:
    """Return the same model with all layers in float32."""
    wide = keras.Model.from_config(_without_policies(model.get_config()))
    wide.set_weights(model.get_weights())
    return wide


def _without_policies(config: Any) -> Any:
    if isinstance(config, Mapping):
        return {
            key: "float32" if key == "dtype" else _without_policies(value)
            for key, value in config.items()
        }
    return [_without_policies(each) for each in config] if isinstance(config, list) else config


def _compare(model: keras.Model, data: bytes, name: str) -> None:
    """Refuse a file that says something else than its model.

    Raises
    ------
    SlicewiseError
        With how far they are apart.
    """
    preprocess, *_ = finished_parts(model)
    written = read_onnx(data, name)
    rng = np.random.default_rng(0)
    # no multiple of what is halved, and two shapes: none may be fixed in the file
    for sides in ((21, 38, 27), (16, 9, 33)):
        shape = (2, *sides[-(len(model.input_shape) - 2) :], model.input_shape[-1])
        images = rng.normal(0, 1.5, shape) * preprocess.of_first("sd")
        images = (images + preprocess.of_first("mean")).astype(np.float32)
        if told := preprocess.card.context.told:
            images[..., -told:] = np.eye(told)[rng.integers(told, size=2)][:, None, None]
        # by itself, not as one graph, which TensorFlow rewrites
        wanted = keras.ops.convert_to_numpy(model(images, training=False))
        got = written.predict_on_batch(images)
        apart = float(np.abs(got - wanted).max()) if got.shape == wanted.shape else np.inf
        if not apart < CLOSE:
            raise SlicewiseError(
                f"{name}: what was written as ONNX differs from it by up to {apart:.2g} in "
                "probability, so nothing was exported; please report that, and use the .keras file"
            )


class _Graph:
    """A graph of ONNX that is being written, channels before rows as its operators take them.

    Parameters
    ----------
    onnx : module
    model : str
        How messages call what is written.
    """

    def __init__(self, onnx: Any, model: str) -> None:
        self.onnx = onnx
        self.model = model
        self.nodes: list[Any] = []
        self.arrays: list[Any] = []

    def add(
        self,
        operator: str,
        inputs: Sequence[str],
        out: str | None = None,
        more: Mapping[str, Any] | None = None,
        **attributes: Any,
    ) -> str:
        """Add a node, and return the name of what it gives."""
        out = out or f"{operator}_{len(self.nodes)}"
        attributes |= more or {}
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, [out], out, **attributes))
        return out

    def array(self, values: Any, dtype: Any = np.float32) -> str:
        """Add constant numbers, and return their name."""
        name = f"constant_{len(self.arrays)}"
        values = np.ascontiguousarray(np.asarray(values, dtype))
        self.arrays.append(self.onnx.numpy_helper.from_array(values, name))
        return name

    def preprocessed(self, layer: Preprocess, images: str, channels: int) -> str:
        """Add window and normalisation, channels last."""

        def numbers(each: Any) -> str | None:
            if each is None:
                return None
            several = isinstance(each, Sequence)
            return self.array(np.repeat(each, channels // len(each)) if several else each)

        told = layer.card.context.told
        plane = None
        if told:
            ends = (0, channels - told, channels)
            start, middle, end, last = (self.array([each], np.int64) for each in (*ends, -1))
            plane = self.add("Slice", [images, middle, end, last])
            images = self.add("Slice", [images, start, middle, last])
            channels -= told
        low, high, mean, sd = map(numbers, layer.fitted)
        if low is not None and high is not None:
            images = self.add("Min", [self.add("Max", [images, low]), high])
        assert mean is not None and sd is not None
        normalised = self.add("Div", [self.add("Sub", [images, mean]), sd])
        return normalised if plane is None else self.add("Concat", [normalised, plane], axis=-1)

    def network(self, unet: keras.Model, given: str) -> str:
        """Add the layers of a network, and return the name of what it gives."""
        known = {id(unet.inputs[0]): given}
        for layer in unet.layers:
            if isinstance(layer, keras.layers.InputLayer):
                continue
            write = _LAYERS.get(type(layer))
            if write is None:
                raise SlicewiseError(
                    f"{self.model}: its layer {layer.name} is of a kind "
                    f"({type(layer).__name__}) that cannot be exported; use the .keras file"
                )
            inputs = layer.input if isinstance(layer.input, list) else [layer.input]
            known[id(layer.output)] = write(self, layer, [known[id(each)] for each in inputs])
        return known[id(unet.outputs[0])]

    def sides(self, images: str, axes: int) -> str:
        """Add what gives the lengths of all sides of images."""
        return self.add(
            "Slice",
            [
                self.add("Shape", [images]),
                self.array([2], np.int64),
                self.array([2 + axes], np.int64),
            ],
        )

    def serialised(
        self, given: Sequence[int | None], said: Sequence[int | None], facts: Mapping[str, str]
    ) -> bytes:
        """Return the whole as bytes, with the shapes of what it is given and what it says."""
        helper = self.onnx.helper
        sides = [f"side_{axis}" for axis in range(1, len(given) - 1)]
        behind = len(given) - 1
        values = [
            helper.make_tensor_value_info(
                name, self.onnx.TensorProto.FLOAT, ["batch", *sides, *shape[behind:]]
            )
            for name, shape in ((INPUT, given), (OUTPUT, said))
        ]
        graph = helper.make_graph(
            self.nodes, "slicewise", values[:1], values[1:], initializer=self.arrays
        )
        model = helper.make_model(
            graph,
            producer_name="slicewise",
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=8,
        )
        helper.set_model_props(model, dict(facts))
        return bytes(model.SerializeToString(deterministic=True))


def _numbers(variable: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(variable.value), np.float32)


def _convolution(graph: _Graph, layer: Any, inputs: list[str]) -> str:
    """Write a convolution, or one that enlarges (whose kernel Keras lays out the other way)."""
    kernel = _numbers(layer.kernel)
    axes = kernel.ndim - 2
    enlarges = type(layer) in _ENLARGE
    weights = [graph.array(kernel.transpose(axes + 1, axes, *range(axes)))]
    if layer.bias is not None:
        weights.append(graph.array(_numbers(layer.bias)))
    return graph.add(
        "ConvTranspose" if enlarges else "Conv",
        [*inputs, *weights],
        kernel_shape=list(kernel.shape[:axes]),
        strides=list(layer.strides),
        dilations=list(layer.dilation_rate),
        auto_pad="SAME_UPPER" if layer.padding == "same" else "VALID",
    )


def _largest(graph: _Graph, layer: Any, inputs: list[str]) -> str:
    return graph.add(
        "MaxPool",
        inputs,
        kernel_shape=list(layer.pool_size),
        strides=list(layer.strides),
        auto_pad="SAME_UPPER" if layer.padding == "same" else "VALID",
    )


def _by_batch(graph: _Graph, layer: Any, inputs: list[str]) -> str:
    own = (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
    names = [graph.array(_numbers(variable)) for variable in own]
    return graph.add("BatchNormalization", [*inputs, *names], epsilon=layer.epsilon)


def _by_instance(graph: _Graph, layer: Any, inputs: list[str]) -> str:
    names = [graph.array(_numbers(variable)) for variable in (layer.gamma, layer.beta)]
    return graph.add("InstanceNormalization", [*inputs, *names], epsilon=layer.epsilon)


def _by_group(graph: _Graph, layer: Any, inputs: list[str]) -> str:
    """Write the channels of a group as one long channel of its own."""
    groups = layer.groups
    shape = graph.add("Shape", inputs)
    together = graph.add("Reshape", [*inputs, graph.array([0, groups, -1], np.int64)])
    plain = [graph.array(np.full(groups, value)) for value in (1, 0)]
    even = graph.add("InstanceNormalization", [together, *plain], epsilon=layer.epsilon)
    ones = [1] * (len(layer.output.shape) - 2)
    gamma, beta = (
        graph.array(_numbers(variable).reshape(-1, *ones)) for variable in (layer.gamma, layer.beta)
    )
    return graph.add("Add", [graph.add("Mul", [graph.add("Reshape", [even, shape]), gamma]), beta])


def _padded(graph: _Graph, layer: Any, inputs: list[str]) -> str:
    axes = len(layer.output.shape) - 2
    multiple = graph.array([layer.multiple] * axes, np.int64)
    over = graph.add("Mod", [graph.sides(inputs[0], axes), multiple])
    # taken twice, as nothing is to be added where nothing is over
    lacking = graph.add("Mod", [graph.add("Sub", [multiple, over]), multiple])
    before = graph.array([0] * (axes + 2 + 2), np.int64)
    return graph.add("Pad", [*inputs, graph.add("Concat", [before, lacking], axis=0)])


def _cropped(graph: _Graph, layer: Any, inputs: list[str]) -> str:
    image, like = inputs
    axes = len(layer.input[1].shape) - 2
    start = graph.array([0] * axes, np.int64)
    which = graph.array(range(2, 2 + axes), np.int64)
    return graph.add("Slice", [image, start, graph.sides(like, axes), which])


def _slices_apart(graph: _Graph, layer: Any, inputs: list[str]) -> str:
    """Write the slices of each channel as the last axis of an image."""
    channels = layer.input.shape[-1] // layer.slices
    batch = graph.add(
        "Slice",
        [
            graph.add("Shape", inputs),
            graph.array([0], np.int64),
            graph.array([1], np.int64),
        ],
    )
    two = graph.array([channels, layer.slices], np.int64)
    shape = graph.add("Concat", [batch, two, graph.sides(inputs[0], 2)], axis=0)
    return graph.add("Transpose", [graph.add("Reshape", [*inputs, shape])], perm=[0, 1, 3, 4, 2])


_ENLARGE = (keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)
_LAYERS: dict[type, Callable[[_Graph, Any, list[str]], str]] = {
    **dict.fromkeys([keras.layers.Conv2D, keras.layers.Conv3D, *_ENLARGE], _convolution),
    **dict.fromkeys([keras.layers.MaxPooling2D, keras.layers.MaxPooling3D], _largest),
    # which does nothing once the training is over
    **dict.fromkeys(
        [keras.layers.SpatialDropout2D, keras.layers.SpatialDropout3D],
        lambda graph, layer, inputs: inputs[0],
    ),
    keras.layers.Concatenate: lambda graph, layer, inputs: graph.add("Concat", inputs, axis=1),
    keras.layers.Add: lambda graph, layer, inputs: graph.add("Add", inputs),
    keras.layers.ReLU: lambda graph, layer, inputs: graph.add("Relu", inputs),
    keras.layers.LeakyReLU: lambda graph, layer, inputs: graph.add(
        "LeakyRelu", inputs, alpha=float(layer.negative_slope)
    ),
    BatchNormalization: _by_batch,
    keras.layers.BatchNormalization: _by_batch,
    InstanceNormalization: _by_instance,
    keras.layers.GroupNormalization: _by_group,
    PadToMultiple: _padded,
    CropLike: _cropped,
    SlicesApart: _slices_apart,
}
"""How each kind of layer is written: exactly these, as what derives from them may do more."""
