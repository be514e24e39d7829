"""Cut a batch of cases by one recipe."""

from pathlib import Path

from slicewise.config import Content, Recipe
from slicewise.files import digest, read_json, sha256, write_json
from slicewise.job import job
from slicewise.slices.batches import SliceFolder
from slicewise.slices.cases import cut_case

with job(snakemake.log[0], snakemake.resources):
    cfg, given, folder = snakemake.params.cfg, snakemake.input, Path(snakemake.params.folder)
    content, recipe = Content(**cfg["content"]), Recipe(**cfg["recipe"])
    code = [sha256(path) for path in given.code]
    read = {p["case"]: p["made_from"] for p in read_json(given.passports)}
    files = zip(cfg["cases"], map(Path, given.image), map(Path, given.mask), strict=True)
    cut = {
        case: cut_case(
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
