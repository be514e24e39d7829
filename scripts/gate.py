"""Stop when a scan is there twice, here or in another data set."""

from slicewise.files import write_json
from slicewise.job import job
from slicewise.volumes.fingerprint import beside, read_marks
from slicewise.volumes.gate import check_alike, check_leaks, read_table

with job(snakemake.log[0], snakemake.resources) as say:

    def marks_of(path, table):
        marks = read_marks(beside(path), table["case"])
        if marks is None:
            say(
                f"{path}: no {beside(path).name} of this version lies beside it, so only exact "
                "copies of its scans are found; let snakemake make both again"
            )
        return marks or {}

    own = str(snakemake.input.cases)
    cases = read_table(own)
    others = {str(path): read_table(path) for path in snakemake.input.others}
    check_leaks(cases, others)
    check_alike(
        dict(zip(cases["case"], cases["patient"], strict=True)),
        marks_of(own, cases),
        {path: marks_of(path, table) for path, table in others.items()},
        snakemake.params.get("not_the_same", []),
    )
    write_json(snakemake.output[0], {"leaks": []})
