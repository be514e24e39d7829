"""One rival's training and prediction, in an environment of its own: what curves.py starts.

PYTHON benchmarks/rivals.py FOLDER

PYTHON is that of an environment with what benchmarks/rivals.txt lists; slicewise is not in it.
FOLDER holds asked.json (method, seconds, threads, seed) and raw/ in nnU-Net's format (imagesTr,
labelsTr, imagesTs, dataset.json). Masks are written to FOLDER/predictions, and what it took to
FOLDER/done.json, last. Training ends by the clock, and learning rates follow it. README.md says
what was chosen, and why.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

METHODS: dict[str, tuple[str, float | None]] = {
    "nnunet-2d": ("2d", None),
    "nnunet-3d": ("3d_fullres", None),
    "nnunet-3d-small": ("3d_fullres", 2.0),
    "monai": ("", None),
}
"""Of nnU-Net its configuration, and the memory in GB of a GPU that it is planned for (its own
default where None): it plans smaller batches for less."""
DATASET = "Dataset001_curves"
POWER = 0.9


# --- training by the clock --------------------------------------------------------------


def processor_seconds() -> float:
    """Return what this process, and those that it has waited for, took of all processors."""
    return sum(os.times()[:4])


class Clock:
    """Says how far a training is that ends after so many seconds.

    Parameters
    ----------
    seconds : float
        That training may take, from now on.
    now : callable
        Tells the time.
    """

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._now = now
        self._begun = now()
        self._starting = 0.0
        self._processor = processor_seconds()
        self.steps = 0
        self.processor_s = 0.0

    def used(self) -> float:
        """Return the seconds that it took until now."""
        return self._now() - self._begun

    def stepped(self) -> None:
        """Note a step. As in ours, learning rates begin to move after the first and slowest."""
        self.steps += 1
        if self.steps == 1:
            self._starting = self.used()

    def share(self) -> float:
        """Return how much of the time is over, from 0 to 1."""
        if not self.steps:
            return 0.0
        moving = max(self.seconds - self._starting, 1e-3)
        return min((self.used() - self._starting) / moving, 1.0)

    def end(self) -> None:
        """Note that the training is over: what it took by the clock and of processors."""
        self.seconds = self.used()
        self.processor_s = processor_seconds() - self._processor

    def is_over(self) -> bool:
        """Tell whether the time is over; a step is the least."""
        return self.steps > 0 and self.used() >= self.seconds


def polynomial(share: float) -> float:
    """Return the part of the first learning rate that nnU-Net has after a share of the training.

    >>> polynomial(0.0), polynomial(1.0)
    (1.0, 0.0)
    """
    return float((1.0 - share) ** POWER)


def cosine(share: float) -> float:
    """Return the part of the first learning rate after a share of the training.

    >>> cosine(0.0), cosine(0.5), cosine(1.0)
    (1.0, 0.5, 0.0)
    """
    return round((1.0 + math.cos(math.pi * share)) / 2, 12)


def quicken(network: Any, dimensions: int) -> Any:
    """Let a network of PyTorch compute on processors as fast as it can there.

    Channels lie beside each other, and convolutions compute in bfloat16 where the processor does:
    with both a step took a third of the processor's seconds. What it returns is float32.
    """
    import torch

    order = torch.channels_last if dimensions == 2 else torch.channels_last_3d
    is_short = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    network = network.to(memory_format=order)
    forward = network.forward

    def quick(images: Any) -> Any:
        with torch.autocast("cpu", torch.bfloat16, enabled=is_short):
            found = forward(images.to(memory_format=order))
        # of nnU-Net's deep supervision a list
        return [each.float() for each in found] if isinstance(found, list) else found.float()

    network.forward = quick
    return network


# --- nnU-Net ----------------------------------------------------------------------------


def nnunet(work: Path, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Plan, train and predict with nnU-Net."""
    places = {"nnUNet_raw": "all", "nnUNet_preprocessed": "ready", "nnUNet_results": "models"}
    for name, folder in places.items():
        (work / folder).mkdir(exist_ok=True)
        os.environ[name] = str(work / folder)
    threads = asked["threads"]
    os.environ |= {"nnUNet_n_proc_DA": str(threads), "nnUNet_def_n_proc": str(threads)}
    (work / "all" / DATASET).symlink_to(work / "raw", target_is_directory=True)
    configuration, memory = METHODS[asked["method"]]
    plans = _nnunet_plans(work, configuration, memory, threads)
    trainer, clock = _nnunet_trained(work, plans, configuration, asked)
    began = time.monotonic()
    number = _nnunet_predicted(work, trainer)
    own = plans["configurations"][configuration]
    return {
        "training_s": clock.seconds,
        "processor_s": clock.processor_s,
        "steps": clock.steps,
        "prediction_s": (time.monotonic() - began) / number,
        "plan": {key: own[key] for key in ("batch_size", "patch_size", "spacing")},
        "versions": {each: version(each) for each in ("nnunetv2", "torch")},
    }


def _nnunet_plans(
    work: Path, configuration: str, memory: float | None, threads: int
) -> dict[str, Any]:
    """Let nnU-Net look at the training cases, plan and preprocess them."""
    from nnunetv2.experiment_planning import plan_and_preprocess_api as api

    api.extract_fingerprints([1], num_processes=threads, show_progress_bar=False)
    name = api.plan_experiments([1], gpu_memory_target_in_gb=memory)
    api.preprocess([1], name, [configuration], [threads], show_progress_bar=False)
    path = work / "ready" / DATASET / f"{name}.json"
    plans: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return plans


def _nnunet_trained(
    work: Path, plans: Mapping[str, Any], configuration: str, asked: Mapping[str, Any]
) -> tuple[Any, Clock]:
    """Train on all cases until the time is over, as its trainer does but for epochs."""
    import numpy as np
    import torch
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    # its random numbers in processes that augment are not seeded by anybody
    random.seed(asked["seed"])
    np.random.seed(asked["seed"])  # noqa: NPY002
    torch.manual_seed(asked["seed"])
    torch.set_num_threads(asked["threads"])
    described = json.loads((work / "raw/dataset.json").read_text(encoding="utf-8"))
    given = {**plans, "continue_training": False}
    clock = Clock(asked["seconds"])
    trainer = nnUNetTrainer(given, configuration, "all", described, device=torch.device("cpu"))
    trainer.on_train_start()
    quicken(trainer.network, len(trainer.configuration_manager.patch_size))
    trainer.network.train()
    while not clock.is_over():
        for group in trainer.optimizer.param_groups:
            group["lr"] = trainer.initial_lr * polynomial(clock.share())
        trainer.train_step(next(trainer.dataloader_train))
        clock.stepped()
    trainer.on_train_end()
    clock.end()
    return trainer, clock


def _nnunet_predicted(work: Path, trainer: Any) -> int:
    """Predict as nnU-Net does, overlapping and mirrored; return of how many cases."""
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    trainer.set_deep_supervision_enabled(False)
    trainer.network.eval()
    predictor = nnUNetPredictor(device=trainer.device, allow_tqdm=False)
    predictor.manual_initialization(
        trainer.network,
        trainer.plans_manager,
        trainer.configuration_manager,
        [trainer.network.state_dict()],
        trainer.dataset_json,
        type(trainer).__name__,
        trainer.inference_allowed_mirroring_axes,
    )
    images = sorted((work / "raw/imagesTs").glob("*_0000.nii.gz"))
    masks = [str(work / "predictions" / _case_of(path)) for path in images]
    predictor.predict_from_files_sequential([[str(path)] for path in images], masks)
    return len(images)


def _case_of(path: Path) -> str:
    return path.name.removesuffix("_0000.nii.gz")


# --- MONAI ------------------------------------------------------------------------------

FILTERS = (16, 32, 64, 128)
BATCH = 2
RATE = 3e-3
MOST = 64**3
"""Voxels of a patch at most."""


def monai(work: Path, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Train MONAI's DynUNet on patches and predict by sliding windows."""
    import torch
    from monai.utils import set_determinism

    set_determinism(asked["seed"])
    torch.set_num_threads(asked["threads"])
    described = json.loads((work / "raw/dataset.json").read_text(encoding="utf-8"))
    images = sorted((work / "raw/imagesTr").glob("*_0000.nii.gz"))
    cases = [
        {"image": str(path), "label": str(work / f"raw/labelsTr/{_case_of(path)}.nii.gz")}
        for path in images
    ]
    spacing, patch = _grid_of(cases)
    is_ct = described["channel_names"]["0"] == "CT"
    fixed = _fixed(spacing, _window(cases) if is_ct else None)
    network, clock = _monai_trained(cases, fixed, patch, len(described["labels"]), asked)
    began = time.monotonic()
    number = _monai_predicted(work, network, fixed, patch)
    return {
        "training_s": clock.seconds,
        "processor_s": clock.processor_s,
        "steps": clock.steps,
        "prediction_s": (time.monotonic() - began) / number,
        "plan": {"batch_size": BATCH, "patch_size": patch, "spacing": spacing},
        "versions": {each: version(each) for each in ("monai", "torch")},
    }


def _grid_of(cases: list[dict[str, str]]) -> tuple[list[float], list[int]]:
    """Return the median spacing, and a patch of the median volume, or as much of it as may be."""
    import nibabel as nib
    import numpy as np

    headers = [nib.as_closest_canonical(nib.load(case["image"])) for case in cases]
    sizes = np.array([each.header.get_zooms()[:3] for each in headers], float)
    spacing = np.median(sizes, axis=0)
    shapes = np.array([each.shape[:3] for each in headers]) * sizes / spacing
    patch = patch_of([float(side) for side in np.median(shapes, axis=0)])
    return [float(step) for step in spacing], patch


def patch_of(shape: list[float]) -> list[int]:
    """Return the sides of a patch: the volume in whole eighths, its longest side cut until it fits.

    >>> patch_of([35.0, 50.0, 36.0]), patch_of([512.0, 512.0, 40.0])
    ([40, 56, 40], [80, 80, 40])
    """
    patch = [max(math.ceil(side / 8) * 8, 16) for side in shape]
    while math.prod(patch) > MOST:
        longest = patch.index(max(patch))
        patch[longest] -= 8
    return patch


def _window(cases: list[dict[str, str]]) -> tuple[float, float]:
    """Return the 0.5 and 99.5 percentiles of what has a label, as nnU-Net clips a CT."""
    import nibabel as nib
    import numpy as np

    inside = [
        np.asarray(nib.load(case["image"]).dataobj)[np.asarray(nib.load(case["label"]).dataobj) > 0]
        for case in cases
    ]
    low, high = np.percentile(np.concatenate(inside), [0.5, 99.5])
    return float(low), float(high)


def _fixed(spacing: list[float], window: tuple[float, float] | None) -> list[Any]:
    """Return the transforms that change nothing at random, of images and, where there is, label."""
    from monai import transforms as t

    both = {"keys": ["image", "label"], "allow_missing_keys": True}
    made = [
        t.LoadImaged(**both, ensure_channel_first=True),
        t.Orientationd(**both, axcodes="RAS", labels=None),
        t.Spacingd(**both, pixdim=spacing, mode=("bilinear", "nearest")),
    ]
    if window is not None:
        low, high = window
        made.append(t.ScaleIntensityRanged("image", low, high, 0.0, 1.0, clip=True))
    return [*made, t.NormalizeIntensityd("image")]


def _drawn(patch: list[int]) -> list[Any]:
    """Return the transforms that are drawn anew each time, as MONAI's pipeline of DynUNet has."""
    from monai import transforms as t

    both = ["image", "label"]
    return [
        t.RandCropByPosNegLabeld(both, label_key="label", spatial_size=patch, pos=1, neg=1),
        t.RandZoomd(both, prob=0.15, min_zoom=0.9, max_zoom=1.2, mode=("trilinear", "nearest")),
        *(t.RandFlipd(both, prob=0.5, spatial_axis=axis) for axis in range(3)),
        t.RandGaussianNoised("image", prob=0.15, std=0.01),
        t.RandGaussianSmoothd(
            "image", prob=0.15, sigma_x=(0.5, 1.15), sigma_y=(0.5, 1.15), sigma_z=(0.5, 1.15)
        ),
        t.RandScaleIntensityd("image", prob=0.15, factors=0.3),
    ]


def _monai_trained(
    cases: list[dict[str, str]],
    fixed: list[Any],
    patch: list[int],
    labels: int,
    asked: Mapping[str, Any],
) -> tuple[Any, Clock]:
    """Train until the time is over, on cases that are kept in memory."""
    import torch
    from monai import transforms as t
    from monai.data import CacheDataset, DataLoader
    from monai.losses import DeepSupervisionLoss, DiceCELoss
    from monai.networks.nets import DynUNet

    padded = t.SpatialPadd(["image", "label"], spatial_size=patch)
    steps = t.Compose([*fixed, padded, *_drawn(patch)]).set_random_state(asked["seed"])
    clock = Clock(asked["seconds"])
    kept = CacheDataset(cases, steps, num_workers=None, progress=False)
    sampler = torch.utils.data.RandomSampler(kept, replacement=True, num_samples=10**9)
    strides = [1, *(2 for _ in FILTERS[1:])]
    network = DynUNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=labels,
        kernel_size=[3 for _ in strides],
        strides=strides,
        upsample_kernel_size=strides[1:],
        filters=list(FILTERS),
        deep_supervision=True,
        deep_supr_num=2,
    )
    network = quicken(network, 3)
    loss_of = DeepSupervisionLoss(DiceCELoss(to_onehot_y=True, softmax=True, batch=True))
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE)
    network.train()
    for batch in DataLoader(kept, batch_size=BATCH, sampler=sampler, num_workers=0):
        for group in optimizer.param_groups:
            group["lr"] = RATE * cosine(clock.share())
        optimizer.zero_grad(set_to_none=True)
        heads = network(batch["image"].as_tensor())
        loss = loss_of(list(torch.unbind(heads, dim=1)), batch["label"].as_tensor())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 12)
        optimizer.step()
        clock.stepped()
        if clock.is_over():
            break
    clock.end()
    return network, clock


def _monai_predicted(work: Path, network: Any, fixed: list[Any], patch: list[int]) -> int:
    """Predict by windows that overlap by half, and bring probabilities back to each grid."""
    import nibabel as nib
    import numpy as np
    import torch
    from monai import transforms as t
    from monai.data import decollate_batch, list_data_collate
    from monai.inferers import sliding_window_inference

    before = t.Compose(fixed)
    back = t.Invertd("mask", before, orig_keys="image", nearest_interp=False, to_tensor=True)
    images = sorted((work / "raw/imagesTs").glob("*_0000.nii.gz"))
    network.eval()
    for path in images:
        given = list_data_collate([before({"image": str(path)})])
        with torch.no_grad():
            found = sliding_window_inference(
                given["image"], patch, 4, network, overlap=0.5, mode="gaussian"
            )
        given["mask"] = torch.softmax(found, dim=1)
        (returned,) = decollate_batch(given)
        numbers = back(returned)["mask"].argmax(dim=0).numpy().astype(np.uint8)
        image = nib.load(path)
        mask = nib.Nifti1Image(numbers, image.affine)
        nib.save(mask, work / "predictions" / f"{_case_of(path)}.nii.gz")
    return len(images)


# --- what curves.py starts --------------------------------------------------------------


def main() -> None:
    """Do what is asked for in a folder."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], prog="rivals.py")
    parser.add_argument("folder", type=Path, help="with asked.json and raw/")
    work = parser.parse_args().folder.resolve()
    asked = json.loads((work / "asked.json").read_text(encoding="utf-8"))
    shutil.rmtree(work / "predictions", ignore_errors=True)
    (work / "predictions").mkdir()
    made = (monai if asked["method"] == "monai" else nnunet)(work, asked)
    (work / "done.json").write_text(json.dumps(made), encoding="utf-8")


if __name__ == "__main__":
    main()
