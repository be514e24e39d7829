"""Many cases: the number of jobs that they need."""

import re
from pathlib import Path

from badinput import configure, snakemake

CASES = 300


def test_many_cases_share_jobs(tmp_path: Path):
    raw = tmp_path / "data"
    raw.mkdir()
    for number in range(CASES):
        for kind in ("orig", "liver"):
            (raw / f"p{number:03d}_{kind}.nii.gz").touch()
    pairs = {"train": "", "test": None}
    configure(tmp_path, {"layout": "pairs", "root": "data", "labels": {"liver": 1}, "pairs": pairs})
    ran = snakemake(tmp_path, "--dry-run", "--cores", "1", "--configfile", "config.yaml")
    assert ran.code == 0, ran.err
    rows = re.findall(r"^(\w+) +(\d+)$", ran.out + ran.err, re.M)
    planned = {rule: int(count) for rule, count in rows}
    # 195 cases to train on in 8 batches of up to 32 on average, 105 to test on in 16
    assert planned["ingest"] == 8 + 16
    assert planned["slices"] == 8
    # a look at each case for the page about the data, by the same shards
    assert planned["look"] == planned["ingest"]
    # pages and the like come once, whatever the number of cases
    assert planned["total"] < CASES / 3
