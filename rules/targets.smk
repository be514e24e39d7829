"""Targets: how far to go, by a name. `slicewise targets CONFIG` lists these, and all pages and models.

Each is of the experiments that `run` names, and makes what leads there as well.
"""


rule checked:
    """All cases are read and checked, nothing leaks, and there is the page about the data."""
    input:
        rules.data.output[0],
        rules.leakage.output[0],


rule sliced:
    """All cases are cut by the recipes of the experiments."""
    input:
        lambda wildcards: study.wanted.slices(),


rule trained:
    """All models are trained."""
    input:
        study.wanted.of_folds("model.keras"),


rule swept:
    """The best combination of each sweep is known; nobody is tested for it."""
    input:
        [path for name in settings.wanted for path in study.sweeps.best_of(name)],


rule scored:
    """All models are scored."""
    input:
        study.wanted.of("metrics.tsv"),


rule reported:
    """There are all pages."""
    input:
        rules.data.output[0],
        study.wanted.of("report.html"),
        rules.compare.output.html,
        study.sweeps.pages(),
        rules.index.output[0],
