"""Writing what a paper needs of scored experiments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from slicewise.compare import name_folders, repeats_of, verdicts_of
from slicewise.errors import SlicewiseError
from slicewise.evaluation.comparison import compare
from slicewise.files import write_text
from slicewise.publish import tables
from slicewise.publish.gathered import Gathered, gather
from slicewise.publish.methods import methods
from slicewise.publish.prose import Section, latex, markdown, sources_of, web
from slicewise.publish.sources import bibtex
from slicewise.wording import plural

TEXT = "paper"


def publish(
    folders: Sequence[Path], output: Path, log: Callable[[str], None], force: bool = False
) -> None:
    """Write methods, results, sources and tables of experiments on one data set.

    No image is opened and no model run: all comes from what is recorded.

    Parameters
    ----------
    folders : sequence of Path
        ``results/<dataset>/<experiment>``; several are compared, too.
    output : Path
        The folder that is written: ``paper.md``, ``paper.tex``, ``paper.html``,
        ``references.bib``, ``questions.md``, ``results.csv``, ``patients.csv`` and, of several
        experiments, ``comparison.csv``.
    log : callable
        Called with each line for people.
    force : bool
        Whether files of an earlier call are overwritten.

    Raises
    ------
    SlicewiseError
        When a folder is no scored experiment, experiments are of several data sets or cannot be
        compared, or files are there already.
    """
    every = [gather(folder) for folder in folders]
    _check_alike(every)
    files = _files(folders, every)
    there = [name for name in files if (output / name).exists()]
    if there and not force:
        raise SlicewiseError(
            f"{output / there[0]}: is there already; give another --output, or overwrite what this "
            "command writes with --force"
        )
    for name, text in files.items():
        write_text(output / name, text)
    asked = files["questions.md"].count("\n- ")
    log(f"the text: {output / TEXT}.md, .tex and .html, sources in references.bib")
    log(f"{plural(asked, 'question')} that only its authors can answer: {output / 'questions.md'}")


def _check_alike(every: Sequence[Gathered]) -> None:
    places = {one.result.folder.parent for one in every}
    if len(places) > 1:
        raise SlicewiseError(
            f"{', '.join(sorted(map(str, places)))}: experiments of several data sets make no one "
            "methods section; publish each data set by itself"
        )


def _files(folders: Sequence[Path], every: Sequence[Gathered]) -> dict[str, str]:
    """Return all files by their names."""
    told = tables.results(every)
    files = {
        "results.csv": told.to_csv(index=False),
        "patients.csv": tables.patients(every).to_csv(index=False),
    }
    compared = None
    said: list[str] = []
    if len(every) > 1:
        named = name_folders(folders)
        results = {each: one.result for each, one in zip(named, every, strict=True)}
        metrics = {name: result.metrics for name, result in results.items()}
        compared = compare(metrics, repeats_of(results))
        said = verdicts_of(compared, metrics)
        files["comparison.csv"] = compared.to_csv(index=False)
    sections = [*_methods(every), tables.section(every, told, compared, said)]
    title = f"Segmentation of {every[0].dataset}"
    files |= {
        f"{TEXT}.md": markdown(title, sections),
        f"{TEXT}.tex": latex(title, sections),
        f"{TEXT}.html": web(title, sections),
        "references.bib": bibtex(sources_of(sections)),
        "questions.md": _questions(sections),
    }
    return files


def _methods(every: Sequence[Gathered]) -> list[Section]:
    try:
        return methods(every)
    except KeyError as error:
        raise SlicewiseError(
            f"{every[0].result.folder}: its trainings, or those it is published with, do not say "
            f"{error}, as an earlier version wrote them; train again"
        ) from error


def _questions(sections: Sequence[Section]) -> str:
    asked = [Section(each.title, questions=each.questions) for each in sections if each.questions]
    return markdown("What no record tells", asked)
