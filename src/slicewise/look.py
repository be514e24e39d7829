"""The page about a data set on request: what ``slicewise look`` does.

The workflow makes the page, once all cases were read. Where some cannot be, this makes it of the
others, and it names those that are missing.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slicewise.config import Settings, load_settings
from slicewise.config.configuration import read_configuration
from slicewise.config.configured import Configured
from slicewise.dataset.case_record import CASE_RECORD, CaseRecord
from slicewise.dataset.columns import read_columns
from slicewise.dataset.finding import find_cases
from slicewise.dataset.looked import CaseLook
from slicewise.dataset.split import split_cases, with_strata
from slicewise.errors import SlicewiseError
from slicewise.files import data_folder, write_text
from slicewise.job import errors_in
from slicewise.records import record_path
from slicewise.report.data import ShownData, data_page
from slicewise.report.looking import CaseVolumes, look_at_cases
from slicewise.report.proposed import proposals
from slicewise.report.seen import seen_data
from slicewise.running import STOPPED, run_to_end, snakemake
from slicewise.stored import unsealed
from slicewise.study import Study
from slicewise.wording import plural

Log = Callable[[str], None]
print_now: Log = functools.partial(print, flush=True)
"""What is said and what snakemake writes to the same terminal stay in order."""


def look(
    configuration: Sequence[Path], workflow: Path, *, cores: str = "all", log: Log = print_now
) -> bool:
    """Make the page about a data set, ``results/<dataset>/data.html``, and say where it is.

    Parameters
    ----------
    configuration : sequence of Path
        YAML files, a later one laid over.
    workflow : Path
        The folder of the Snakefile.
    cores : str
        As `snakemake` takes it.
    log : callable
        Called with a line for each finding.

    Returns
    -------
    bool
        Whether all cases are on the page, as they are now.

    Raises
    ------
    SlicewiseError
        When the configuration is wrong, no case can be read, or it was stopped.
    """
    settings = load_settings(read_configuration(configuration))
    page = Path("results") / settings.dataset.name / "data.html"
    started = time.time()
    command = [
        snakemake(),
        # first, as both --quiet and --configfile would swallow it
        str(page),
        *("--snakefile", str(workflow.resolve() / "Snakefile"), "--cores", cores),
        *("--quiet", "host", "reason", "rules"),
        *("--configfile", *map(str, configuration)),
    ]
    code = run_to_end(command)
    if code == STOPPED:
        raise SlicewiseError(f"{page}: stopped; the same command goes on")
    if code == 0:
        log(f"the data: {page}")
        return True
    said = errors_in((page.parent / "logs").rglob("*.log"), started)
    missing = write_rest(settings, page, said)
    without = (
        f"without {plural(missing, 'case')} that could not be read"
        if missing
        else "as they were read before, since snakemake failed, as it says above"
    )
    log(f"the data, {without}: {page}")
    return False


@dataclass
class _Read:
    """What could be read of a data set."""

    records: dict[str, CaseRecord] = field(default_factory=dict)
    looks: dict[str, CaseLook] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


def write_rest(settings: Settings, page: Path, refused: Sequence[str] = ()) -> int:
    """Write the page of those cases of a data set that can be read.

    Parameters
    ----------
    settings : Settings
        The configuration.
    page : Path
        Where it goes, in the folder of the data set's results.
    refused : sequence of str
        What was said of the others.

    Returns
    -------
    int
        How many cases are missing on it.

    Raises
    ------
    SlicewiseError
        When there is no case that can be read.
    """
    data = data_folder()
    cases = find_cases(settings.dataset, data)
    split = split_cases(cases, settings.split, data)
    study = Study(settings, cases, split, read_columns(cases, settings, data))
    read = _read(study, page.parent / "cases")
    if not read.looks:
        raise SlicewiseError(
            f"{page}: no case of data set {study.name} could be read, so there is nothing to show; "
            "mend what the errors above name, and run slicewise look again"
        )
    seen = seen_data(
        list(study.split.values()),
        read.records,
        read.looks,
        settings.dataset.content,
        refused=list(dict.fromkeys([*refused, *read.refused])),
        not_the_same=settings.split.not_the_same,
        columns=with_strata(study.columns, cases, settings.split, data),
        bins=study.bins,
        leave_out=settings.split.leave_out or "",
    )
    plan, warnings = proposals(
        Configured.of(settings),
        list(study.split.values()),
        read.records,
        settings.dataset.content,
    )
    shown = ShownData(study.name, seen, plan, warnings, excluded=settings.dataset.exclude)
    # without its record, the next run of the workflow makes the page anew, with all cases
    record_path(page).unlink(missing_ok=True)
    write_text(page, data_page(shown))
    return len(seen.unread)


def _read(study: Study, folder: Path) -> _Read:
    """Look at all cases that were ingested, or keep what was seen of them before."""
    data = _Read()
    content = study.settings.dataset.content
    for name in study.cases:
        try:
            case = _volumes(study, name, folder)
            (seen,) = look_at_cases([case], content, folder)
        except (SlicewiseError, FileNotFoundError) as error:
            # what is not there was refused before, with its sentence
            if isinstance(error, SlicewiseError) and (folder / name / "record.json").exists():
                data.refused.append(str(error))
            continue
        data.records[name] = case.record
        data.looks[name] = seen
    return data


def _volumes(study: Study, name: str, folder: Path) -> CaseVolumes:
    """Return the record of a case, and the NIfTI files that it is of."""
    case = study.cases[name]
    record = unsealed(folder / name / "record.json", CASE_RECORD, must=True)
    own = {"image": case.image, "mask": case.mask}
    image, mask = (
        files[0] if files and not case.needs_conversion else folder / name / f"{kind}.nii.gz"
        for kind, files in own.items()
    )
    return CaseVolumes(record, image, mask)
