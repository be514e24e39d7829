"""The checklist CLAIM in its update of 2024.

Tejani et al., Radiology: Artificial Intelligence 2024, doi:10.1148/ryai.240300.
"""

from __future__ import annotations

from slicewise.publish import answers, described, making
from slicewise.publish.checklist import Checklist, Item

ITEMS = (
    Item(
        "1", "Title and abstract", "Identify it as a study of AI, with its kind", answers.technology
    ),
    Item(
        "2",
        "Title and abstract",
        "Abstract",
        answers.abstract,
    ),
    Item(
        "3",
        "Introduction",
        "Background, intended use and role of the AI",
        answers.asks("What is known, and who is to use the masks for what?"),
    ),
    Item("4", "Introduction", "Aims and hypotheses", answers.asks("What was to be shown?")),
    Item(
        "5",
        "Study design",
        "Prospective or retrospective",
        answers.design,
    ),
    Item("6", "Study design", "Goal of the study", answers.goal),
    Item(
        "7",
        "Data",
        "Sources of data",
        answers.origin,
    ),
    Item("8", "Data", "Inclusion and exclusion", answers.criteria),
    Item("9", "Data", "Preprocessing", answers.by_section(making.preparation)),
    Item("10", "Data", "Selection of subsets of the data", answers.subsets),
    Item(
        "11",
        "Data",
        "De-identification",
        answers.asks_of_patients("How were the scans de-identified?"),
    ),
    Item("12", "Data", "Missing data", answers.missing),
    Item("13", "Data", "Image acquisition", answers.protocol),
    Item(
        "14",
        "Reference standard",
        "How it was obtained",
        answers.truth,
    ),
    Item(
        "15",
        "Reference standard",
        "Why this one",
        answers.standard,
    ),
    Item(
        "16",
        "Reference standard",
        "Who annotated",
        answers.annotators,
    ),
    Item(
        "17",
        "Reference standard",
        "Annotation of the test set",
        answers.truth_of_tests,
    ),
    Item(
        "18",
        "Reference standard",
        "Variability of readers",
        answers.asks_of_patients("How far do two readers, or one reader twice, agree?"),
    ),
    Item(
        "19",
        "Data partitions",
        "How data were assigned",
        answers.by_shared_section(described.split),
    ),
    Item("20", "Data partitions", "Level at which parts are disjoint", answers.disjoint),
    Item(
        "21",
        "Testing data",
        "Intended sample size",
        answers.sample_size,
    ),
    Item("22", "Model", "Description of the model", answers.by_section(making.network)),
    Item("23", "Model", "Software", answers.software),
    Item("24", "Model", "Initial weights", answers.initial),
    Item("25", "Training", "How it was trained", answers.by_section(making.training)),
    Item("26", "Training", "How the final model was selected", answers.selected),
    Item("27", "Training", "Ensembles", answers.ensemble),
    Item("28", "Evaluation", "Metrics", answers.metrics),
    Item("29", "Evaluation", "Significance and uncertainty", answers.statistics),
    Item("30", "Evaluation", "Robustness or sensitivity", answers.robust),
    Item("31", "Evaluation", "Explanation", answers.explained),
    Item("32", "Evaluation", "On internal data", answers.internal),
    Item(
        "33",
        "Evaluation",
        "On external data",
        answers.asks("Was the model tested on data of another institution?"),
    ),
    Item(
        "34",
        "Evaluation",
        "Registration of a clinical trial",
        answers.asks_of_patients("Was it a clinical trial, and where is it registered?"),
    ),
    Item("35", "Results: data", "Patients included and excluded", answers.numbers),
    Item("36", "Results: data", "Characteristics of each part", answers.characteristics),
    Item("37", "Results: model", "Performance with its uncertainty", answers.performance),
    Item("38", "Results: model", "Diagnostic performance", answers.detection),
    Item("39", "Results: model", "Failures", answers.failures),
    Item("40", "Discussion", "Limitations", answers.limits),
    Item(
        "41", "Discussion", "Implications for practice", answers.asks("What follows for practice?")
    ),
    Item("42", "Other", "Protocol or further technical details", answers.details),
    Item(
        "43",
        "Other",
        "Where software, model and data are",
        answers.code,
    ),
    Item("44", "Other", "Funding", answers.asks("Who funded the study, and what was their role?")),
)

CLAIM = Checklist("claim", "Checklist for AI in medical imaging (CLAIM)", "tejani2024claim", ITEMS)
