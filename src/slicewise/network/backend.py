"""The few calls that Keras does not cover: threads, memory, determinism, versions."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from slicewise import backends
from slicewise.errors import SlicewiseError
from slicewise.network.precision import INSTRUCTIONS, Machine
from slicewise.surroundings import available_threads

backends.choose()
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# as TensorFlow is told below: no more of a GPU's memory than it takes, others may work there
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

LOG = logging.getLogger("slicewise.network.backend")

# What TensorFlow says at every start on a machine without a GPU, whatever its
# log level; it would bury the lines meant for the user.
CHATTER = ("absl::InitializeLog", "oneDNN custom operations", "cuda drivers", "cuInit")


@contextmanager
def without_chatter() -> Iterator[None]:
    """Leave out known lines of what C++ code writes to standard error meanwhile."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            caught.seek(0)
            for line in caught.read().decode(errors="replace").splitlines():
                if not any(part in line for part in CHATTER):
                    print(line, file=sys.stderr)


with without_chatter():
    import keras


def prepare(threads: int | None = None, seed: int | None = None, strict: bool | None = None) -> int:
    """Set up the backend before its first operation.

    Parameters
    ----------
    threads : int or None
        Threads of an operation on the CPU; None takes all processors.
    seed : int or None
        Seeds every generator.
    strict : bool or None
        Ask for operations that repeat to the bit; None: on CPUs, where all
        have such a variant and it costs little.

    Returns
    -------
    int
        The number of threads in use.
    """
    asked = threads
    threads = threads or available_threads()
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        except RuntimeError:  # already running in this process, as in a notebook
            threads = tf.config.threading.get_intra_op_parallelism_threads() or threads
        with without_chatter():
            gpus = tf.config.list_physical_devices("GPU")
        for gpu in gpus:
            with suppress(RuntimeError):  # already running in this process
                tf.config.experimental.set_memory_growth(gpu, True)
        if seed is not None and (not gpus if strict is None else strict):
            tf.config.experimental.enable_op_determinism()
    else:
        threads = _not_tensorflow(asked, strict)
    if seed is not None:
        keras.utils.set_random_seed(seed)
    return threads


def _not_tensorflow(threads: int | None, strict: bool | None) -> int:
    """Say what another backend does not do, and return the number of threads that it takes."""
    name = keras.backend.backend()
    if strict and has_gpu():
        raise SlicewiseError(
            f"training.strict: {name} cannot be held to operations that repeat to the bit on a "
            "GPU; use TensorFlow (KERAS_BACKEND=tensorflow), or leave it out"
        )
    if threads is not None and threads != available_threads():
        LOG.warning(
            "training.threads: %s takes all %d processors whatever it says; limit them by "
            "taskset, or use TensorFlow",
            name,
            available_threads(),
        )
    return available_threads()


def devices(wanted: int | None = None) -> list[str]:
    """Return the GPUs that share each batch, where there are several (else nothing).

    Parameters
    ----------
    wanted : int or None
        At most so many; None: all that are visible.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # several logical devices are made of the CPU in tests only
        logical = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        names = [device.name for device in logical]
    else:
        names = list(keras.distribution.list_devices())
    names = names[:wanted]
    if len(names) < 2:
        return []
    if keras.backend.backend() == "jax":
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=names))
    return names


def shared_by(names: list[str], run: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make a function of a batch run in equal parts on several devices.

    TensorFlow copies the weights to each device and adds up the gradients by
    itself, as everything is one graph; for networks of some ten megabytes
    that costs little. JAX shares the batch by the distribution that
    `devices` has set.
    """
    if len(names) < 2 or keras.backend.backend() != "tensorflow":
        return run
    import tensorflow as tf

    def everywhere(batch: Any) -> Any:
        if batch.shape[0] is not None and batch.shape[0] % len(names):
            return run(batch)  # the odd batch of a prediction
        results = []
        for name, part in zip(names, tf.split(batch, len(names)), strict=True):
            with tf.device(name):
                results.append(run(part))
        return keras.tree.map_structure(lambda *parts: tf.concat(parts, 0), *results)

    return everywhere


def train_step(trainer: keras.Model, inputs: dict[str, Any]) -> dict[str, Any]:
    """Run one training step, without waiting for its numbers where the backend allows it."""
    if keras.backend.backend() == "jax" and keras.distribution.distribution() is None:
        return _jax_step(trainer, inputs)
    if keras.backend.backend() != "tensorflow":
        return dict(trainer.train_on_batch(inputs, return_dict=True))
    shape = inputs["images"].shape
    # slices of another size get a graph of their own, as one for any size knows no shapes
    trainer.make_train_function(force=trainer.traced not in (None, shape))
    trainer.traced = shape
    trainer.reset_metrics()
    return dict(trainer.train_function(iter([(inputs, None, None)])))


def _jax_step(trainer: keras.Model, inputs: dict[str, Any]) -> dict[str, Any]:
    """Run a step as `train_on_batch` does, which waits for the loss before it returns."""
    trainer.make_train_function()
    moved = (
        trainer.trainable_variables,
        trainer.non_trainable_variables,
        trainer.optimizer.variables,
    )
    # the loss and Dice of this step alone: means that begin anew
    means = [np.zeros(v.shape, v.dtype) for v in trainer.metrics_variables]
    state = (*([v.value for v in variables] for variables in moved), means)
    logs, state = trainer.train_function(state, iter([(inputs, None, None)]))
    for variables, values in zip(moved, state, strict=False):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
    return dict(logs)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error of the backend says that memory ran out."""
    words = ("ResourceExhausted", "RESOURCE_EXHAUSTED", "OutOfMemory", "out of memory", "OOM when")
    text = f"{type(error).__name__} {error}"
    return isinstance(error, MemoryError) or any(word in text for word in words)


def gpu_name() -> str | None:
    """Return the name of the first GPU (or TPU) that the backend sees, as NVIDIA H100 80GB HBM3."""
    name = keras.backend.backend()
    if name == "tensorflow":
        import tensorflow as tf

        for gpu in tf.config.list_physical_devices("GPU"):
            return str(tf.config.experimental.get_device_details(gpu).get("device_name", "GPU"))
    elif name == "jax":
        for device in _jax_gpus():
            return str(device.device_kind)
    elif name == "torch":
        import torch

        if torch.cuda.is_available():
            return str(torch.cuda.get_device_name(0))
    return None


def _jax_gpus() -> list[Any]:
    """Return the devices of jax that are no processors."""
    import jax

    return [one for one in jax.devices() if one.platform in ("gpu", "cuda", "rocm", "tpu")]


def machine() -> Machine:
    """Return what the backend computes on, as far as that decides the precision."""
    name = keras.backend.backend()
    gpu = gpu_name()
    if gpu is not None:
        return Machine(name, gpu, _capability())
    return Machine(name, instructions=_instructions())


def _capability() -> tuple[int, int] | None:
    """Return the compute capability of the first GPU, where the backend tells it."""
    name = keras.backend.backend()
    if name == "tensorflow":
        import tensorflow as tf

        (first, *_) = tf.config.list_physical_devices("GPU")
        capability = tf.config.experimental.get_device_details(first).get("compute_capability")
    elif name == "jax":
        text = str(getattr(_jax_gpus()[0], "compute_capability", "")).split(".")
        capability = (
            tuple(map(int, text)) if len(text) == 2 and all(map(str.isdigit, text)) else None
        )
    else:
        import torch

        # AMD's GPUs are counted in another way
        capability = None if torch.version.hip else torch.cuda.get_device_capability(0)
    return None if capability is None else (int(capability[0]), int(capability[1]))


def _instructions(cpuinfo: Path = Path("/proc/cpuinfo")) -> list[str]:
    """Return the instructions for bfloat16 that oneDNN may use on this processor."""
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "ALL").upper()
    allowed = limit in ("ALL", "DEFAULT") or "BF16" in limit or "AMX" in limit
    if os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1") == "0" or not allowed:
        return []
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # no Linux
        return []
    flags = next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), [])
    return [name for name in INSTRUCTIONS if name in flags]


def has_gpu() -> bool:
    """Tell whether the backend sees a GPU."""
    return gpu_name() is not None


def versions() -> dict[str, str]:
    """Return the versions that the weights depend on."""
    known = {"backend": keras.backend.backend()}
    for package in ("keras", keras.backend.backend(), "numpy"):
        try:
            known[package] = version(package)
        except PackageNotFoundError:
            known[package] = "unknown"
    return known
