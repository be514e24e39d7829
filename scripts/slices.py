"""Cut one case into slices."""

from pathlib import Path

from slicewise.config import Content, Recipe
from slicewise.files import write_json
from slicewise.job import job
from slicewise.slices.extract import extract
from slicewise.volumes.checks import label_indices
from slicewise.volumes.read import read_volume

with job(snakemake.log[0]):
    content, mask = Content(**snakemake.params.cfg["content"]), snakemake.input.mask
    geometry = extract(
        read_volume(Path(snakemake.input.image)),
        label_indices(read_volume(Path(mask)), mask, content.labels, content.other_labels),
        list(content.labels),
        Recipe(**snakemake.params.cfg["recipe"]),
        content.intensity,
        Path(snakemake.output.image),
        Path(snakemake.output.mask),
    )
    write_json(snakemake.output.geometry, geometry)
