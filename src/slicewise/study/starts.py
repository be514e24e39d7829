"""Models that trainings start from."""

from __future__ import annotations

from pathlib import Path

from slicewise import jobs
from slicewise.config.training import STORES
from slicewise.dataset.ensembles import ensemble_in
from slicewise.dataset.former import check_current, no_start
from slicewise.errors import SlicewiseError
from slicewise.files import expanded
from slicewise.study.part import Part

START_FROM = "training.start_from"


class Starts(Part):
    """The models that trainings start from, of this study or of any other place."""

    def named(self, experiment: str) -> str | None:
        """Return the model that an experiment starts from, as it is named, if any."""
        return self.settings.blocks[experiment].training.start_from

    def _has_before(self, experiment: str) -> bool:
        """Whether a training starts or learns from a model."""
        return (
            self.named(experiment) is not None
            or self.study.teachers.teacher_of(experiment) is not None
        )

    def brought(self, experiment: str, fold: int | str, kind: str) -> list[str]:
        """Return what was brought of the model that a fold starts from: ``keras`` or ``json``."""
        if self.named(experiment) is None:
            return []
        return [self.study.result(f"{experiment}/start/fold-{fold}.{kind}")]

    def told(self, experiment: str, fold: int | str) -> jobs.Start:
        """Return what a job is told that brings the model which a fold starts from."""
        name = self.named(experiment)
        return jobs.Start(name=str(name), fold=int(fold), folds=len(self.study.folds))

    def checked(self, experiment: str, fold: int | str) -> list[str]:
        """Return the file that says that it, or a teacher, knows nobody who is held out."""
        if not self._has_before(experiment):
            return []
        return [self.study.result(f"{experiment}/fold-{fold}/independent.json")]

    def checked_of_all(self, experiment: str) -> list[str]:
        """Return those of all models that an experiment, or an ensemble, predicts by."""
        members = self.settings.members_of(experiment)
        folds = self.study.folds
        return [path for name in members for fold in folds for path in self.checked(name, fold)]

    def must_not_know(self, experiment: str, fold: int | str) -> list[str]:
        """Return the cases that the model must not know: all that are held out, and of test."""
        tested = [case for case, assigned in self.study.split.items() if assigned.subset == "test"]
        return sorted({*self.study.held_out(fold), *tested})

    def own(self, experiment: str) -> tuple[str, int | None] | None:
        """Return the experiment of this study that one starts from, and which fold, if one."""
        name = self.named(experiment)
        if name is None or name.startswith(STORES):
            return None
        place = expanded(name, START_FROM).resolve()
        for other in self.settings.experiments:
            folder = Path(self.study.result(other)).resolve()
            if place == folder:
                return other, None
            for fold in self.study.folds:
                if place in (folder / f"fold-{fold}", folder / f"fold-{fold}" / "model.keras"):
                    return other, fold
        return None

    def files_of(self, experiment: str, fold: int | str) -> tuple[list[str], list[Path]]:
        """Return the files of the model that a fold starts from, with the record of its training.

        Returns
        -------
        list of str
            Of this study, which are made first where they are not there.
        list of Path
            Of any other place; none of MLflow, which is asked once a job needs the model.

        Raises
        ------
        SlicewiseError
            When there is no such model, or not one for each fold.
        """
        name = self.named(experiment)
        if name is None or name.startswith(STORES):
            return [], []
        place = expanded(name, START_FROM).resolve()
        # what an experiment of its name left there is stale
        for ensemble in self.settings.ensembles:
            if Path(self.study.result(ensemble)).resolve() in (place, *place.parents):
                raise no_start(name)
        if own := self.own(experiment):
            folds = [int(fold) if own[1] is None else own[1]]
            return [
                self.study.of_folds(f, own[0], folds)[0] for f in ("model.keras", "config.yaml")
            ], []
        return [], model_of_fold(name, int(fold), len(self.study.folds))

    def check(self) -> None:
        """Refuse what cannot be started from, before anything runs.

        Raises
        ------
        SlicewiseError
            When a model is not there, or an experiment starts from itself.
        """
        for experiment in self.settings.trained:
            seen = [experiment]
            while own := self.own(seen[-1]):
                if own[0] in seen:
                    raise SlicewiseError(
                        f"experiments.{own[0]}.{START_FROM}: it would start from itself "
                        f"({' from '.join([*seen, own[0]])}); name another model"
                    )
                seen.append(own[0])
            for each in self._trained_before(experiment):
                for fold in () if each in self.settings.ensembles else self.study.folds:
                    self.files_of(each, fold)

    def _trained_before(self, experiment: str) -> list[str]:
        """Return an experiment, all that it starts or learns from, and these in turn.

        Raises
        ------
        SlicewiseError
            When it is one of these itself.
        """
        found = [experiment]
        for name in found:
            own = None if name in self.settings.ensembles else self.own(name)
            before = [*([own[0]] if own else []), *self.settings.teachers_of(name)]
            if experiment in before:
                raise SlicewiseError(
                    f"experiments.{experiment}.training: {name} starts or learns from it, and it "
                    f"from {name}, so neither can be trained first; leave out start_from or distil "
                    "of one of them"
                )
            found += [other for other in before if other not in found]
        return found


def model_of_fold(name: str, fold: int, folds: int) -> list[Path]:
    """Return the file of a model that a fold starts from, and the record of its training.

    Parameters
    ----------
    name : str
        A file, a fold or an experiment of other results.
    fold, folds : int
        Which of how many.

    Raises
    ------
    SlicewiseError
        When there is none, it is an ensemble or cannot be trained, or there are as many as neither
        one nor the folds.
    """
    place = expanded(name, START_FROM)
    if (ensemble := ensemble_in(place)) is not None:
        check_current(ensemble)
        raise no_start(name)
    found = [place] if place.is_file() else sorted(place.glob("fold-*/model.keras"))
    if not found and (place / "model.keras").is_file():
        found = [place / "model.keras"]
    if not found:
        raise SlicewiseError(
            f"{START_FROM}: {name}: there is no such model; name a .keras file, a folder "
            "results/<dataset>/<experiment> of a finished training, or models:/NAME@alias"
        )
    if found[0].suffix != ".keras":
        raise SlicewiseError(
            f"{START_FROM}: {name} cannot be trained; name the .keras file that it was made of"
        )
    if len(found) not in (1, folds):
        raise SlicewiseError(
            f"{START_FROM}: {name} has models of {len(found)} folds, and there "
            f"{'is 1' if folds == 1 else f'are {folds}'} here; name one fold, or give split.folds "
            "the same number"
        )
    model = found[0] if len(found) == 1 else place / f"fold-{fold}" / "model.keras"
    record = model.with_name("config.yaml")
    return [model, *([record] if model.name == "model.keras" and record.is_file() else [])]
