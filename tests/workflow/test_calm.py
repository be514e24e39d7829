"""What people see of a run, through the real command."""

import re
from pathlib import Path

from badinput import configure, nifti, organ, scan, snakemake, table

BAD = "c1.nii.gz"


def test_a_run_shows_a_line_a_job_and_each_fault_once(tmp_path: Path):
    rows = {}
    for number in range(3):
        name = f"c{number}"
        image = nifti(tmp_path / f"{name}.nii.gz", scan(number))
        rows[name] = (image, nifti(tmp_path / f"{name}_mask.nii.gz", organ()))
    cut = tmp_path / BAD
    cut.write_bytes(cut.read_bytes()[:-300])
    configure(tmp_path, table(tmp_path, rows))
    target = "results/x/split.tsv"
    ran = snakemake(tmp_path, target, "--cores", "1", "--configfile", "config.yaml", output="")
    assert ran.code == 0, ran.err
    assert re.findall(r"^1/1  split  \d+ s$", ran.err, re.M)
    assert "rule split" not in ran.out + ran.err
    (log,) = re.findall(r"^Complete log\(s\): (\S+)$", ran.err, re.M)
    assert "rule split:" in Path(log).read_text()

    target = "results/x/cases.tsv"
    ran = snakemake(tmp_path, target, "--cores", "1", "--configfile", "config.yaml", output="")
    assert ran.code != 0
    said = ran.out + ran.err
    assert said.count("error: ") == 1
    (fault,) = ran.sentences
    assert BAD in fault
    assert re.search(r"^ *\d+/\d+  ingest \S+  failed: \S+\.log$", ran.err, re.M)
    assert "Traceback" not in said and "WorkflowError" not in said
    (log,) = re.findall(r"^Complete log\(s\): (\S+)$", ran.err, re.M)
    assert fault in Path(log).read_text()
    # all of it again, for whoever wants it
    ran = snakemake(tmp_path, target, "--cores", "1", "--configfile", "config.yaml", "--verbose")
    assert "rule ingest:" in ran.out + ran.err


def test_a_dry_run_is_a_table_unless_more_is_asked_for(tmp_path: Path):
    image, mask = tmp_path / "c.nii.gz", tmp_path / "m.nii.gz"
    configure(tmp_path, table(tmp_path, {"c": (nifti(image, scan(1)), nifti(mask, organ()))}))
    asked = (
        "--dry-run",
        "results/x/split.tsv",
        "results/x/cases.tsv",
        "--configfile",
        "config.yaml",
    )
    ran = snakemake(tmp_path, *asked, output="")
    assert ran.code == 0, ran.err
    said = ran.out + ran.err
    stages = re.findall(r"^(\w+) +1 +– +not made yet$", said, re.M)
    assert sorted(stages) == ["cases", "ingest", "split"]
    for all_of_it in ("rule split:", "reason: ", "Job stats", "Reasons:", "Command: "):
        assert all_of_it not in said
    assert len(said.splitlines()) < 15
    assert not (tmp_path / "results").exists()
    for more, output in (("--verbose", ""), ("--printshellcmds", ""), ("--cores=1", "full")):
        full = snakemake(tmp_path, more, *asked, output=output)
        assert "rule split:" in full.out + full.err
        assert re.search(r"^total +3$", full.out + full.err, re.M)
    less = snakemake(tmp_path, "--quiet", "rules", *asked, output="")
    assert "rule split:" not in less.out + less.err
    assert re.search(r"^total +3$", less.out + less.err, re.M)


def test_a_dry_run_with_nothing_to_do_and_one_that_fails_say_so(tmp_path: Path):
    rows = {"c": (nifti(tmp_path / "c.nii.gz", scan(1)), nifti(tmp_path / "m.nii.gz", organ()))}
    configure(tmp_path, table(tmp_path, rows))
    split = ("results/x/split.tsv", "--configfile", "config.yaml")
    assert snakemake(tmp_path, "--cores", "1", *split).code == 0
    ran = snakemake(tmp_path, "--dry-run", *split, output="")
    assert ran.code == 0
    assert "Nothing to be done" in ran.out + ran.err
    ran = snakemake(tmp_path, "--dry-run", "results/x/splits.tsv", *split[1:], output="")
    assert ran.code != 0
    assert "splits.tsv" in ran.err
