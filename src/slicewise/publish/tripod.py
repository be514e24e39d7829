"""The checklist TRIPOD+AI.

Collins et al., BMJ 2024, doi:10.1136/bmj-2023-078378. It is made for models that predict a
diagnosis or a course; here the outcome is a mask, and the predictors are the voxels of a scan.
"""

from __future__ import annotations

from slicewise.publish import answers, described, making
from slicewise.publish.checklist import Checklist, Item

VOXELS = "Predictors are the voxels of a scan, which nobody chose or judged."
TITLE = "Title and abstract"
INTRODUCTION = "Introduction"
DATA = "Methods: data"
OUTCOME = "Methods: outcome and predictors"
ANALYSIS = "Methods: analysis"
OPEN = "Open science"
RESULTS = "Results"
DISCUSSION = "Discussion"

ITEMS = (
    Item("1", TITLE, "Title", answers.technology),
    Item("2", TITLE, "Abstract", answers.abstract),
    Item(
        "3a",
        INTRODUCTION,
        "Clinical context and existing models",
        answers.asks("What is the clinical question, and which models are there?"),
    ),
    Item(
        "3b",
        INTRODUCTION,
        "Target population, purpose and users",
        answers.asks("For whom, by whom and for what is the model to be used?"),
    ),
    Item(
        "3c",
        INTRODUCTION,
        "Known inequalities in health",
        answers.asks_of_patients("Which groups are known to be worse off?"),
    ),
    Item("4", INTRODUCTION, "Objectives", answers.goal),
    Item(
        "5a",
        DATA,
        "Sources of data",
        answers.origin,
    ),
    Item("5b", DATA, "Dates", answers.asks_of_patients("When were the scans acquired?")),
    Item(
        "6a",
        DATA,
        "Setting and centres",
        answers.asks_of_patients("In which centres and settings were the scans acquired?"),
    ),
    Item("6b", DATA, "Eligibility", answers.criteria),
    Item(
        "6c",
        DATA,
        "Treatments",
        answers.asks_of_patients("Which treatments change what scans show?"),
    ),
    Item("7", DATA, "Preparation of the data", answers.by_section(making.preparation)),
    Item("8a", OUTCOME, "Outcome and how it was determined", answers.truth),
    Item(
        "8b",
        OUTCOME,
        "Who determined it",
        answers.annotators,
    ),
    Item("8c", OUTCOME, "Blinding", answers.truth_of_tests),
    Item("9a", OUTCOME, "Choice of predictors", answers.does_not_apply(VOXELS)),
    Item("9b", OUTCOME, "Definition of predictors", answers.protocol),
    Item("9c", OUTCOME, "Who determined predictors", answers.does_not_apply(VOXELS)),
    Item("10", DATA, "Sample size", answers.sample_size),
    Item("11", DATA, "Missing data", answers.missing),
    Item("12a", ANALYSIS, "How data were used", answers.by_shared_section(described.split)),
    Item("12b", ANALYSIS, "How predictors were handled", answers.by_section(making.preparation)),
    Item("12c", ANALYSIS, "Type of model", answers.by_section(making.network)),
    Item("12d", ANALYSIS, "Differences between centres", answers.groups),
    Item("12e", ANALYSIS, "Measures of performance", answers.measured),
    Item("12f", ANALYSIS, "Updating of the model", answers.initial),
    Item("12g", ANALYSIS, "How predictions were made", answers.output),
    Item("13", ANALYSIS, "Class imbalance", answers.imbalance),
    Item("14", ANALYSIS, "Fairness", answers.groups),
    Item("15", ANALYSIS, "Output of the model", answers.output),
    Item("16", ANALYSIS, "Training against evaluation", answers.internal),
    Item(
        "17",
        ANALYSIS,
        "Ethical approval",
        answers.asks_of_patients(
            "Which committee approved the study, and was consent given or waived?"
        ),
    ),
    Item("18a", OPEN, "Funding", answers.asks("Who funded the study?")),
    Item("18b", OPEN, "Conflicts of interest", answers.asks("Are there conflicts of interest?")),
    Item("18c", OPEN, "Protocol", answers.details),
    Item("18d", OPEN, "Registration", answers.asks("Is the study registered, and where?")),
    Item("18e", OPEN, "Sharing of data", answers.shared_data),
    Item("18f", OPEN, "Sharing of code", answers.code),
    Item(
        "19",
        OPEN,
        "Patients and public",
        answers.asks_of_patients("Did patients or the public take part in the study?"),
    ),
    Item("20a", RESULTS, "Flow of participants", answers.numbers),
    Item("20b", RESULTS, "Characteristics", answers.characteristics),
    Item("20c", RESULTS, "Development against evaluation data", answers.characteristics),
    Item("21", RESULTS, "Numbers of participants and outcomes", answers.detection),
    Item("22", RESULTS, "The full model", answers.details),
    Item("23a", RESULTS, "Performance with intervals", answers.performance),
    Item("23b", RESULTS, "Differences between centres", answers.groups),
    Item("24", RESULTS, "Updated models", answers.initial),
    Item("25", DISCUSSION, "Interpretation", answers.asks("What do the results mean?")),
    Item("26", DISCUSSION, "Limitations", answers.limits),
    Item(
        "27a",
        DISCUSSION,
        "Poor or missing input",
        answers.asks("How are users to notice scans that the model cannot handle?"),
    ),
    Item(
        "27b",
        DISCUSSION,
        "What users have to do",
        answers.asks("What have users to do, and what must they know?"),
    ),
    Item("27c", DISCUSSION, "Next steps", answers.asks("What comes next?")),
)

TRIPOD = Checklist(
    "tripod-ai", "Checklist for prediction models (TRIPOD+AI)", "collins2024tripod", ITEMS
)
