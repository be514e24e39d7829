"""Check one case and write its passport."""

from pathlib import Path

from slicewise.config import Content
from slicewise.files import write_json
from slicewise.job import job
from slicewise.volumes.passport import make_passport

with job(snakemake.log[0]):
    cfg, given = snakemake.params.cfg, snakemake.input
    passport = make_passport(
        snakemake.wildcards.case,
        cfg["patient"],
        Path(given.image),
        Path(given.mask),
        {
            "image": [Path(p) for p in given.get("image_sources")],
            "mask": [Path(p) for p in given.get("mask_sources")],
        },
        Content(**cfg["content"]),
    )
    write_json(snakemake.output[0], passport)
