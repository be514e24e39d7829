"""Cut a batch of cases by one recipe."""

from pathlib import Path

from slicewise.config import Content, Recipe
from slicewise.files import digest, read_json, write_json
from slicewise.job import job
from slicewise.slices import cases
from slicewise.slices.batches import SliceFolder
from slicewise.sources import sources_digest

with job(snakemake.log[0], snakemake.resources):
    cfg, given, folder = snakemake.params.cfg, snakemake.input, Path(snakemake.params.folder)
    content, recipe = Content(**cfg["content"]), Recipe(**cfg["recipe"])
    code = sources_digest(Path(cases.__file__))
    read = {p["case"]: p["made_from"] for p in read_json(given.passports)}
    files = zip(cfg["cases"], map(Path, given.image), map(Path, given.mask), strict=True)
    cut = {
        case: cases.cut_case(
            image,
            mask,
            content,
            recipe,
            SliceFolder.below(folder, case),
            digest([read[case], code]),
        )
        for case, image, mask in files
    }
    write_json(snakemake.output[0], cut)
