"""What a rule tells its script: one class a rule, whose dump travels as the parameter ``cfg``.

Values only, no code that makes a result, so an edit here reruns nothing by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, PlainSerializer

from slicewise.config import Content, Dataset, Effort, Evaluation, Masks, Recipe, Settings
from slicewise.config.configured import Configured
from slicewise.config.evaluation import PAGES, Bins
from slicewise.dataset.assignment import Assignment, Segmented

if TYPE_CHECKING:
    # only named here: scripts that find no case need not load it
    from slicewise.dataset.case import Case

Scoring = Annotated[Evaluation, PlainSerializer(lambda scoring: scoring.model_dump(exclude=PAGES))]
"""How cases are scored: what only pages show is left out of the dump."""
OnceRead = Annotated[Content, PlainSerializer(lambda content: content.once_read)]
"""What cases hold once they were ingested: settings of ingest alone are left out of the dump."""
OnPages = Annotated[Content, PlainSerializer(lambda content: content.on_pages)]
"""The same, with which channel is shown."""
Read = Annotated[
    Content, PlainSerializer(lambda content: content.model_dump(exclude={"shown_channel"}))
]
"""What cases should hold when they are read: what pages show of them is left out of the dump."""


class Told(BaseModel):
    """Parameters of a job."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def dump(self) -> dict[str, Any]:
        """Return what Snakemake compares with the last run, and hands to the script.

        What has a default and is at it is left out, so that it reruns no job that it means
        nothing to.

        >>> Convert(layout="msd", labels={"liver": 1}).dump()
        {'layout': 'msd', 'labels': {'liver': 1}}
        """
        fields = type(self).model_fields.items()
        unsaid = {
            name
            for name, field in fields
            if not field.is_required() and getattr(self, name) == field.get_default()
        }
        return self.model_dump(exclude=unsaid)

    @classmethod
    def of(cls, snakemake: Any) -> Self:
        """Return the parameters of a job, from the ``snakemake`` object of its script."""
        return cls.model_validate(dict(snakemake.params.cfg))


class Phantom(Told):
    """Of `phantom`: which synthetic patient, of what anatomy."""

    index: int
    phantom: dict[str, Any]


class Convert(Told):
    """Of `convert`: how the folder is laid out, and the labels that organs become.

    Where each label has mask files of its own, `structures` says of one after another which label
    it is and how many files make it up; `overlaps` and `masks` are the settings of that name.
    `frame` is which one of a 4-D image is meant, from 0. Of an image of several channels,
    `channels` says how many files make up each, or they are all in one file; `absent` is what the
    voxels of a missing one are. `called` is the name of a case whose files are called by the
    patient, so that no message may name them.
    """

    layout: str
    labels: dict[str, Any]
    structures: list[tuple[str, int]] = []
    overlaps: str = "refuse"
    masks: Masks = "exact"
    frame: int | None = None
    called: str = ""
    channels: list[tuple[str, int]] = []
    in_one: bool = False
    absent: float = 0.0

    @classmethod
    def of_case(cls, case: Case, dataset: Dataset) -> Convert:
        """Return the parameters for one case of a data set."""
        of_structures: dict[str, Any] = {}
        arranged = dataset.pairs or dataset.bids
        if case.structures and arranged is not None:
            of_structures = {
                "structures": list(case.structures),
                "overlaps": arranged.overlaps,
                "masks": dataset.masks,
            }
        elif dataset.pairs is not None:
            of_structures = {"overlaps": dataset.pairs.overlaps}
        if case.channels:
            # what an empty voxel is once dataset.offset was added
            air = -1024 - dataset.offset if dataset.intensity == "hu" else 0
            of_structures |= {
                "channels": list(case.channels),
                "in_one": case.in_one,
                "absent": float(air),
            }
        return cls(
            layout=dataset.layout,
            labels=dataset.labels,
            frame=case.frame,
            called=case.name if case.hidden else "",
            **of_structures,
        )

    @property
    def overlaps_of_labels(self) -> str:
        """What becomes of voxels that one file gives to several labels: only pairs may refuse."""
        return self.overlaps if self.layout == "pairs" else "later"


class Ingest(Told):
    """Of `ingest`: what cases should hold, and the name and patient of each.

    `named` holds what image and mask are called where the names of their files are not enough;
    with `hidden`, messages call them so, too, as the files are called by the patient.
    `lacking` says of each case without a mask what is wrong with it; it is none of `cases`.
    """

    content: Read
    cases: list[tuple[str, str]]
    named: dict[str, dict[str, str]] = {}
    hidden: bool = False
    lacking: dict[str, str] = {}

    @classmethod
    def of_cases(cls, cases: Sequence[Case], content: Content) -> Ingest:
        """Return the parameters for a shard of cases."""
        return cls(
            content=content,
            cases=[(case.name, case.patient) for case in cases if not case.lacks],
            named={case.name: dict(case.named) for case in cases if case.named},
            hidden=any(case.hidden for case in cases),
            lacking={case.name: case.lacks for case in cases if case.lacks},
        )


class Look(Told):
    """Of `look`: which cases are looked at, and what they hold."""

    content: OnPages
    cases: list[str]


class Data(Told):
    """Of `data`: what the page about the data is about.

    `columns` has what tables say of each case, by which the split's balance is shown, `bins` how
    their numbers are grouped, and `leave_out` which of them the folds are; `configured` is what
    is held against the proposal.
    """

    dataset: str
    content: OnceRead
    cases: list[Assignment]
    not_the_same: list[list[str]] = []
    exclude: list[str] = []
    columns: dict[str, dict[str, str]] = {}
    bins: dict[str, Bins] = {}
    leave_out: str = ""
    configured: Configured = Configured()


class Cases(Told):
    """Of `cases`: which there are, and what further columns say of each."""

    content: OnceRead
    cases: list[str]
    columns: dict[str, dict[str, str]] = {}


class Propose(Told):
    """Of `propose`: which cases a plan follows from, what they hold, and what it may cost."""

    content: OnceRead
    cases: list[str]
    effort: Effort

    @property
    def kind(self) -> dict[str, Any]:
        """What all cases have in common by the settings, as `fingerprint_of` takes it."""
        return {
            "intensity": self.content.intensity,
            "contiguous": self.content.contiguous,
            "labels": len(self.content.labels),
        }


class Split(Told):
    """Of `split`: where each case goes, and what the column of its folds says of it, if any."""

    cases: list[Assignment]
    columns: dict[str, dict[str, str]] = {}


class Leakage(Told):
    """Of `leakage`: pairs that only look alike, other tables, and what labels may lack.

    `leave_out` is the column of the split whose values are folds, if it has any; `regions` name
    the labels of each. `scored` are the cases that are predicted.
    """

    not_the_same: list[list[str]]
    check_against: list[str]
    folds: int
    missing_labels: str
    scored: list[str]
    leave_out: str = ""
    regions: dict[str, list[str]] = {}


class Slices(Told):
    """Of `slices`: which cases are cut, and how."""

    content: OnceRead
    recipe: Recipe
    cases: list[str]


class Plan(Told):
    """Of `plan`: what a training is made from.

    `experiment` is its block without what changes no weights; of one that is planned
    (`preset: auto`), what is laid over the plan. `validation` says which patient each validation
    case is of, and whether they may select an epoch; `patients` are those of the training cases.
    """

    experiment: dict[str, Any]
    recipe: Recipe
    content: OnceRead
    train: list[str]
    validation_cases: list[str]
    validation: dict[str, Any]
    patients: dict[str, str]
    also: list[Recipe]
    folds: int

    def resolved(self, settings: Settings, experiment: str) -> Plan:
        """Return it with plans in the place of `preset: auto`, as these settings have them."""
        block = settings.blocks[experiment]
        planned = {
            "experiment": block.model_dump(exclude={"prediction"}),
            "recipe": settings.slices[block.slices],
            "also": [settings.slices[recipe] for recipe in block.also],
        }
        return self.model_copy(update=planned)


class Rung(Told):
    """Of `rung`: which combination of a sweep is trained until the end of which epoch.

    It is the only one, or that which took the `place` (from 1) among those that went on.
    """

    sweep: str
    rung: int
    epochs: int
    combinations: list[str]
    place: int = 0


class Independent(Told):
    """Of `independent`: whom the model must not know that a fold starts or learns from."""

    held_out: list[str]


class Promote(Told):
    """Of `promote`: how many of the combinations of a rung go on, the best first."""

    sweep: str
    rung: int
    combinations: list[str]
    go_on: int


class Sweep(Told):
    """Of `sweep`: what each combination says, when rungs end, and the trainings of the best."""

    dataset: str
    combinations: dict[str, dict[str, Any]]
    epochs: list[int]
    seeds: list[str]


class Start(Told):
    """Of `start`: which model a training starts from, for which fold of how many."""

    name: str
    fold: int
    folds: int


class ToldMember(BaseModel):
    """A member of an ensemble: how it cuts volumes, and the file of its plan, if any."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    recipe: Recipe
    plan: str = ""


class Teach(Told):
    """Of `teach`: which training cases models tell of, and how that is cut.

    `members` are the experiments whose models these are, `cut_by` how the slices are cut of who
    learns from them.
    """

    cases: list[str]
    content: OnceRead
    members: list[ToldMember]
    cut_by: Recipe


class Predict(Told):
    """Of `predict`: which cases are segmented, and by the models of which folds.

    Of an ensemble, `members` say how volumes are cut; `recipe` is that of the first.
    """

    cases: list[str]
    folds: dict[str, list[int]]
    patients: dict[str, str]
    content: OnceRead
    recipe: Recipe
    members: list[ToldMember] = []

    @property
    def segmented(self) -> list[Segmented]:
        """Each case with its patient and folds."""
        return [Segmented(case, self.patients[case], self.folds[case]) for case in self.cases]


class Weights(Told):
    """Of `weights`: which held-out cases tell how much each member of an ensemble counts.

    `folds` has the cases that each fold held out, and `patients` the patient of each case.
    """

    members: list[ToldMember]
    folds: list[list[str]]
    patients: dict[str, str]
    content: OnceRead
    threshold: float


class Mix(Told):
    """Of `mix`: what is done to the masks of an ensemble."""

    postprocessing: dict[str, Any]


class Calibrate(Told):
    """Of `calibrate`: which held-out cases are tried, or may be, and whose they are.

    `members` are the experiments whose models segment them: those of an ensemble, or one without
    its name.
    """

    cases: list[str]
    patients: dict[str, str]
    content: OnceRead
    members: list[ToldMember]


class ToldScan(BaseModel):
    """A scan: how many files it has, or which members of its one zip they are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    files: int
    members: list[str] = []
    dicom: bool = False


class NewMasks(Told):
    """Of `masks`: which new scans are segmented, and what is added to all their voxels."""

    scans: list[ToldScan]
    offset: int = 0


class Segment(Told):
    """Of `segment`: which new scans there are, and what is wrong with others.

    `title` is what the page calls the models; none where no scans are named by the settings.
    """

    title: str = ""
    scans: list[str] = []
    failures: list[str] = []


class Evaluate(Told):
    """Of `evaluate`: what is scored, and how; an ensemble has no recipe of its own."""

    content: OnceRead
    recipe: Recipe | None
    folds: int
    cases: list[Assignment]
    scoring: Scoring
    register_model: bool


class Report(Told):
    """Of `report`: what the page is about, by the name that its experiment has now.

    `leave_out` is the column whose values are folds; `columns` and `bins` say by what the scores
    are broken down. `seeds` are the trainings that differ from it by the seed alone, itself among
    them. `sweep` is the experiment whose sweep chose its settings, of so many `combinations`.
    """

    dataset: str
    experiment: str
    content: OnPages
    folds: int
    exclude: list[str]
    cases: list[Assignment]
    jobs: dict[str, list[str]]
    leave_out: str = ""
    columns: dict[str, dict[str, str]] = {}
    bins: dict[str, Bins] = {}
    seeds: list[str] = []
    sweep: str = ""
    combinations: int = 0


class Compare(Told):
    """Of `compare`: which experiments, which of them repeat others, and the groups of cases.

    `swept` says of how many combinations a sweep chose their settings.
    """

    dataset: str
    experiments: list[str]
    repeats: dict[str, list[str]]
    cases: list[Assignment]
    columns: dict[str, dict[str, str]] = {}
    bins: dict[str, Bins] = {}
    shown_channel: str | None = None
    swept: dict[str, int] = {}


class Index(Told):
    """Of `index`: which trainings the results are of, and which of them a sweep chose.

    `members` says of ensembles how many experiments they are of.
    """

    dataset: str
    experiments: list[str]
    cases: int
    folds: int
    sweeps: list[str] = []
    members: dict[str, int] = {}
