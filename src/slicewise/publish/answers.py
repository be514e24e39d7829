"""What items of checklists ask for, from what is recorded: what no record tells is asked.

Each answer takes experiments on one data set, of which the first stands for the data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from slicewise.evaluation.statistics import by_patient, headline_subset
from slicewise.publish import described, making, measuring
from slicewise.publish.checklist import Answer, Every
from slicewise.publish.gathered import Gathered, trained
from slicewise.publish.prose import Said, Section, percent, together
from slicewise.wording import plural, some

WORST = 3
"""Patients of lowest Dice that the analysis of failures gives."""


def asks(question: str) -> Callable[[Every], Answer]:
    """Ask, as no record tells."""
    return lambda every: Answer("asked", question)


def asks_of_patients(question: str) -> Callable[[Every], Answer]:
    """Ask, unless the images are synthetic and show nobody."""

    def answer(every: Every) -> Answer:
        return NOBODY if every[0].is_synthetic else Answer("asked", question)

    return answer


NOBODY = Answer(
    "not applicable", "The images are synthetic, and show nobody.", "settings.yaml of the run"
)


def does_not_apply(reason: str) -> Callable[[Every], Answer]:
    """Say why an item does not apply to any experiment of this workflow."""
    return lambda every: Answer("not applicable", reason)


def by_section(make: Callable[[Gathered], Section]) -> Callable[[Every], Answer]:
    """Answer by a section of the methods, of each experiment that was trained."""

    def answer(every: Every) -> Answer:
        told = _of_each(trained(every), lambda one: words(make(one).said))
        return Answer("answered", told, f"paper.md, {make(every[0]).title}")

    return answer


def software(every: Every) -> Answer:
    """Name what ran, where, and how long."""
    section = measuring.software(every)
    return Answer("answered", words(section.said), f"paper.md, {section.title}")


def by_shared_section(make: Callable[[Gathered], Section]) -> Callable[[Every], Answer]:
    """Answer by a section that is the same for all experiments."""

    def answer(every: Every) -> Answer:
        section = make(every[0])
        return Answer("answered", words(section.said), f"paper.md, {section.title}")

    return answer


def words(said: Iterable[Said]) -> str:
    """Return sentences as a paragraph."""
    return " ".join(each.text for each in said)


def _of_each(every: Every, tell: Callable[[Gathered], str]) -> str:
    """Return what is told of each experiment, with its name where there are several."""
    if len(every) == 1:
        return tell(every[0])
    return " ".join(f"{one.name}: {told}" for one in every if (told := tell(one)))


# --- aims and data -------------------------------------------------------------------------


def technology(every: Every) -> Answer:
    """Name the kind of technology."""
    return Answer("answered", "Deep learning: convolutional networks (U-net).", "paper.md, Network")


def goal(every: Every) -> Answer:
    """Say what the experiments are about."""
    labels = together(every[0].labels)
    compared = ", and to compare ways of training it" if len(every) > 1 else ""
    return Answer(
        "in part",
        f"To train and test a model that segments {labels}{compared}. What is it to be good for?",
        "config.yaml of each fold",
    )


def design(every: Every) -> Answer:
    """Say what is known of the order of data and study."""
    if every[0].is_synthetic:
        return NOBODY
    return Answer(
        "in part",
        "All scans and their ground truth were there before the models were trained. Were they "
        "collected for this study, or before it?",
        "cases.tsv",
    )


ARRANGED = {
    "pairs": "pairs of an image and a mask by their names",
    "ircad": "3D-IRCADb has them",
    "msd": "the Medical Segmentation Decathlon has them (dataset.json)",
    "nnunet": "nnU-Net has them",
    "table": "a table names them",
    "bids": "BIDS has them",
    "dicom": "DICOM series",
}
"""How the files of a layout lie, after the word as."""


def origin(every: Every) -> Answer:
    """Say what is recorded of where the data come from, and ask for the rest."""
    one = every[0]
    if one.is_synthetic:
        return Answer(
            "answered", "The images are synthetic: slicewise made them.", "settings.yaml of the run"
        )
    arranged = ARRANGED.get(one.block("dataset").get("layout", ""))
    lie = f", its files lie as {arranged}" if arranged else ""
    return Answer(
        "in part",
        f"The data set is called {one.dataset}{lie}, and the SHA-256 of each image and mask is "
        "recorded. Which institutions are the scans from, and when?",
        "cases.tsv",
    )


def standard(every: Every) -> Answer:
    """Ask why the ground truth is one."""
    if every[0].is_synthetic:
        return Answer("answered", "It is known exactly, as images were made from it.", "cases.tsv")
    return Answer("asked", "Why is it the standard to compare with?")


def shared_data(every: Every) -> Answer:
    """Ask where data are; synthetic ones can be made again."""
    if every[0].is_synthetic:
        made = "slicewise makes the same images again from the same settings and commit."
        return Answer("answered", made, "settings.yaml of the run")
    return Answer("asked", "Where can others get the data?")


def annotators(every: Every) -> Answer:
    """Ask who drew the ground truth; some of it may be predictions that were corrected."""
    if every[0].is_synthetic:
        return Answer("not applicable", "Nobody drew it: images were made from it.")
    question = "Who drew the ground truth, how many readers, with which experience?"
    if not every[0].block("dataset").get("corrections"):
        return Answer("asked", question)
    text = f"Some masks are predictions that were corrected. {question}"
    return Answer("in part", text, "settings.yaml of the run")


def criteria(every: Every) -> Answer:
    """Give the exclusions, and ask for the rest."""
    if every[0].is_synthetic:
        return NOBODY
    excluded = described.exclusions(every[0])
    question = "Which patients were eligible?"
    if not excluded:
        return Answer("asked", question)
    return Answer("in part", f"{excluded} {question}", "settings.yaml of the run")


def subsets(every: Every) -> Answer:
    """Say which slices were trained on."""
    parts = trained(every)
    if any(one.first.resolved.training_slices is None for one in parts):
        return Answer("asked", "Which slices or parts of the scans were used?")

    def tell(one: Gathered) -> str:
        share = one.first.experiment["training"]["empty"]
        few = f", and of those that do not {percent(share)} by chance" if share else ""
        which = "all" if share == 1 else f"those that show a label{few}"
        of = " of the first fold" if one.first.folds > 1 else ""
        number = one.first.resolved.training_slices
        return f"Training{of} used {number:,} slices of its cases: {which}."

    whole = "Scans that were scored were segmented as a whole."
    return Answer("answered", f"{_of_each(parts, tell)} {whole}", "config.yaml of each fold")


def missing(every: Every) -> Answer:
    """Say what became of missing files, channels and labels."""
    dataset = every[0].block("dataset")
    evaluation = every[0].block("evaluation")
    if not dataset or not evaluation:
        return Answer("asked", "How were missing scans, labels and channels handled?")
    said = ["Every case has its image and its ground truth, or was excluded."]
    if dataset.get("channels"):
        filled = "counted as zero" if dataset.get("missing_channels") == "zero" else "refused"
        said.append(f"Missing channels were {filled}.")
    if evaluation.get("absent_labels") == "challenge":
        said.append(measuring.COUNTED)
    else:
        said.append("Patients without a label have no Dice of it.")
    return Answer("answered", " ".join(said), "settings.yaml of the run")


def protocol(every: Every) -> Answer:
    """Give what headers say of the scans."""
    if every[0].is_synthetic:
        return NOBODY
    geometry = described.geometry(every[0], every[0].cases)
    question = "Which scanners, protocols and contrast agents were used?"
    return Answer("in part", f"{geometry} {question}", "cases.tsv")


def truth(every: Every) -> Answer:
    """Say what is drawn, and ask how."""
    one = every[0]
    volumes = words(described.volumes(one, one.cases))
    if one.is_synthetic:
        text = f"Masks, voxel by voxel, of the bodies that images were made from. {volumes}"
        return Answer("answered", text, "cases.tsv")
    question = "By which instructions and software was it drawn?"
    return Answer("in part", f"Masks, voxel by voxel. {volumes} {question}", "cases.tsv")


def truth_of_tests(every: Every) -> Answer:
    """Say where the truth of test patients comes from."""
    whom = f"{measuring.kind_of_patient(every[0]).capitalize()}s"
    said = f"{whom} have their ground truth from the same data set as all others"
    if every[0].is_synthetic:
        return Answer("answered", f"{said}: it is what images were made from.", "cases.tsv")
    known = all(one.first.before_is_known for one in trained(every))
    if known and headline_subset(every[0].result.metrics) == "test":
        said += ", and no model was trained on it or chosen by it"
    question = "Was it drawn in another way, or blind to predictions?"
    return Answer("in part", f"{said}. {question}", "cases.tsv, split.tsv")


def disjoint(every: Every) -> Answer:
    """Say what no two parts share."""
    left_out = every[0].block("split").get("leave_out")
    level = f"patients, and folds by {left_out}" if left_out else "patients"
    alone = words(described.alone(every[0]))
    return Answer("answered", f"Parts are disjoint by {level}. {alone}".strip(), "split.tsv")


def sample_size(every: Every) -> Answer:
    """Count whom scores are of, and ask whether that was planned."""
    question = "How many were planned, and why?"
    return Answer("in part", f"Scores are of {_whom(every[0])}. {question}", "metrics.tsv")


def numbers(every: Every) -> Answer:
    """Count who is included."""
    one = every[0]
    patients = one.cases["patient"].nunique()
    said = f"{plural(len(one.cases), 'case')} of {plural(patients, 'patient')} are included."
    return Answer("answered", f"{said} {described.exclusions(one)}".strip(), "cases.tsv")


def characteristics(every: Every) -> Answer:
    """Describe the scans and labels of each part."""
    one = every[0]
    parts = []
    for subset, title in described.SUBSETS.items():
        names = one.split.loc[one.split["subset"] == subset, "case"]
        cases = one.cases[one.cases["case"].isin(names)]
        if len(cases):
            volumes = words(described.volumes(one, cases))
            parts.append(f"For {title}: {described.geometry(one, cases)} {volumes}")
    if one.is_synthetic:
        return Answer("answered", " ".join(parts), "cases.tsv, split.tsv")
    question = "What are age, sex and diagnoses in each part?"
    return Answer("in part", " ".join([*parts, question]), "cases.tsv, split.tsv")


# --- models --------------------------------------------------------------------------------


def initial(every: Every) -> Answer:
    """Say what weights began with."""

    def tell(one: Gathered) -> str:
        seed = one.first.experiment["training"]["seed"]
        return words(making.started(one)) or f"Weights began at random (seed {seed})."

    return Answer("answered", _of_each(trained(every), tell), "config.yaml of each fold")


def selected(every: Every) -> Answer:
    """Say which weights were kept, and by what."""

    def tell(one: Gathered) -> str:
        return " ".join(filter(None, [words(making.swept(one)), making.kept(one)]))

    told = _of_each(trained(every), tell)
    return Answer("answered", told, "config.yaml and history.csv of each fold")


def ensemble(every: Every) -> Answer:
    """Say which experiments are several models."""
    said = [words(making.combined(one)) for one in every if one.members]
    many = [
        f"{one.name} of {one.first.folds} folds" for one in trained(every) if one.first.folds > 1
    ]
    if many:
        said.append(
            f"On test patients, the probabilities of all folds are averaged: {', '.join(many)}."
        )
    if not said:
        return Answer("not applicable", "Each experiment is one model.", "config.yaml of fold 0")
    return Answer("answered", " ".join(said), "paper.md, Prediction")


def output(every: Every) -> Answer:
    """Say what a model gives, and how it becomes a mask."""
    labels = together(every[0].labels)
    told = _of_each(every, lambda one: words(making.prediction(one).said))
    return Answer("answered", f"A mask of {labels}. {told}", "paper.md, Prediction")


def imbalance(every: Every) -> Answer:
    """Say what was done about slices that show no label."""

    def tell(one: Gathered) -> str:
        training = one.first.experiment["training"]
        only = "Slices were drawn whether they show a label or not."
        if not training["empty"]:
            only = "Only slices that show a label were trained on."
        drawn = words(making.foreground(one)) or only
        return f"{drawn} {making.loss(one.first.experiment['loss']).text}"

    return Answer("answered", _of_each(trained(every), tell), "paper.md, Training")


# --- scores --------------------------------------------------------------------------------


def metrics(every: Every) -> Answer:
    """Define what was measured."""
    return Answer("answered", words(measuring.metrics(every)), "paper.md, Evaluation")


def statistics(every: Every) -> Answer:
    """Say how sure means are."""
    return Answer("answered", words(measuring.statistics(every)), "paper.md, Evaluation")


def measured(every: Every) -> Answer:
    """Say what was measured, how sure it is, and how experiments were compared."""
    said = [*measuring.metrics(every), *measuring.statistics(every)]
    return Answer("answered", words(said), "paper.md, Evaluation")


def robust(every: Every) -> Answer:
    """Say over what results were repeated or broken down."""
    said = [
        f"{one.name} was repeated with {plural(len(one.seeds), 'seed')}."
        for one in every
        if len(one.seeds) > 1
    ]
    said += _groups(every)
    question = "Was it tested how results depend on seed, site or scanner?"
    if said:
        return Answer("answered", " ".join(said), "results.csv, groups.csv")
    said = [
        f"{one.name} has {plural(one.first.folds, 'fold')}, each trained on other patients."
        for one in every
        if one.first.folds > 1
    ]
    said += [words(making.swept(one)) for one in trained(every) if len(one.sweep)]
    if not said:
        return Answer("asked", question)
    return Answer("in part", f"{' '.join(said)} {question}", "results.csv")


def groups(every: Every) -> Answer:
    """Say by what groups scores are broken down."""
    said = _groups(every)
    if not said:
        return Answer("asked", "How do results depend on site, scanner, sex and age?")
    return Answer("answered", " ".join(said), "groups.csv")


def _groups(every: Every) -> list[str]:
    columns = dict.fromkeys(str(name) for one in every for name in one.groups["column"])
    return [f"Scores are broken down by {', '.join(columns)}."] if columns else []


def explained(every: Every) -> Answer:
    """Say why no explanation of an output is needed."""
    return Answer(
        "not applicable", "The output is a mask, which can be looked at itself.", "report.html"
    )


def internal(every: Every) -> Answer:
    """Say on whom models were scored."""
    return Answer("answered", f"On {_whom(every[0])}, of the same data set.", "metrics.tsv")


def _whom(one: Gathered) -> str:
    """Count whom the scores are of, and say who they are."""
    whom = plural(int(one.scored["patient"].nunique()), measuring.kind_of_patient(one))
    if headline_subset(one.result.metrics) == "test":
        return whom
    if one.first.folds > 1:
        return f"{whom}, each by a model that was not trained on them"
    return f"{whom} (there are no test patients)"


def performance(every: Every) -> Answer:
    """Give Dice with its interval, by experiment and label."""
    return Answer("answered", words(measuring.headline(every)), "results.csv")


def detection(every: Every) -> Answer:
    """Count in whom labels were found, and in whom wrongly."""
    return Answer("answered", words(measuring.detection(every)), "summary.json")


def failures(every: Every) -> Answer:
    """Give the lowest Dice of each experiment, and what is wrong."""

    def tell(one: Gathered) -> str:
        lowest = by_patient(one.scored, "dice").dropna().nsmallest(WORST)
        values = some([f"{value:.3f}" for value in lowest], WORST)
        what = "The lowest Dice of patients" if len(lowest) > 1 else "The Dice of the only patient"
        said = f"{what}{one.with_seed}: {values}." if len(lowest) else ""
        return f"{said} {words(measuring.faults(one))}".strip()

    question = "What do patients of low Dice have in common?"
    told = f"{_of_each(every, tell)} {question}".strip()
    return Answer("in part", told, "patients.csv; report.html shows what is wrong in each")


def limits(every: Every) -> Answer:
    """Give the limits that follow from the records."""
    return Answer(
        "in part",
        f"{words(measuring.limits(every))} What else limits the study?",
        "paper.md, Evaluation",
    )


def details(every: Every) -> Answer:
    """Say where all settings are."""
    commit = measuring.commits(every)
    settings = "all settings are in config.yaml of each fold"
    return Answer("answered", f"Code: {commit}; {settings}.", "report.html, What the Dice rests on")


def code(every: Every) -> Answer:
    """Name code and models by commit and digest."""
    commit = measuring.commits(every)
    return Answer(
        "in part",
        f"The code is slicewise, {commit}. Where can others get code, model and data?",
        "report.html, What the Dice rests on",
    )


def abstract(every: Every) -> Answer:
    """Lead to the draft of the abstract."""
    return Answer(
        "in part",
        "Methods and results are drafted. What was the purpose, and what follows?",
        "paper.md, Abstract",
    )
