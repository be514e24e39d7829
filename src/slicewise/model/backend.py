"""The few calls that Keras does not cover: threads, memory, determinism, versions."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

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


def available_threads() -> int:
    """Return the number of processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def prepare(threads: int | None = None, seed: int | None = None) -> int:
    """Set up the backend before its first operation.

    Parameters
    ----------
    threads : int or None
        Threads of an operation on the CPU; None takes all processors.
    seed : int or None
        Seeds every generator and, on CPUs, asks for deterministic operations.

    Returns
    -------
    int
        The number of threads in use.
    """
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
            tf.config.experimental.set_memory_growth(gpu, True)
        # Bits are promised on CPUs only; on GPUs some operations have no such variant.
        if seed is not None and not gpus:
            tf.config.experimental.enable_op_determinism()
    if seed is not None:
        keras.utils.set_random_seed(seed)
    return threads


def has_gpu() -> bool:
    """Tell whether the backend sees a GPU."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_physical_devices("GPU"))
    return any(device.startswith(("gpu", "cuda")) for device in keras.distribution.list_devices())


def versions() -> dict[str, str]:
    """Return the versions that the weights depend on."""
    found = {"backend": keras.backend.backend()}
    for package in ("keras", keras.backend.backend(), "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found
