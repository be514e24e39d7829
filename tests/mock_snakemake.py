"""The `snakemake` object that a script is handed, without a run: for a debugger or a notebook.

>>> snakemake = mock_snakemake("train", experiment="baseline", fold=0)  # doctest: +SKIP
"""

from __future__ import annotations

import runpy
from contextlib import chdir
from pathlib import Path
from typing import Any

from snakemake.api import Workflow
from snakemake.dag import DAG
from snakemake.iocontainers import Snakemake
from snakemake.jobs import Job
from snakemake.logging import LoggerManager, logger
from snakemake.settings.types import (
    ConfigSettings,
    DAGSettings,
    DeploymentSettings,
    OutputSettings,
    ResourceSettings,
    StorageSettings,
    WorkflowSettings,
)
from snakemake_interface_executor_plugins.settings import ExecMode

ROOT = Path(__file__).parents[1]


def mock_snakemake(
    rule: str, *, root: Path = ROOT, configfile: str = "config/config.yaml", **wildcards: object
) -> Snakemake:
    """Return what Snakemake would hand to the script of a rule, in the current folder.

    Parameters
    ----------
    rule : str
        Its name, which is the script's.
    root : Path
        The folder of the Snakefile.
    configfile : str
        Settings, relative to the current folder.
    **wildcards
        Values of the rule's wildcards.

    Returns
    -------
    Snakemake
        With input, output, params, wildcards, threads, resources, log and config.
    """
    workflow = Workflow(
        logger_manager=LoggerManager(logger, OutputSettings()),
        config_settings=ConfigSettings(configfiles=[Path(configfile)]),
        resource_settings=ResourceSettings(cores=1),
        workflow_settings=WorkflowSettings(exec_mode=ExecMode.SUBPROCESS),
        storage_settings=StorageSettings(),
        dag_settings=DAGSettings(rerun_triggers=frozenset()),
        deployment_settings=DeploymentSettings(),
    )
    workflow.include(str(root / "Snakefile"))
    asked = workflow.get_rule(rule)
    dag = DAG(workflow, rules=[asked])
    workflow._dag = dag
    job = Job(asked, dag, {name: str(value) for name, value in wildcards.items()})
    return Snakemake(
        job.input,
        job.output,
        job.params,
        job.wildcards,
        job.threads,
        job.resources,
        job.log,
        workflow.config,
        rule,
        None,
        str(root / "scripts"),
    )


def run_script(rule: str, folder: Path, **wildcards: Any) -> Snakemake:
    """Run the script of a rule in this process, in the folder of a workflow.

    Parameters
    ----------
    rule : str
        Its name.
    folder : Path
        Of the Snakefile; where results go.
    **wildcards
        Values of the rule's wildcards.
    """
    with chdir(folder):
        snakemake = mock_snakemake(rule, root=folder, **wildcards)
        for path in [*snakemake.output, *snakemake.log]:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        runpy.run_path(str(folder / "scripts" / f"{rule}.py"), {"snakemake": snakemake})
    return snakemake
