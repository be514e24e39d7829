"""Writing what a paper needs of scored experiments."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from slicewise.compare import (
    compare_results,
    name_folders,
    seeds_beside,
    seeds_of,
    swept_of,
    verdicts_of,
)
from slicewise.crate import CRATE, Wanted, gather_crate, questions_of, write_crate
from slicewise.errors import SlicewiseError
from slicewise.evaluation.comparison import grouped, over_seeds
from slicewise.evaluation.results import Result
from slicewise.evaluation.statistics import summarise
from slicewise.files import sha256, write_bytes
from slicewise.publish import checklist, figures, tables
from slicewise.publish.cards import datasheet, model_card
from slicewise.publish.claim import CLAIM
from slicewise.publish.gathered import Gathered, gather, numbered, numbers_of
from slicewise.publish.methods import abstract, methods
from slicewise.publish.prose import Section, latex, markdown, sources_of, web
from slicewise.publish.reloaded import recommended
from slicewise.publish.sources import bibtex
from slicewise.publish.tripod import TRIPOD
from slicewise.report.comparison import ComparedExperiments
from slicewise.report.dots import DotRow
from slicewise.stored import text_of
from slicewise.wording import plural

CONTENTS = "contents.tsv"
"""The digest of each file that was written, by which a later call knows its own."""
CHECKLISTS = (CLAIM, TRIPOD)
Files = dict[str, str | bytes]


def publish(
    folders: Sequence[Path],
    output: Path,
    log: Callable[[str], None],
    *,
    force: bool = False,
    names: bool = False,
    wanted: Wanted | None = None,
) -> None:
    """Write what a paper needs of experiments on one data set.

    No image is opened and no model run: all comes from what is recorded.

    Parameters
    ----------
    folders : sequence of Path
        ``results/<dataset>/<experiment>``; several are compared, too.
    output : Path
        The folder that is written, see `docs/publish.md`; ``contents.tsv`` lists its files.
    log : callable
        Called with each line for people.
    force : bool
        Whether files of an earlier call are replaced, and those that are not written any more
        deleted.
    names : bool
        Whether patients and cases keep their names; else they have numbers.
    wanted : Wanted, optional
        How a crate is written beside them, ``crate.zip``; None for none.

    Raises
    ------
    SlicewiseError
        When a folder is no scored experiment, experiments are of several data sets or cannot be
        compared, or files are there already.
    """
    every = [gather(folder) for folder in folders]
    _check_alike(folders, every)
    numbers = None if names else numbers_of(every)
    contents = gather_crate(wanted, folders, numbers)
    shown = every if numbers is None else numbered(every, numbers)
    try:
        files = _files(shown, questions_of(contents), log)
    except KeyError as error:
        raise SlicewiseError(
            f"{every[0].result.folder}: its trainings, or those it is published with, do not say "
            f"{error}, as an earlier version wrote them; train again"
        ) from error
    there = [name for name in (*files, CRATE) if (output / name).exists()]
    if there and not force:
        raise SlicewiseError(
            f"{output / there[0]}: is there already; give another --output, or overwrite what this "
            "command writes with --force"
        )
    _delete_earlier(output, files)
    with _nothing_half([] if there else [output / name for name in files]):
        for name, content in files.items():
            write_bytes(output / name, content.encode() if isinstance(content, str) else content)
        log(write_crate(contents, output / CRATE))


@contextmanager
def _nothing_half(paths: Sequence[Path]) -> Iterator[None]:
    """Delete files where not all were written: the same command would take them for finished."""
    try:
        yield
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
        raise


def _check_alike(folders: Sequence[Path], every: Sequence[Gathered]) -> None:
    if len(folders) > 1:
        name_folders(folders)  # refuses one that is there twice
    places = {one.result.folder.parent for one in every}
    if len(places) > 1:
        raise SlicewiseError(
            f"{', '.join(sorted(map(str, places)))}: experiments of several data sets make no one "
            "methods section; publish each data set by itself"
        )


def _delete_earlier(output: Path, files: Files) -> None:
    """Delete what an earlier call wrote, this one does not write, and nobody has edited."""
    contents = output / CONTENTS
    if not contents.is_file():
        return
    listed = text_of(contents, "delete it, and what it lists, and publish again")
    for row in csv.DictReader(listed.splitlines(), delimiter="\t"):
        name = str(row.get("file"))
        path = output / name
        inside = path.resolve().is_relative_to(output.resolve())
        is_ours = inside and path.is_file() and sha256(path) == row.get("sha256")
        if is_ours and name not in files:
            path.unlink()


@dataclass(frozen=True)
class _Compared:
    """What comparisons of several experiments come to; nothing of a single one."""

    table: pd.DataFrame | None = None
    verdicts: Sequence[str] = ()
    differences: Sequence[DotRow] = ()


def _compared(
    dataset: str, results: Mapping[str, Result], repeats: Mapping[str, Sequence[str]]
) -> _Compared:
    if len(results) < 2:
        return _Compared()
    metrics = {name: result.metrics for name, result in results.items()}
    # seeds of other patients are refused, too
    table = compare_results(results, repeats)
    if len(grouped(results, repeats)) < 2:
        return _Compared()
    shown = ComparedExperiments(dataset, {}, metrics, table, {}, {}, {}, repeats)
    return _Compared(table, verdicts_of(table, metrics, swept_of(results)), shown.differences)


def _files(
    every: Sequence[Gathered], questions: Sequence[str], log: Callable[[str], None]
) -> Files:
    """Return all files by their paths."""
    results = {one.name: one.result for one in every}
    repeats = seeds_of(results)
    compared = _compared(every[0].dataset, results, repeats)
    every = _with_seeds(every, repeats)
    heads = [one for one in every if one.name in grouped(results, repeats)]
    apart = _over_seeds(heads, results, repeats)
    told = tables.results(apart)
    drawn = figures.figures(every, compared.differences)
    sections = [
        abstract(apart, compared.verdicts),
        *methods(apart),
        recommended(apart),
        tables.section(every, told, compared.table, compared.verdicts),
        tables.failures(every),
        figures.section(drawn),
    ]
    files: Files = {
        **_texts("paper", f"Segmentation of {every[0].dataset}", sections),
        "questions.md": _questions([*sections, Section("Crate", questions=list(questions))]),
        "results.csv": tables.results([*apart, *(e for e in every if e.seeds)]).to_csv(index=False),
        "patients.csv": tables.patients(every).to_csv(index=False),
        **_texts("datasheet", f"Datasheet of {every[0].dataset}", datasheet(apart)),
    }
    groups = tables.groups(every)
    if len(groups):
        files["groups.csv"] = groups.to_csv(index=False)
    if compared.table is not None:
        files["comparison.csv"] = compared.table.to_csv(index=False)
    # a model is of one training
    for one in heads:
        files[f"models/{one.name}.md"] = model_card(one)
    for each in drawn:
        files |= each.files()
    log(f"the text: paper.md, .tex and .html, with {plural(len(drawn), 'figure')}")
    asked = str(files["questions.md"]).count("\n- ")
    log(f"{plural(asked, 'question')} that only its authors can answer: questions.md")
    cited = [*sections]
    for each_list in CHECKLISTS:
        answered = each_list.answers(apart)
        listed = checklist.sections(each_list, answered)
        cited += listed
        files |= _texts(each_list.name, each_list.title, listed)
        files[f"{each_list.name}.csv"] = checklist.table(answered).to_csv(index=False)
        log(f"{each_list.title}: {checklist.counted(answered)}")
    files["references.bib"] = bibtex(sources_of(cited))
    files[CONTENTS] = _contents(files)
    return files


def _contents(files: Files) -> str:
    """List files with the digests of what is in them."""
    stream = io.StringIO()
    rows = csv.writer(stream, delimiter="\t", lineterminator="\n")
    rows.writerow(["file", "sha256"])
    for name, content in sorted(files.items()):
        data = content.encode() if isinstance(content, str) else content
        rows.writerow([name, hashlib.sha256(data).hexdigest()])
    return stream.getvalue()


def _texts(name: str, title: str, sections: Sequence[Section]) -> Files:
    """Return a text as Markdown, LaTeX and HTML, by the names of its files."""
    makers = {"md": markdown, "tex": latex, "html": web}
    return {f"{name}.{kind}": make(title, sections) for kind, make in makers.items()}


def _with_seeds(every: Sequence[Gathered], repeats: Mapping[str, Sequence[str]]) -> list[Gathered]:
    """Let trainings know of those that differ from them by the seed alone."""
    seeds = {one.name: one.seed for one in every}
    groups = {name: names for names in repeats.values() for name in names}
    return [
        replace(
            one,
            seeds=tuple(seeds[name] for name in groups.get(one.name, ())),
            beside=tuple(name for name in seeds_beside(one.result) if name not in seeds),
        )
        for one in every
    ]


def _over_seeds(
    heads: Sequence[Gathered], results: Mapping[str, Result], repeats: Mapping[str, Sequence[str]]
) -> list[Gathered]:
    """Give the first of the trainings that differ by the seed alone the scores over all of them."""
    metrics = {name: result.metrics for name, result in results.items()}
    merged = over_seeds(metrics, repeats)
    return [
        replace(one, over_seeds=summarise(merged[one.name])) if one.seeds else one for one in heads
    ]


def _questions(sections: Sequence[Section]) -> str:
    asked = [Section(each.title, questions=each.questions) for each in sections if each.questions]
    return markdown("What no record tells", asked)
