"""What a run can be asked for: what ``slicewise targets`` lists."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from slicewise.config import load_settings
from slicewise.config.configuration import read_configuration
from slicewise.dataset.columns import read_columns
from slicewise.dataset.finding import find_cases
from slicewise.dataset.split import split_cases
from slicewise.files import data_folder
from slicewise.study import Study
from slicewise.wording import plural, some

NAMED = {
    "checked": "every case read and checked, the leakage check, the page about the data",
    "sliced": "the slices of all cases",
    "trained": "the models",
    "swept": "the best combination of each sweep, by validation; no test patient is looked at",
    "scored": "the scores of all predictions",
    "reported": "all pages",
    "all": "all of it; what is made if nothing is named",
}
"""The targets of ``rules/targets.smk``, and what each brings."""
SHOWN = 6
"""So many experiments are named in a line; each has lines of its own below."""


def lines_of(configuration: Sequence[Path]) -> list[str]:
    """List what `snakemake` can be asked for with a configuration: names, then files.

    Parameters
    ----------
    configuration : sequence of Path
        YAML files, a later one laid over.

    Returns
    -------
    list of str
        A line each; what stands first in it is to be copied.

    Raises
    ------
    SlicewiseError
        When the configuration is wrong, or its data are not there.
    """
    settings = load_settings(read_configuration(configuration))
    data = data_folder()
    cases = find_cases(settings.dataset, data)
    split = split_cases(cases, settings.split, data)
    study = Study(settings, cases, split, read_columns(cases, settings, data))
    width = max(map(len, NAMED))
    wanted = some(settings.wanted, SHOWN)
    many = plural(len(settings.wanted), "experiment")
    lines = [f"Names, for {many} of {plural(len(cases), 'case')} ({wanted}):"]
    lines += [f"  {name:<{width}}  {what}" for name, what in NAMED.items()]
    beside = [name for name in settings.experiments if name not in settings.wanted]
    also = f"; {some(beside, SHOWN)} only by files" if beside else ""
    return [
        *lines,
        f"Files, of each experiment, fold and page{also}:",
        *_indented(study.wanted.targets()),
    ]


def _indented(files: Sequence[str]) -> list[str]:
    return [f"  {path}" for path in files]
