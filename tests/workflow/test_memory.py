"""Jobs ask for the memory that their volumes need, before any is opened."""

import re
import struct

import nibabel as nib
import numpy as np
from conftest import copied


def sparse(path, shape, dtype):
    """Write a NIfTI file of zeros, not packed whatever its name says, that takes no space."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = nib.Nifti1Header()
    header.set_data_dtype(dtype)
    header.set_data_shape(shape)
    header["magic"], header["vox_offset"] = b"n+1", 352
    with path.open("wb") as stream:
        stream.write(header.binaryblock + struct.pack("4x"))
        stream.truncate(352 + int(np.prod(shape)) * np.dtype(dtype).itemsize)


def asked(workflow, rule: str) -> dict[str, int]:
    """By log, what the jobs of a rule would ask for."""
    said = workflow.snakemake("--dry-run", "results/large/e/report.html")
    jobs = re.findall(rf"^ +log: \S*/logs/{rule}/(\S+)\.log$.*?mem_mb=(\d+)", said, re.M | re.S)
    assert jobs, said
    return {name: int(mb) for name, mb in jobs}


def test_requests_follow_the_headers_of_the_sources(clone, tmp_path):
    workflow = copied(clone.root, tmp_path / "slicewise")
    folder = workflow.root / "data" / "bodies"
    for name, depth in (("p1", 30), ("p2", 30), ("p3", 3000)):
        subset = "test" if name == "p3" else "train"
        for kind, dtype in (("orig", np.float64), ("liver", np.uint8)):
            sparse(folder / "raw" / subset / f"{name}_{kind}.nii.gz", (512, 512, depth), dtype)
    workflow.write_settings(
        {
            "dataset": {
                "name": "large",
                "layout": "pairs",
                "root": "bodies",
                "labels": {"liver": 1},
            },
            "slices": {"r": {"size": 64}},
            "experiments": {"e": {"slices": "r"}},
        }
    )
    ingest = asked(workflow, "ingest")
    small = {log: mb for log, mb in ingest.items() if log.startswith("train-")}
    assert set(small.values()) == {2000}
    # 3,000 slices in double precision are 6.3 GB before they are anything else
    (large,) = (mb for log, mb in ingest.items() if log.startswith("test-"))
    assert large > 6300
    for rule in ("predict", "evaluate", "report"):
        assert min(asked(workflow, rule).values()) > 6300, rule
