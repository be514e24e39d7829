"""A card for each model, and a datasheet for the data: what is known, and what is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import yaml

from slicewise.evaluation.statistics import headline_subset
from slicewise.publish import described, making, measuring
from slicewise.publish.gathered import Gathered, trained
from slicewise.publish.prose import Said, Section, markdown


def model_card(one: Gathered) -> str:
    """Return the card of the models of an experiment as Markdown, with the head that hubs read.

    Sections are those of Mitchell et al., Model cards for model reporting, 2019.
    """
    front = yaml.safe_dump(_front(one), sort_keys=False, allow_unicode=True)
    text = markdown(f"{one.name}: {', '.join(one.labels)}", _card(one))
    return f"---\n{front}---\n\n{text}"


def _front(one: Gathered) -> dict[str, object]:
    """Return what hubs sort models by; a licence is for the authors to add."""
    subset = headline_subset(one.result.metrics)
    scores = [
        {"type": "dice", "name": f"Dice, {label}", "value": round(numbers["dice"]["mean"], 4)}
        for label, numbers in one.result.summary[subset].items()
        if numbers["dice"]["n"]
    ]
    result = {
        "task": {"type": "image-segmentation"},
        "dataset": {"name": one.dataset, "type": one.dataset, "split": subset},
        "metrics": scores,
    }
    return {
        "library_name": "keras",
        "pipeline_tag": "image-segmentation",
        "tags": ["medical-imaging", "u-net", "slicewise"],
        "model-index": [{"name": one.name, "results": [result]}],
    }


def _card(one: Gathered) -> list[Section]:
    digests = ", ".join(record.resolved.weights_sha256[:12] for record in one.records)
    details = [
        *_each([one], making.network),
        *making.combined(one),
        Said(f"Digests of the weights: {digests}."),
        Said(f"Made by slicewise, {measuring.commits([one])}."),
    ]
    return [
        Section(
            "Model details",
            details,
            questions=("Who made the model, when, and under which licence is it given?",),
        ),
        Section(
            "Intended use",
            [Said("No record tells of an approval for diagnosis.")],
            questions=("Who is to use it for what, and what must it not be used for?",),
        ),
        Section("Factors", _factors(one)),
        Section("Metrics", [*measuring.metrics([one]), *measuring.statistics([one])]),
        Section("Evaluation data", described.split(one).said),
        Section("Training data", [*described.data(one).said, *_each([one], making.training)]),
        Section("Quantitative analyses", [*measuring.headline([one]), *measuring.detection([one])]),
        Section(
            "Ethical considerations",
            [Said("Weights can hold traces of the scans that a model was trained on.")],
            questions=("Did the patients agree that models are made of their scans, and shared?",),
        ),
        Section("Caveats and recommendations", [*measuring.faults(one), *measuring.limits([one])]),
    ]


def _factors(one: Gathered) -> list[Said]:
    columns = ", ".join(one.groups["column"].unique())
    broken = f"Scores are broken down by {columns}." if columns else "Scores are not broken down."
    return [Said(described.geometry(one, one.cases)), Said(broken)]


def datasheet(every: Sequence[Gathered]) -> list[Section]:
    """Return the datasheet of the data.

    Sections are those of Gebru et al., Datasheets for datasets, 2021.
    """
    one = every[0]
    return [
        Section(
            "Motivation",
            [Said("What follows is what a run recorded of the data that it used.")],
            questions=("For which purpose were the data collected, by whom, with which funds?",),
        ),
        Section(
            "Composition",
            [*described.data(one).said, *described.split(one).said],
            questions=(
                "Are the data a sample of more, and whom do they represent?",
                "Can anybody be identified by them, from faces, headers or names of files?",
            ),
        ),
        Section(
            "Collection",
            questions=(
                "How, where and when were the scans acquired, and who took part in it?",
                "Which committee approved it, and was consent given or waived?",
            ),
        ),
        Section(
            "Preprocessing, cleaning and labelling",
            [
                Said(
                    "Images and masks were made by slicewise."
                    if one.is_synthetic
                    else "Files are kept as they are; what is no NIfTI was converted in results."
                ),
                *_each(every, making.preparation),
            ],
            questions=("Who drew the ground truth, by which instructions and software?",),
        ),
        Section(
            "Uses",
            [Said(f"The data were used to train and test {', '.join(e.name for e in every)}.")],
            questions=("What should the data not be used for?",),
        ),
        Section(
            "Distribution",
            questions=("How, to whom and under which licence are the data given?",),
        ),
        Section("Maintenance", questions=("Who answers questions, and corrects errors?",)),
    ]


def _each(every: Sequence[Gathered], make: Callable[[Gathered], Section]) -> list[Said]:
    """Return a section of the methods, for each trained experiment where there are several."""
    parts = trained(every)
    if len(parts) == 1:
        return list(make(parts[0]).said)
    told = {one.name: make(one).said for one in parts}
    return [
        Said(
            f"For {name}: {' '.join(each.text for each in said)}",
            tuple(dict.fromkeys(key for each in said for key in each.sources)),
        )
        for name, said in told.items()
    ]
