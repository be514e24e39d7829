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
