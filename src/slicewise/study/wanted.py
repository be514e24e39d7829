"""What a run is to make, and what people ask for by its name."""

from __future__ import annotations

from slicewise.records import SWEPT
from slicewise.study.part import Part

KEPT_OF_FOLD = ("model.keras", "history.csv", "config.yaml")
KEPT_OF_EXPERIMENT = ("metrics.tsv", "summary.json", "figures/curves.png")
PAGES = ("index.html", "data.html", "comparison.html")
KEPT = ("split.tsv", "cases.tsv", "comparison.tsv", "comparison_cases.tsv")
"""What people keep beside the pages."""


class Wanted(Part):
    """Files of all experiments that are to be made."""

    def of(self, name: str) -> list[str]:
        """Return a file of each experiment that is to be made."""
        return [self.study.result(f"{experiment}/{name}") for experiment in self.settings.wanted]

    def of_folds(self, name: str) -> list[str]:
        """Return a file of each fold of each experiment that is to be trained."""
        return [
            path
            for experiment in self.settings.trained
            for path in self.study.of_folds(name, experiment)
        ]

    def histories(self) -> list[str]:
        """Return the history of each training that led to each experiment that is to be made."""
        wanted = self.settings.wanted
        return [path for name in wanted for path in self.study.of_folds("history.csv", name)]

    def ensembles(self) -> list[str]:
        """Return what says how much members count, of each ensemble that is to be made."""
        return [
            path for name in self.settings.wanted for path in self.study.ensembles.record_of(name)
        ]

    def slices(self) -> list[str]:
        """Return what stands for the slices of all cases, by each recipe that is trained on."""
        recipes = dict.fromkeys(
            r for name in self.settings.wanted for r in self.study.recipes_of(name)
        )
        return [
            path for recipe in recipes for path in self.study.slices_of(recipe, self.study.cases)
        ]

    def kept(self) -> list[str]:
        """Return what people keep beside the pages: a run makes again what was deleted of it."""
        if self.study.in_bucket:
            return []  # it would all be fetched
        wanted = self.settings.wanted
        names = [*KEPT]
        for experiment in self.settings.trained:
            names += [
                f"{experiment}/fold-{k}/{name}" for k in self.study.folds for name in KEPT_OF_FOLD
            ]
        for experiment in wanted:
            names += [f"{experiment}/{name}" for name in KEPT_OF_EXPERIMENT]
            names += [f"{experiment}/{n}" for n in self.study.ensembles.kept_of(experiment)]
            names += [f"{experiment}/groups.tsv"] if self.study.columns else []
        plans = dict.fromkeys(
            p for name in wanted for p in self.study.plans_of(self.study.recipes_of(name))
        )
        records = [path for name in wanted for path in self.study.predictions.records_of(name)]
        told = [path for name in wanted for path in self.study.calibrations.files_of(name)]
        return [*records, *plans, *told, *map(self.study.result, names)]

    def pages(self) -> list[str]:
        """Return the pages that a run makes."""
        wanted = [f"{experiment}/report.html" for experiment in self.settings.wanted]
        swept = [path for path in self.study.sweeps.pages() if path.endswith(".html")]
        return [*(self.study.result(name) for name in (*PAGES, *wanted)), *swept]

    def targets(self) -> list[str]:
        """Return the files that people ask for by their names, of all experiments."""
        pages = [*PAGES, *KEPT]
        for experiment in self.settings.named:
            folds = range(self.study.own_folds(experiment))
            pages += [f"{experiment}/report.html"]
            pages += [f"{experiment}/{n}" for n in SWEPT if experiment in self.settings.sweeps]
            pages += [f"{experiment}/{name}" for name in KEPT_OF_EXPERIMENT]
            pages += [f"{experiment}/{name}" for name in self.study.ensembles.kept_of(experiment)]
            pages += [f"{experiment}/fold-{k}/{n}" for k in folds for n in KEPT_OF_FOLD]
            pages += [f"{experiment}/predictions/{case}.nii.gz" for case in self.study.scored]
        return [self.study.result(name) for name in pages]
