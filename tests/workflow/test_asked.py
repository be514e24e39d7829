"""Wrong targets, rules and configurations, through the real command."""

import pytest


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["results/phantom/baseline/repot.html"], "did you mean results/phantom/baseline/report.h"),
        (["lekage"], "did you mean leakage?"),
        (["results/phantom/baseline/fold-3/model.keras"], "no file that can be made"),
        (["--report", "report.zip"], "index.html, results/phantom/data.html, results/phantom/comp"),
        (["--set-threads", "tain=2"], "no rule is called tain; did you mean train?"),
        (["--set-resources", "ingets:mem_mb=9"], "did you mean ingest?"),
    ],
)
def test_what_is_not_there_is_refused_in_a_sentence(clone, arguments, said):
    output = clone.snakemake("--dry-run", *arguments, fails=True)
    (error,) = (line for line in output.splitlines() if line.startswith("error: "))
    assert said in error
    assert "Exception" not in output
    assert "Traceback" not in output


def test_an_absolute_path_is_refused_in_a_sentence(clone):
    target = "results/phantom/baseline/report.html"
    output = clone.snakemake("--dry-run", f"{clone.root}/{target}", fails=True)
    (error,) = (line for line in output.splitlines() if line.startswith("error: "))
    assert error.endswith(f"by its absolute path; ask for {target}")
    assert "Exception" not in output


def test_the_configuration_is_said_first(clone):
    target = "results/phantom/split.tsv"
    output = clone.snakemake("--dry-run", target)
    assert "(the default: no --configfile is given): 20 cases, experiments tutorial" in output
    named = clone.snakemake("--dry-run", target, "--configfile", "config/config.yaml")
    assert "configuration config/config.yaml: 20 cases" in named.replace(f"{clone.root}/", "")


@pytest.mark.parametrize(
    ("target", "last", "never"),
    [
        ("checked", "leakage", "slices"),
        ("sliced", "slices", "train"),
        ("scored", "evaluate", "report"),
    ],
)
def test_targets_have_names(clone, target, last, never):
    due = clone.due(target)
    assert last in due and never not in due
