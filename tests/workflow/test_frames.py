"""Frames of 4-D files as cases, through the real `snakemake`."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from slicewise.phantom.patient import phantom
from tests.workflow.conftest import copied

TABLE = "results/cine/cases.tsv"


def test_frames_of_a_cine_are_cases(clone, tmp_path):
    """The same organs in three frames, which lie one voxel farther on in each."""
    workflow = copied(clone.root, tmp_path / "slicewise")
    data = workflow.root / "data"
    data.mkdir(exist_ok=True)
    image, mask = phantom(1, seed=7, size=48, slices=(8, 10))
    frames = [np.roll(image.array, frame, axis=0).astype(np.int16) for frame in range(3)]
    drawn = [np.isin(mask.array, (1, 2)) & (frame != 1) for frame in range(3)]
    drawn[2][::2] = False
    nib.save(nib.Nifti1Image(np.stack(frames, -1), image.affine), data / "cine.nii.gz")
    masks = np.stack(drawn, -1).astype(np.uint8)
    nib.save(nib.Nifti1Image(masks, image.affine), data / "masks.nii.gz")

    def write(*rows: str) -> None:
        lines = ["case\tpatient\timage\tmask\tframe", *rows]
        (data / "cases.tsv").write_text("\n".join(lines) + "\n")

    row = "{}\tp1\tcine.nii.gz\tmasks.nii.gz\t{}"
    write(row.format("ed", 0), row.format("es", 2))
    workflow.write_settings(
        {
            "dataset": {
                "name": "cine",
                "layout": "table",
                "root": "cases.tsv",
                "labels": {"heart": 1},
            },
            "slices": {"axial48": {"size": 48}},
            "experiments": {"plain": {"slices": "axial48"}},
        }
    )
    workflow.snakemake(TABLE)
    cases = pd.read_csv(workflow.root / TABLE, sep="\t", index_col="case")
    for case, frame in (("ed", 0), ("es", 2)):
        volume = np.count_nonzero(drawn[frame]) * mask.voxel_ml
        assert cases.loc[case, "ml_heart"] == pytest.approx(volume, abs=1e-3)
        assert cases.loc[case, "image"] == f"cine.nii.gz (frame {frame})"
        converted = nib.load(workflow.root / f"results/cine/cases/{case}/image.nii.gz")
        np.testing.assert_array_equal(converted.dataobj, frames[frame])
    assert cases["patient"].tolist() == ["p1", "p1"]
    assert workflow.due(TABLE) == {}
    write(row.format("ed", 0), row.format("es", 1))
    assert workflow.due(TABLE) == {"convert": 1, "ingest": 1, "cases": 1}
    said = workflow.snakemake(TABLE, fails=True)
    assert "nothing is drawn on frame 1" in said
    assert "it has no voxel of any label" in said
    write(row.format("ed", 0), row.format("es", 3))
    assert "the frames 0 to 2" in workflow.snakemake(TABLE, fails=True)
