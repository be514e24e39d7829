"""Where the volumes are, what they hold, and how their files are arranged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from slicewise.config.bids import Bids
from slicewise.config.block import Block, Name, Spacing
from slicewise.config.channels import CHANNEL, check_channels, check_shown
from slicewise.config.content import MOST_LABELS, Content
from slicewise.config.dicom import Dicom
from slicewise.config.kinds import EmptyMasks, Intensity, Masks, OtherLabels
from slicewise.config.labels import check_label_names
from slicewise.config.metadata import Metadata
from slicewise.config.msd import Msd
from slicewise.config.patterns import Pattern
from slicewise.config.regions import check_regions, numbered

IN_RESULTS = ("mlartifacts", "reproduced", "comparison")
"""Names that no data set may have, in any case: some file systems see no difference."""


LARGEST = 65535
"""The largest value of a label: masks hold whole numbers of at most 16 bits."""


class Phantom(Block):
    """Synthetic abdominal CTs, made on the spot (``layout: phantom``)."""

    cases: int = Field(20, ge=1, description="How many synthetic patients.")
    seed: int = Field(7, ge=0, description="Seed of the anatomy; patient k never depends on cases.")
    size: int = Field(96, ge=48, le=512, description="In-plane matrix, in pixels.")
    slices: list[int] = Field(
        [24, 36], min_length=2, max_length=2, description="Least and greatest number of slices."
    )


class Pairs(Block):
    """How the files of ``layout: pairs`` are told apart.

    Patterns are paths below `train` (or `test`). A `*` stands for the case's name; or `{case}`,
    `{patient}` and `{frame}` say what is what, as in `{patient}/{case}/imaging.nii.gz`, and `*`
    is then any part of a name. With patterns in folders, `train` is the root of the data unless
    something else is given, and there is no `test`.
    """

    image: str | dict[Name, str] = Field(
        "*_orig.nii.gz",
        description="Pattern of image files; of several channels with `{channel}` in it, or a map "
        "of channel to pattern.",
    )
    mask: str = Field("*_liver.nii.gz", description="Pattern of mask files.")
    masks: dict[Name, str | Annotated[list[str], Field(min_length=1)]] | None = Field(
        None,
        description="Instead of `mask`, where each label has a mask file of its own: label name: "
        "pattern of its files, or several patterns whose files are united.",
    )
    overlaps: Literal["refuse", "later"] = Field(
        "refuse",
        description="Of `masks`, and of DICOM's own masks: whether a voxel of two labels is a "
        "fault, or belongs to the label that `labels` names later.",
    )
    first_frame: Literal[0, 1] | None = Field(
        None,
        description="Where masks have a `{frame}` and images none: images are 4-D files, and this "
        "is what the names of masks call their first frame.",
    )
    train: str | None = Field("raw/train", description="Folder of the training cases, below root.")
    test: str | None = Field(
        "raw/test", description="Folder of the test cases; null: all cases lie in `train`."
    )

    @field_validator("image", "mask")
    @classmethod
    def _is_pattern(cls, value: str | dict[str, str]) -> str | dict[str, str]:
        given = list(value.values()) if isinstance(value, dict) else [value.replace(CHANNEL, "x")]
        told = [Pattern(pattern).names() for pattern in given]
        if len(set(told)) != 1:
            raise ValueError("needs patterns that tell the same of each channel")
        return value

    @field_validator("masks")
    @classmethod
    def _are_patterns(cls, value: dict[str, str | list[str]] | None) -> dict[str, Any] | None:
        for pattern in (p for given in (value or {}).values() for p in _listed(given)):
            Pattern(pattern)
        return value

    @model_validator(mode="after")
    def _fit(self) -> Pairs:
        if self.masks is not None and self.mask != Pairs.model_fields["mask"].default:
            raise ValueError("give either mask or masks, not both")
        told = self.any_image.names()
        patterns = [pattern for given in self.mask_patterns.values() for pattern in given]
        self._check_frames(patterns)
        if self.takes_frames:
            told = (*told, "frame")
        for pattern in patterns:
            more = [name for name in pattern.names() if name not in told]
            if more:
                raise ValueError(
                    f"the mask pattern {pattern.text} has {{{more[0]}}}, which the image pattern "
                    f"{self.image} has not"
                )
        patterns += self.image_patterns(["x"]).values()
        if any(pattern.in_folders for pattern in patterns):
            # the folders of the tutorial are no default of other arrangements
            if "train" not in self.model_fields_set:
                object.__setattr__(self, "train", None)
            if "test" not in self.model_fields_set:
                object.__setattr__(self, "test", None)
        return self

    def _check_frames(self, masks: list[Pattern]) -> None:
        """Refuse frames of 4-D images that not all masks have, or whose counting is not known."""
        alone = "frame" not in self.any_image.names()
        lacking = [pattern.text for pattern in masks if "frame" not in pattern.names()]
        if self.first_frame is None:
            if alone and len(lacking) < len(masks):
                raise ValueError(
                    "masks have {frame} and images have not: if these are frames of 4-D images, "
                    "say by first_frame whether the names of masks count them from 0 or from 1"
                )
            return
        if not alone:
            raise ValueError(
                f"first_frame is for 4-D images, but each of {self.image} is a file a frame"
            )
        if lacking:
            raise ValueError(
                f"first_frame is for masks with a {{frame}}, which {lacking[0]} has not"
            )

    @property
    def takes_frames(self) -> bool:
        """Whether cases are frames of 4-D images."""
        return self.first_frame is not None

    @property
    def mask_patterns(self) -> dict[str | None, list[Pattern]]:
        """The patterns of mask files by label; those of all labels by None."""
        if self.masks is None:
            return {None: [Pattern(self.mask)]}
        return {label: [*map(Pattern, _listed(given))] for label, given in self.masks.items()}

    @property
    def tells_patient(self) -> bool:
        """Whether paths say whose the cases are."""
        return "patient" in self.any_image.names()

    @property
    def any_image(self) -> Pattern:
        """The pattern of images, or that of the first channel."""
        return next(iter(self.image_patterns(["x"]).values()))

    def image_patterns(self, channels: list[str] | None) -> dict[str | None, Pattern]:
        """The patterns of images by channel; those of images of one by None."""
        if isinstance(self.image, dict):
            return {name: Pattern(pattern) for name, pattern in self.image.items()}
        if channels is None:
            return {None: Pattern(self.image)}
        return {name: Pattern(self.image.replace(CHANNEL, name)) for name in channels}


def _listed(given: Any) -> list[Any]:
    """Return a list of what a setting gives once or several times."""
    return given if isinstance(given, list) else [given]


class Dataset(Block):
    """Where the volumes are and what they hold."""

    name: Name = Field(description="Name of results/<name> and of the MLflow experiment.")
    layout: Literal["pairs", "ircad", "msd", "nnunet", "table", "bids", "dicom", "phantom"] = Field(
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
        ".seg.nrrd, and DICOM SEG and RTSTRUCT: the segment's name will do, for all labels).",
    )
    regions: dict[Name, list[int]] | None = Field(
        None,
        description="Labels that are found together, each by a sigmoid of its own, and that may "
        "lie within each other: region name: mask values of its labels. Trained, scored and "
        "reported instead of the labels; masks are written from the largest region to the "
        "smallest, each as the first label that it names and no later one has.",
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
    ignore: int | None = Field(
        None,
        ge=0,
        le=LARGEST,
        description="Mask value of voxels that nobody drew: they teach and score nothing. For a "
        "few slices drawn out of each volume, or scribbles.",
    )
    empty_masks: EmptyMasks = Field(
        "refuse",
        description="Whether a mask without any label is a fault, or a healthy patient's: to train "
        "and to be tested on like others.",
    )
    channels: Annotated[list[Name], Field(min_length=2)] | None = Field(
        None,
        description="Names of the channels of an image, where it has several, such as sequences "
        "of MR; the first is shown, or `shown_channel`.",
    )
    shown_channel: Name | None = Field(
        None,
        description="Which of `channels` pages show; null: the first. Of a case that lacks it, the "
        "first that it has.",
    )
    missing_channels: Literal["refuse", "zero"] = Field(
        "refuse",
        description="Whether a channel that a case lacks is a fault, or is empty for it; training "
        "then leaves out channels at random, too.",
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
    metadata: Metadata | None = Field(
        None,
        description="Table that says whose the cases are and who is tested on, where files do not.",
    )
    exclude: list[str] = Field([], description="Cases to leave out; the report lists them.")
    corrections: str | None = Field(
        None,
        description="Table of corrected masks of new scans, which `slicewise correct` writes, "
        "below $SLICEWISE_DATA or data/: they are trained on beside the cases of the layout.",
    )
    pairs: Pairs | None = Field(None, description="File patterns of layout pairs.")
    msd: Msd | None = Field(None, description="Lists of dataset.json of layout msd.")
    bids: Bids | None = Field(None, description="Which files of layout bids are meant.")
    dicom: Dicom | None = Field(
        None, description="Which series of layout dicom are which channels."
    )
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
    def _labels_fit_layout(self) -> Dataset:
        by_name = any(isinstance(value, str) for value in self.labels.values())
        for name, value in self.labels.items():
            self._check_kind(name, value)
            if by_name and not isinstance(value, str):
                raise ValueError(
                    f"labels.{name} is a mask value and other labels are names of segments; give "
                    "all of them as values or all as names"
                )
            if any(isinstance(v, int) and not 1 <= v <= LARGEST for v in _listed(value)):
                raise ValueError(f"labels.{name}: mask values go from 1 to {LARGEST}")
        check_label_names(self.labels)
        if len(self.labels) > MOST_LABELS:
            raise ValueError(f"labels: {len(self.labels)} are given, and {MOST_LABELS} is the most")
        values = [value for given in self.labels.values() for value in _listed(given)]
        if len(set(values)) < len(values):
            raise ValueError("labels: two labels share a mask value")
        return self

    @model_validator(mode="after")
    def _ignore_fits(self) -> Dataset:
        """Refuse a value of undrawn voxels that masks cannot have, or that is a label's."""
        if self.ignore is None:
            return self
        for name, value in self.labels.items():
            if self.ignore in _listed(value):
                raise ValueError(
                    f"ignore is {self.ignore}, which is the mask value of labels.{name}; voxels "
                    "that nobody drew need a value of their own"
                )
        by_name = any(isinstance(value, str) for value in self.labels.values())
        if by_name or self.layout == "phantom" or (self.pairs and self.pairs.masks):
            raise ValueError(
                "ignore is a mask value, and these masks have none: they are made of "
                + ("named segments or organ folders" if by_name else "one structure a label")
                + "; leave out ignore, or give masks whose voxels hold label values"
            )
        if self.ignore == 0 and self.other_labels != "background":
            raise ValueError(
                "ignore is 0, so that background which was drawn has another value; set "
                "other_labels to background, which takes all values but those of labels for it"
            )
        return self

    @model_validator(mode="after")
    def _regions_fit(self) -> Dataset:
        """Refuse regions that labels do not make up, or that no mask can hold."""
        if self.regions is None:
            return self
        if not self.regions:
            raise ValueError("regions: there are none; name some, or leave regions out")
        if any(isinstance(value, str) for value in self.labels.values()):
            raise ValueError(
                "regions are made of mask values, and labels are names of segments or organ "
                "folders; give labels as values"
            )
        for region in self.regions:
            if region in self.labels:
                raise ValueError(
                    f"regions.{region}: a label has this name, too; choose another, as scores are "
                    "told by it"
                )
        check_label_names({**self.labels, **self.regions}, block="regions")
        check_regions(self.numbered_regions, list(self.labels))
        return self

    @property
    def numbered_regions(self) -> dict[str, list[int]]:
        """The regions, by the numbers of their labels."""
        labels = {name: _listed(value) for name, value in self.labels.items()}
        return numbered(self.regions or {}, labels)

    @property
    def scored(self) -> list[str]:
        """Names of what is found and scored."""
        return list(self.regions or self.labels)

    def _check_kind(self, name: str, value: int | list[int] | str) -> None:
        """Refuse a label that is named where the layout has values, or the other way round."""
        named = isinstance(value, str)
        if self.layout == "ircad":
            wanted = None if named else "the name of an organ folder"
        else:
            # digits are a value in quotes, and masks of these layouts name no segments
            unnamed = self.layout in ("msd", "bids", "phantom")
            no_name = isinstance(value, str) and (value.isdecimal() or unnamed)
            wanted = "a mask value" if no_name else None
        if wanted is not None:
            raise ValueError(f"labels.{name} must be {wanted} with layout {self.layout}")

    @model_validator(mode="after")
    def _blocks_fit_layout(self) -> Dataset:
        if self.offset and self.intensity != "hu":
            raise ValueError("offset goes with intensity hu only")
        if self.layout != "phantom" and self.root is None:
            raise ValueError(f"root is needed with layout {self.layout}: the folder of the data")
        if self.corrections is not None and self.layout == "phantom":
            raise ValueError("corrections are of scans of your own; layout phantom has none")
        self._check_metadata()
        defaults = {"pairs": Pairs, "bids": Bids, "phantom": Phantom}
        for block in (*defaults, "msd", "dicom"):
            if getattr(self, block) is not None and self.layout != block:
                raise ValueError(f"the block {block} goes with layout {block} only")
        if self.layout in defaults and getattr(self, self.layout) is None:
            # The block's defaults belong to its layout only.
            object.__setattr__(self, self.layout, defaults[self.layout]())
        if self.pairs is not None:
            if self.pairs.tells_patient and self.patient_pattern is not None:
                raise ValueError(
                    "patient_pattern and {patient} in pairs.image both say whose a case is; give "
                    "one"
                )
            self._check_masks("pairs", self.pairs.masks)
        check_channels(
            self.channels,
            self.layout,
            self.intensity,
            self.missing_channels,
            getattr(self.pairs or self.bids or self.dicom, "image", None),
        )
        check_shown(self.shown_channel, self.channels)
        if self.channels is not None and self.pairs is not None and self.pairs.takes_frames:
            raise ValueError("pairs.first_frame goes with images of one channel only")
        if self.bids is not None:
            if self.patient_pattern is not None:
                raise ValueError("patient_pattern: the names of layout bids say whose a case is")
            self._check_masks("bids", self.bids.masks)
        return self

    def _check_metadata(self) -> None:
        """Refuse a table beside data that have none, and two settings that say whose a case is."""
        if self.metadata is None:
            return
        if self.layout == "phantom":
            raise ValueError("metadata are of scans of your own; layout phantom has none")
        if self.metadata.patient is not None and self.patient_pattern is not None:
            raise ValueError(
                "patient_pattern and metadata.patient both say whose a case is; give one"
            )

    def _check_masks(self, block: str, masks: Mapping[str, Any] | None) -> None:
        """Refuse mask files of other labels than there are, or of labels of several values."""
        if masks is None:
            return
        if masks.keys() != self.labels.keys():
            odd = sorted(masks.keys() ^ self.labels.keys())[0]
            lacks = "labels" if odd in masks else f"{block}.masks"
            raise ValueError(
                f"{lacks} lacks {odd}: {block}.masks gives files of each of the labels"
            )
        for name, value in self.labels.items():
            if not isinstance(value, int):
                raise ValueError(
                    f"labels.{name} must be one mask value, which the voxels of its file get"
                )

    @property
    def content(self) -> Content:
        """What the NIfTI files of a case hold, wherever they came from."""
        labels = {}
        for position, (name, value) in enumerate(self.labels.items(), start=1):
            # Masks made from organ folders or named segments number these in their order.
            number = position if isinstance(value, str) else value
            labels[name] = _listed(number)
        return Content(
            intensity=self.intensity,
            contiguous=self.contiguous,
            labels=labels,
            other_labels=self.other_labels,
            offset=self.offset,
            spacing=self.spacing,
            empty_masks=self.empty_masks,
            masks=self.masks,
            ignore=self.ignore,
            channels=self.channels,
            missing_channels=self.missing_channels,
            shown_channel=self.shown_channel,
            regions=self.numbered_regions,
        )
