"""Flags of Snakemake that list, touch or delete, or choose the place, by the real command."""

import os
from pathlib import Path

import pytest
from badinput import configure, nifti, organ, scan, snakemake, table

CONFIG = ("--configfile", "config.yaml")
SPLIT, CASES = "results/x/split.tsv", "results/x/cases.tsv"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder in which cases were ingested."""
    folder = tmp_path_factory.mktemp("flags")
    rows = {}
    for number in range(2):
        image = nifti(folder / f"c{number}.nii.gz", scan(number))
        rows[f"c{number}"] = (image, nifti(folder / f"c{number}_mask.nii.gz", organ()))
    configure(folder, table(folder, rows))
    ran = snakemake(folder, "--cores", "1", CASES, SPLIT, *CONFIG)
    assert ran.code == 0, ran.err
    return folder


def test_a_summary_says_of_each_file_what_made_it(made):
    ran = snakemake(made, "--summary", *CONFIG)
    rows = {line.split("\t")[0]: line.split("\t") for line in ran.out.splitlines()}
    assert (rows[SPLIT][2], rows[SPLIT][-1]) == ("split", "no update")
    assert rows["results/x/e/report.html"][-1] == "update pending"


def test_deleting_all_tells_first_what_it_would_delete(made):
    ran = snakemake(made, "--delete-all-output", "--dry-run", *CONFIG)
    assert {f"Would delete {CASES}", f"Would delete {SPLIT}"} <= set(
        (ran.out + ran.err).splitlines()
    )
    assert (made / CASES).exists()


def test_results_lie_in_the_directory_that_is_asked_for(made, tmp_path):
    config = ("--configfile", str(made / "config.yaml"))
    ran = snakemake(made, "--directory", str(tmp_path / "there"), "--cores", "1", SPLIT, *config)
    assert ran.code == 0, ran.err
    assert (tmp_path / "there" / SPLIT).read_bytes() == (made / SPLIT).read_bytes()
    assert not (tmp_path / "results").exists()


def test_a_touch_of_results_makes_nothing_again(made):
    later = (made / CASES).stat().st_mtime + 100
    os.utime(made / "results/x/split.tsv", (later, later))
    ran = snakemake(made, "--touch", "--cores", "1", "--forceall", CASES, SPLIT, *CONFIG)
    assert ran.code == 0, ran.err
    ran = snakemake(made, "--dry-run", CASES, SPLIT, *CONFIG)
    assert "Nothing to be done" in ran.out + ran.err


def test_a_key_that_stands_twice_is_refused(made, tmp_path):
    twice = tmp_path / "twice.yaml"
    twice.write_text("split:\n  test: 1\n  test: 2\n")
    ran = snakemake(made, "-n", SPLIT, *CONFIG, str(twice))
    assert ran.code == 1 and "Traceback" not in ran.err
    (said,) = ran.sentences
    assert said.endswith("twice.yaml: line 3: test is there twice (also in line 2); keep one")
