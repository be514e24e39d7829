"""The settings: their names, types, defaults and meaning, in one place.

Everything a user may write in ``config/*.yaml`` is declared here and nowhere
else; ``config/schema.json`` is generated from it (`slicewise schema`).
"""

from __future__ import annotations

import re
import warnings
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from slicewise.config.kinds import EmptyMasks, Intensity, Masks, OtherLabels

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Plane = Literal["axial", "coronal", "sagittal"]
Spacing = Annotated[
    list[Annotated[float, Field(ge=0.01, le=100)]], Field(min_length=3, max_length=3)
]
RESERVED = ("cases", "slices", "logs", "timings", "comparison")
"""Names that no experiment may have."""
IN_RESULTS = ("mlartifacts", "reproduced", "comparison")
"""Names that no data set may have, in any case: some file systems see no difference."""
# Label names that mean something else where labels are named: what is no label, the columns of
# tables, and the metrics.
NO_LABELS = frozenset(
    (
        *("background", "bg", "ignore", "none", "null", "nan", "na", "mean"),
        *("case", "patient", "subset", "fold", "label", "labels"),
        *("dice", "jaccard", "iou", "precision", "recall", "sensitivity", "specificity"),
        *("loss", "accuracy", "volume_ml", "predicted_ml", "volume_error_ml"),
        *("volume_error_percent", "hd95", "hd95_mm", "assd", "assd_mm", "nsd", "tolerance_mm"),
        *("false_islands", "false_islands_ml", "largest_false_ml", "largest_false_mm"),
        *("missed_parts", "missed_parts_ml", "largest_missed_ml", "largest_bulge_ml"),
        *("largest_gap_ml", "lesions_found", "lesions_false", "lesion_iou", "recipe_dice"),
        "truth_sha256",
    )
)


class Block(BaseModel):
    """A block of settings: unknown keys and values of the wrong type are errors."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, validate_default=True, allow_inf_nan=False
    )


class Phantom(Block):
    """Synthetic abdominal CTs, made on the spot (``layout: phantom``)."""

    cases: int = Field(20, ge=1, description="How many synthetic patients.")
    seed: int = Field(7, ge=0, description="Seed of the anatomy; patient k never depends on cases.")
    size: int = Field(96, ge=48, le=512, description="In-plane matrix, in pixels.")
    slices: list[int] = Field(
        [24, 36], min_length=2, max_length=2, description="Least and greatest number of slices."
    )


class Pairs(Block):
    """How the files of ``layout: pairs`` are told apart; one `*` stands for the case's name."""

    image: str = Field("*_orig.nii.gz", description="Pattern of image files.")
    mask: str = Field("*_liver.nii.gz", description="Pattern of mask files.")
    train: str | None = Field("raw/train", description="Folder of the training cases, below root.")
    test: str | None = Field(
        "raw/test", description="Folder of the test cases; null: all cases lie in `train`."
    )

    @field_validator("image", "mask")
    @classmethod
    def _one_star(cls, value: str) -> str:
        if value.count("*") != 1 or "/" in value:
            raise ValueError("must be a file name with one *, which stands for the case's name")
        return value


class Dataset(Block):
    """Where the volumes are and what they hold."""

    name: Name = Field(description="Name of results/<name> and of the MLflow experiment.")
    layout: Literal["pairs", "ircad", "msd", "nnunet", "table", "phantom"] = Field(
        description="How the files are arranged."
    )
    root: str | None = Field(
        None, description="Folder of the data (for table: the TSV), below $SLICEWISE_DATA or data/."
    )
    intensity: Intensity = Field(
        "hu",
        description="Hounsfield units, Hounsfield units cut to a window and shifted, or anything "
        "(such as MR, then z-scored per volume). Checked against the data.",
    )
    offset: int = Field(
        0,
        ge=-32768,
        le=32767,
        description="Added to every voxel of every image when it is read: -1024 for CT that is "
        "stored with 1024 added (intensity hu only).",
    )
    spacing: Spacing | None = Field(
        None,
        description="Voxel size in mm along each axis of the arrays, for images whose header has "
        "lost it (1 × 1 × 1 mm at the origin); others keep their own.",
    )
    contiguous: bool = Field(
        True, description="false: a file is a pile of slices that are not neighbours."
    )
    labels: dict[Name, int | list[int] | str] = Field(
        min_length=1,
        description="Label name: mask value or values (ircad: organ folder; masks of 3D Slicer, "
        ".seg.nrrd: the segment's name will do, for all labels).",
    )
    other_labels: OtherLabels = Field(
        "refuse", description="What to do with mask values that are no label."
    )
    masks: Masks = Field(
        "exact",
        description="exact: voxels of a mask have to be voxels of its image, however flipped, "
        "permuted or cropped; resample: a mask that lies otherwise is resampled, label by label, "
        "and the report lists it.",
    )
    empty_masks: EmptyMasks = Field(
        "refuse",
        description="Whether a mask without any label is a fault, or a healthy patient's: to train "
        "and to be tested on like others.",
    )
    patient_pattern: str | None = Field(
        None,
        description="Regex with a group `patient`, searched in the case's name. null: each case is "
        "a patient of its own; where nothing is said that is so, too, and a line warns of names "
        "that look like several cases of a patient.",
    )
    different_patients: list[Annotated[list[str], Field(min_length=2)]] | Literal["all"] = Field(
        [],
        description="Groups of patients who differ although their names look like one in several "
        "spellings (`p1`, `P1`, `p01`); all: names are taken to the letter.",
    )
    exclude: list[str] = Field([], description="Cases to leave out; the report lists them.")
    pairs: Pairs | None = Field(None, description="File patterns of layout pairs.")
    phantom: Phantom | None = Field(None, description="Settings of layout phantom.")

    @field_validator("name")
    @classmethod
    def _name_is_free(cls, value: str) -> str:
        if value.lower() in IN_RESULTS:
            raise ValueError(
                f"dataset.name is {value!r}: results/{value.lower()} is used by slicewise itself; "
                "choose another name"
            )
        return value

    @field_validator("patient_pattern")
    @classmethod
    def _has_group(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                groups = re.compile(value).groupindex
            except re.error as error:
                raise ValueError(f"is not a regular expression ({error})") from error
            if "patient" not in groups:
                raise ValueError("needs a group named patient, as in (?P<patient>p[0-9]+)")
        return value

    @model_validator(mode="after")
    def _fits_layout(self) -> Dataset:
        by_name = any(isinstance(value, str) for value in self.labels.values())
        for name, value in self.labels.items():
            folder, named = self.layout == "ircad", isinstance(value, str)
            # digits are a value in quotes, and masks of these layouts name no segments
            unnamed = self.layout in ("msd", "phantom")
            no_name = isinstance(value, str) and (value.isdecimal() or unnamed)
            if named != folder and (folder or no_name):
                wanted = "the name of an organ folder" if folder else "a mask value"
                raise ValueError(f"labels.{name} must be {wanted} with layout {self.layout}")
            if by_name and not named:
                raise ValueError(
                    f"labels.{name} is a mask value and other labels are names of segments; give "
                    "all of them as values or all as names"
                )
            numbers = value if isinstance(value, list) else [value]
            if any(isinstance(number, int) and not 1 <= number <= 255 for number in numbers):
                raise ValueError(f"labels.{name}: mask values go from 1 to 255")
        _check_label_names(self.labels)
        values = [v for x in self.labels.values() for v in (x if isinstance(x, list) else [x])]
        if len(set(values)) < len(values):
            raise ValueError("labels: two labels share a mask value")
        if self.offset and self.intensity != "hu":
            raise ValueError("offset goes with intensity hu only")
        if self.layout != "phantom" and self.root is None:
            raise ValueError(f"root is needed with layout {self.layout}: the folder of the data")
        for block in ("pairs", "phantom"):
            if getattr(self, block) is not None and self.layout != block:
                raise ValueError(f"the block {block} goes with layout {block} only")
        if self.layout in ("pairs", "phantom") and getattr(self, self.layout) is None:
            # The block's defaults belong to its layout only.
            default = Pairs() if self.layout == "pairs" else Phantom()
            object.__setattr__(self, self.layout, default)
        return self

    @property
    def content(self) -> Content:
        """What the NIfTI files of a case hold, wherever they came from."""
        labels = {}
        for position, (name, value) in enumerate(self.labels.items(), start=1):
            # Masks made from organ folders or named segments number these in their order.
            number = position if isinstance(value, str) else value
            labels[name] = number if isinstance(number, list) else [number]
        return Content(
            intensity=self.intensity,
            contiguous=self.contiguous,
            labels=labels,
            other_labels=self.other_labels,
            offset=self.offset,
            spacing=self.spacing,
            empty_masks=self.empty_masks,
            masks=self.masks,
        )


def _check_label_names(labels: dict[str, Any]) -> None:
    """Refuse names that stand for something else, or for another label in another spelling."""
    taken = {_letters(name): name for name in NO_LABELS}
    seen: dict[str, str] = {}
    for name, value in labels.items():
        plain = _letters(name)
        measured = re.sub(r"(mean|median|sd|cilow|cihigh|n)$", "", plain)
        if plain in taken or (measured in taken and measured not in ("", "na")):
            raise ValueError(
                f"labels.{name}: this name is taken: it means something else in tables and "
                "reports; choose another"
            )
        if name.isdecimal() and value not in (int(name), [int(name)]):
            raise ValueError(
                f"labels.{name}: a number as a name is taken for a mask value, and its value is "
                "another; choose a word"
            )
        if plain in seen:
            raise ValueError(
                f"labels.{name}: differs from {seen[plain]} in upper and lower case, or in signs, "
                "only; choose another name"
            )
        seen[plain] = name


def _letters(name: str) -> str:
    return re.sub(r"[-_]", "", name).lower()


class Content(Block):
    """What the images and masks of a data set hold; all that stages after reading need."""

    intensity: Intensity
    contiguous: bool
    labels: dict[Name, list[int]]
    other_labels: OtherLabels
    offset: int = 0
    spacing: Spacing | None = None
    empty_masks: EmptyMasks = "refuse"
    masks: Masks = "exact"

    @property
    def once_read(self) -> dict[str, Any]:
        """What counts once a mask was read.

        Whether it may be empty or lie beside its image's voxels was decided then.
        """
        return self.model_dump(exclude={"empty_masks", "masks"})


class Split(Block):
    """Who is trained on, validated on and tested on; always whole patients."""

    test: Fraction | Annotated[int, Field(ge=0)] = Field(
        0.35, description="Test patients: a count or a fraction. Unused where the layout says it."
    )
    validation: Fraction | Annotated[int, Field(ge=0)] = Field(
        0.2, description="Validation patients among the others; none below four of them."
    )
    folds: int = Field(1, ge=1, description="Cross-validation folds over the non-test patients.")
    seed: int = Field(13, ge=0, description="Seed of the split.")
    stratify: str | None = Field(
        None,
        description="Column whose values test, validation and folds share in proportion, such as "
        "the hospital; of a column `ml_<label>`, whether there is any.",
    )
    strata: str | None = Field(
        None,
        description="Table with that column and a column case or patient, below $SLICEWISE_DATA or "
        "data/, such as a copy of an earlier cases.tsv; null: the table of layout table.",
    )
    check_against: list[str] = Field(
        [], description="cases.tsv of other data sets that must share no scan with this one."
    )
    not_the_same: list[Annotated[list[str], Field(min_length=2, max_length=2)]] = Field(
        [],
        description="Pairs of cases that the gate takes for the same scan though they are not; "
        "a case of a data set in `check_against` is `<its cases.tsv>:<case>`, or the case alone "
        "where this data set has none of that name.",
    )

    @model_validator(mode="after")
    def _strata_of_a_column(self) -> Split:
        if self.strata is not None and self.stratify is None:
            raise ValueError("strata goes with stratify: name the column of the table")
        return self


class Recipe(Block):
    """How slices are cut from a volume."""

    plane: Plane = Field("axial", description="The cut.")
    size: int | None = Field(
        None,
        ge=16,
        le=2048,
        description="Side of the square slice in pixels: larger slices are area-averaged down, "
        "smaller ones padded, never enlarged or distorted. null: as they are.",
    )
    every: int = Field(1, ge=1, le=16, description="Keep every n-th pixel in both directions.")
    tilt: list[Annotated[float, Field(ge=-90, le=90)]] = Field(
        [0.0, 0.0],
        min_length=2,
        max_length=2,
        description="Degrees by which the cut is turned about its row and its column axis: an "
        "oblique plane, to train on only (`also`).",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Recipe:
        if self.size is not None and self.every != 1:
            raise ValueError("give either size or every, not both")
        return self

    @property
    def oblique(self) -> bool:
        """Whether the cut is tilted."""
        return any(self.tilt)


class Input(Block):
    """What the network sees of a slice; what is fitted is fitted on training patients."""

    context: Literal[1, 3, 5] = Field(
        1, description="Slices seen at once: the one that is segmented and its neighbours (2.5-D)."
    )
    context_mm: float = Field(
        2.5, gt=0, description="Distance of these slices, interpolated from those that there are."
    )
    window: Literal["foreground", "none"] | list[float] = Field(
        "foreground",
        description="Intensities are clipped to [low, high]; foreground: the 0.5 and 99.5 "
        "percentiles inside the labels (Isensee et al., Nature Methods 2021).",
    )
    normalisation: Literal["foreground", "all", "none"] = Field(
        "foreground", description="z-score by mean and deviation inside the labels, or of all."
    )

    @field_validator("window")
    @classmethod
    def _ordered(cls, value: Any) -> Any:
        if isinstance(value, list) and (len(value) != 2 or value[0] >= value[1]):
            raise ValueError("must be [low, high] with low below high")
        return value


class Network(Block):
    """The U-net (Ronneberger et al., MICCAI 2015)."""

    filters: list[Annotated[int, Field(ge=1)]] = Field(
        [32, 64, 128, 256, 512], min_length=2, max_length=8, description="Filters of each stage."
    )
    normalisation: Literal["none", "batch", "instance"] = Field(
        "batch", description="After each convolution."
    )
    activation: Literal["relu", "leaky_relu"] = Field("leaky_relu", description="Slope 0.01.")
    dropout: Fraction = Field(0.0, description="Spatial dropout at the deepest two stages.")
    residual: bool = Field(
        False, description="Encoder stages add their input to their output (He et al., 2016)."
    )
    deep_supervision: bool = Field(
        False,
        description="Coarser stages are trained too, with weights 1/2, 1/4, … (Lee et al., 2015).",
    )


class Loss(Block):
    """A weighted sum of losses, computed in float32."""

    dice: float = Field(1.0, ge=0, description="Weight of the soft Dice loss.")
    dice_over: Literal["batch", "image"] = Field(
        "batch", description="One Dice over all pixels of a batch, or the mean Dice of its slices."
    )
    cross_entropy: float = Field(1.0, ge=0, description="Weight of the cross-entropy.")
    focal: float = Field(0.0, ge=0, description="Weight of the focal loss (Lin et al., 2017).")
    focal_gamma: float = Field(2.0, ge=0, description="How little easy pixels count in it.")
    tversky: float = Field(
        0.0, ge=0, description="Weight of the Tversky loss (Salehi et al., 2017), over the batch."
    )
    tversky_alpha: float = Field(0.3, ge=0, le=1, description="Weight of false positives in it.")
    tversky_beta: float = Field(0.7, ge=0, le=1, description="Weight of false negatives in it.")
    smooth: float = Field(1e-5, gt=0, description="Added above and below in Dice and Tversky.")

    @model_validator(mode="after")
    def _something(self) -> Loss:
        if not any((self.dice, self.cross_entropy, self.focal, self.tversky)):
            raise ValueError(
                "dice, cross_entropy, focal and tversky are all 0: nothing would be learnt"
            )
        return self


class Optimizer(Block):
    """How the weights move."""

    name: Literal["adam", "adamw", "sgd"] = Field("adamw", description="sgd: with Nesterov.")
    learning_rate: float = Field(1e-3, gt=0, description="Peak learning rate.")
    momentum: Fraction = Field(0.99, description="Momentum of sgd.")
    weight_decay: float = Field(1e-4, ge=0, description="Decoupled weight decay (adamw, sgd).")
    schedule: Literal["constant", "cosine", "polynomial"] = Field(
        "cosine", description="After the warm-up; polynomial: power 0.9."
    )
    warmup: Fraction = Field(0.05, description="Linear warm-up, as a fraction of all steps.")
    clip_norm: float | None = Field(12.0, gt=0, description="Greatest norm of the gradient.")
    ema: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        0.99, description="Moving average of the weights, used for validation and at the end."
    )
    accumulate: int = Field(
        1, ge=1, description="Batches whose gradients are averaged before the weights move."
    )


class Augmentation(Block):
    """Random changes of training slices; the mask moves with its image.

    Each change has a range and the probability that a slice undergoes it.
    """

    rotation: float = Field(15.0, ge=0, le=180, description="Greatest rotation, degrees.")
    rotation_probability: Probability = Field(0.8, description="Of a rotation.")
    scale: float = Field(0.15, ge=0, lt=1, description="Greatest enlargement or reduction.")
    scale_probability: Probability = Field(0.8, description="Of a change of scale.")
    shift: float = Field(0.08, ge=0, lt=1, description="Greatest shift, fraction of the side.")
    shift_probability: Probability = Field(0.8, description="Of a shift.")
    shear: float = Field(0.0, ge=0, le=45, description="Greatest shear, degrees.")
    shear_probability: Probability = Field(0.2, description="Of a shear.")
    flip: bool | Literal["both"] = Field(
        False,
        description="true: mirror the rows (left and right); both: rows and columns, each by "
        "itself. Where anatomy allows.",
    )
    flip_probability: Probability = Field(0.5, description="Of a mirroring.")
    elastic: float = Field(
        0.0, ge=0, lt=0.2, description="Deviation of elastic displacements, fraction of the side."
    )
    elastic_probability: Probability = Field(0.2, description="Of an elastic deformation.")
    gamma: float = Field(
        1.5, ge=1, description="Intensities, from 0 to 1, to a power between 1/gamma and gamma."
    )
    gamma_probability: Probability = Field(0.15, description="Of a gamma change.")
    contrast: float = Field(0.25, ge=0, lt=1, description="Greatest change of contrast.")
    contrast_probability: Probability = Field(0.5, description="Of a change of contrast.")
    brightness: float = Field(0.2, ge=0, description="Greatest shift of normalised intensity.")
    brightness_probability: Probability = Field(0.5, description="Of a shift of intensity.")
    noise: float = Field(0.2, ge=0, description="Greatest deviation of added noise.")
    noise_probability: Probability = Field(0.3, description="Of added noise.")
    blur: float = Field(1.0, ge=0, description="Greatest deviation of a Gaussian blur, pixels.")
    blur_probability: Probability = Field(0.1, description="Of a blur.")
    low_resolution: float = Field(
        2.0, ge=1, description="Greatest factor by which a slice is made coarser."
    )
    low_resolution_probability: Probability = Field(0.1, description="Of a coarser slice.")


class Training(Block):
    """How long, on what, and which weights are kept."""

    epochs: Annotated[int, Field(ge=1)] | None = Field(
        60, description="Passes over the training slices; null: as `minutes` say."
    )
    minutes: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="Wall-time budget: training ends after so many minutes instead of after "
        "`epochs`, and the learning rate follows it. Such a training does not repeat to the bit.",
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="Stop after so many validations without a better score, also before `minutes` "
        "are over. Needs validation patients; held-out folds never stop a training.",
    )
    batch: int = Field(10, ge=1, description="Slices in a batch.")
    steps_per_epoch: int | None = Field(None, ge=1, description="null: all slices once.")
    empty: Probability = Field(
        1.0, description="Share of the slices without any label that an epoch takes; 0: none."
    )
    foreground: Fraction = Field(
        0.33, description="At least this share of each batch shows a label (0: as it comes)."
    )
    missing_labels: Literal["refuse", "allow"] = Field(
        "refuse",
        description="Where no training patient (of a fold) has a label: stop before anything is "
        "trained, or train without it and leave its scores empty.",
    )
    validate_every: int = Field(1, ge=1, description="Epochs from one validation to the next.")
    select: Literal["final", "loss", "dice"] = Field(
        "dice",
        description="Weights to keep: the last, or the best by validation loss or by mean "
        "per-patient validation Dice on the source grid. Without validation patients, and with "
        "folds: the last.",
    )
    precision: Literal["auto", "float32", "mixed_bfloat16"] = Field(
        "auto",
        description="auto: bfloat16 on GPUs with units for it, and on processors with instructions "
        "for it if every stage has 16 filters or more; else float32.",
    )
    threads: int | None = Field(
        None, ge=1, description="Threads of TensorFlow on the CPU; null: all. Results depend on it."
    )
    devices: int | None = Field(
        None,
        ge=1,
        description="GPUs that share each batch; null: all that are visible. Batch normalisation "
        "then sees each GPU's part by itself.",
    )
    memory: int = Field(
        200, ge=0, description="Slices are kept in memory if they all fit in so many MB."
    )
    strict: bool | None = Field(
        None,
        description="Only operations that repeat to the bit; null: on CPUs, where it costs little.",
    )
    seed: int = Field(1, ge=0, description="Seed of weights, order, augmentation and dropout.")
    seeds: list[Annotated[int, Field(ge=0)]] = Field(
        [],
        description="Train once for each of these seeds instead: the first is the experiment, and "
        "every other one, as `<experiment>-seed<n>`, is made, scored and reported too. The "
        "comparison shows what the seed alone changes.",
    )

    @model_validator(mode="after")
    def _ends(self) -> Training:
        if self.epochs is None and self.minutes is None:
            raise ValueError("epochs is null: say how many, or give minutes")
        return self

    @model_validator(mode="after")
    def _one_way_to_seed(self) -> Training:
        if self.seeds and "seed" in self.model_fields_set:
            raise ValueError("give either seed or seeds, not both")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds: a seed is there twice")
        return self


class Inference(Block):
    """How probabilities are made of a volume; the mean of several views costs time."""

    flip: Literal["none", "one", "both"] = Field(
        "none",
        description="Average with mirrored copies: of rows, or of rows and columns; only of what "
        "`augmentation.flip` mirrors.",
    )
    shift: int = Field(
        0, ge=0, le=64, description="Average with four copies moved by so many pixels; 0: none."
    )
    planes: list[Plane] = Field(
        [], description="Average over cuts in these planes, trained on or not; none: the recipe's."
    )

    @field_validator("planes")
    @classmethod
    def _each_once(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError("a plane is there twice")
        return value


class Postprocessing(Block):
    """What happens to probabilities after they are back on the source grid.

    `auto` applies a step only if it raises the mean Dice of the validation
    patients and lowers that of no label; without validation patients, and
    with folds, it does not apply it.
    """

    threshold: float = Field(
        0.5, gt=0, lt=1, description="Of one label; several labels: the likeliest wins."
    )
    largest_component: bool | Literal["auto"] = Field(
        False, description="Keep the largest 3-D component of each label."
    )
    fill_holes: bool | Literal["auto"] = Field(
        False, description="Fill what a label encloses: in 3-D, or slice by slice on single slices."
    )


class Prediction(Block):
    """How predictions are run; changes no result."""

    batch: int = Field(8, ge=1, description="Slices at a time, of one volume and of the next.")
    chunk: int = Field(32, ge=1, description="About so many cases share one job.")


class Experiment(Block):
    """A way to train; what is not said is a sound modern default (`preset: baseline`)."""

    preset: Literal["baseline", "tutorial"] = Field(
        "baseline", description="Where the settings that are not said come from."
    )
    slices: Name = Field(description="Which of the slice recipes.")
    also: list[Name] = Field(
        [], description="More recipes whose slices are trained on: other planes, oblique cuts."
    )
    input: Input = Input()
    network: Network = Network()
    loss: Loss = Loss()
    optimizer: Optimizer = Optimizer()
    augmentation: Augmentation | None = Augmentation()
    training: Training = Training()
    inference: Inference = Inference()
    postprocessing: Postprocessing = Postprocessing()
    prediction: Prediction = Prediction()

    @property
    def reading(self) -> dict[str, Any]:
        """How slices are read for it, as `SliceSet` takes it."""
        return {
            "context": self.input.context,
            "context_mm": self.input.context_mm,
            "memory": self.training.memory * 1_000_000,
        }

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("preset"), str):
            return merge(PRESETS.get(data["preset"], {}), data)
        return data

    @model_validator(mode="after")
    def _fits_together(self) -> Experiment:
        flips = self.augmentation is not None and self.augmentation.flip
        if self.inference.flip != "none" and not flips:
            raise ValueError(
                "inference.flip goes with augmentation.flip only: the network never saw a mirrored "
                "slice"
            )
        if self.inference.flip == "both" and flips != "both":
            raise ValueError(
                "inference.flip: both mirrors columns, which augmentation.flip: true does not; "
                "write inference.flip: one, or augmentation.flip: both"
            )
        return self


# The tutorial's network, loss, optimiser, batch and epochs; its Dice loss is -Dice with smooth 1
# on one sigmoid, its input all Hounsfield units standardised by the training set.
PRESETS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "tutorial": {
        "input": {"window": "none", "normalisation": "all"},
        "network": {"normalisation": "none", "activation": "relu"},
        "loss": {"dice": 1.0, "cross_entropy": 0.0, "smooth": 1.0},
        "optimizer": {
            "name": "adam",
            "schedule": "constant",
            "warmup": 0.0,
            "clip_norm": None,
            "ema": None,
        },
        "augmentation": None,
        "training": {
            "epochs": 20,
            "empty": 0.0,
            "foreground": 0.0,
            "select": "loss",
            "precision": "float32",
        },
    },
}


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Merge nested maps; `over` wins."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        result[key] = (
            merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
        )
    return result


class Evaluation(Block):
    """How predictions are scored."""

    tolerance_mm: float = Field(
        2.0,
        gt=0,
        description="Up to which distance two surfaces count as the same in the surface Dice, "
        "`nsd` (Nikolov et al., 2021): as far as experts differ from each other.",
    )
    absent_labels: Literal["exclude", "challenge"] = Field(
        "exclude",
        description="What a label scores in a patient who does not have it: nothing, so that means "
        "are of those who have it, or, as some challenges have it, 1 where none was predicted and "
        "0 otherwise. Comparisons, promotion and choices in training are over those who have it "
        "either way.",
    )
    lesions: list[Name] = Field(
        [],
        description="Labels whose components are lesions: each is counted as found or missed, and "
        "components of the prediction as false.",
    )
    lesion_iou: Probability = Field(
        0.1,
        description="By which overlap with a component of the prediction (intersection over union) "
        "a lesion counts as found, one by each; 0: by any voxel.",
    )

    @model_validator(mode="after")
    def _of_something(self) -> Evaluation:
        if len(set(self.lesions)) < len(self.lesions):
            raise ValueError("lesions: a label is there twice")
        if not self.lesions and self.lesion_iou != Evaluation.model_fields["lesion_iou"].default:
            raise ValueError("lesion_iou: no label is named in lesions, so that it does nothing")
        return self


class Staging(Block):
    """Where a training reads from; changes no result and retrains nothing."""

    slices: bool = Field(
        False,
        description="Copy the slices to $TMPDIR of the training's node first, and delete them "
        "there at its end: for network file systems that are slow with many small reads.",
    )


with warnings.catch_warnings():
    # pydantic warns that a model class has a method `register` (of abstract classes)
    warnings.simplefilter("ignore", UserWarning)

    class Tracking(Block):
        """What MLflow is given beyond the runs."""

        register: bool = Field(
            False,
            description="Register each scored model as slicewise-<dataset>; the best by a paired "
            "comparison on validation or out-of-fold patients is its champion.",
        )


class Settings(Block):
    """All settings of a workflow run."""

    dataset: Dataset
    split: Split = Split()
    slices: dict[Name, Recipe] = Field(min_length=1, description="Named slice recipes.")
    experiments: dict[Name, Experiment] = Field(min_length=1, description="Named experiments.")
    run: list[Name] | None = Field(None, description="Experiments to make; null: all of them.")
    evaluation: Evaluation = Evaluation()
    tracking: Tracking = Tracking()
    staging: Staging = Staging()

    _repeats: dict[str, list[str]] = PrivateAttr({})

    @model_validator(mode="after")
    def _repeat(self) -> Settings:
        """Make an experiment of each seed, which knows of no other: a seed more trains once."""
        made: dict[str, Experiment] = {}
        for name, experiment in self.experiments.items():
            first, *others = experiment.training.seeds or [experiment.training.seed]
            made[name] = _seeded(experiment, first)
            for seed in others:
                repeat = f"{name}-seed{seed}"
                if repeat in self.experiments:
                    raise ValueError(
                        f"experiments.{name}.training.seeds: its repeat {repeat} has the name of "
                        "another experiment; rename one"
                    )
                made[repeat] = _seeded(experiment, seed)
                self._repeats.setdefault(name, [name]).append(repeat)
        object.__setattr__(self, "experiments", made)
        return self

    @model_validator(mode="after")
    def _names_meet(self) -> Settings:
        for name, experiment in self.experiments.items():
            if name in RESERVED:
                raise ValueError(f"experiments.{name}: this name is taken by a folder of results")
            for key, recipe in (
                ("slices", experiment.slices),
                *(("also", other) for other in experiment.also),
            ):
                if recipe not in self.slices:
                    raise ValueError(
                        f"experiments.{name}.{key}: no recipe is called {recipe!r}; "
                        f"there are: {', '.join(self.slices)}"
                    )
            if self.slices[experiment.slices].oblique:
                raise ValueError(
                    f"experiments.{name}.slices: {experiment.slices} is tilted, and volumes are "
                    "predicted in planes of their own grid; name it in `also`"
                )
        for name in self.run or ():
            if name not in self.experiments:
                raise ValueError(
                    f"run: no experiment is called {name!r}; there are: "
                    f"{', '.join(self.experiments)}"
                )
        for label in self.evaluation.lesions:
            if label not in self.dataset.labels:
                raise ValueError(
                    f"evaluation.lesions: no label is called {label!r}; there are: "
                    f"{', '.join(self.dataset.labels)}"
                )
        if not self.dataset.contiguous:
            self._refuse_3d()
        return self

    def _refuse_3d(self) -> None:
        why = "means nothing on slices that are not neighbours (dataset.contiguous is false)"
        for name, recipe in self.slices.items():
            if recipe.plane != "axial" or recipe.oblique:
                raise ValueError(f"slices.{name}: a cut through a pile of slices {why}")
        if self.evaluation.lesions:
            raise ValueError(f"evaluation.lesions: a lesion {why}")
        for name, experiment in self.experiments.items():
            for key, used in (
                ("input.context", experiment.input.context > 1),
                ("inference.planes", bool(experiment.inference.planes)),
                (
                    "postprocessing.largest_component",
                    bool(experiment.postprocessing.largest_component),
                ),
            ):
                if used:
                    raise ValueError(f"experiments.{name}.{key}: this {why}")

    @property
    def repeats(self) -> dict[str, list[str]]:
        """Of an experiment with several seeds, the names of all its trainings, its own first."""
        return self._repeats

    @property
    def wanted(self) -> list[str]:
        """Names of the experiments to make, with their repeats."""
        names = self.run if self.run is not None else list(self.experiments)
        return list(dict.fromkeys(r for n in names for r in self.repeats.get(n, [n])))


def _seeded(experiment: Experiment, seed: int) -> Experiment:
    training = experiment.training.model_copy(update={"seed": seed, "seeds": []})
    return experiment.model_copy(update={"training": training})
