"""Ingest: read and check every case, and describe it.

Needs the source files of cases (NIfTI, DICOM, NRRD), or makes phantoms.
Makes cases/<case>/record.json, which are declared by one file a batch that holds them all, NIfTI
files where the source is none, cases.tsv and cases.npz.

Snakemake hashes all inputs of a job once for each of its outputs, and keeps a list of them beside
each, so a job that reads many volumes had better make one file.
"""

if settings.dataset.layout == "phantom":

    for batch, members in BATCHES.items():

        rule:
            name:
                f"phantom_{batch}"
            output:
                image=[file_of("image", case) for case in members],
                mask=[file_of("mask", case) for case in members],
            log:
                f"results/{DATASET}/logs/phantom/{batch}.log",
            benchmark:
                f"results/{DATASET}/timings/phantom/{batch}.tsv"
            conda:
                "../environment.yml"
            resources:
                mem_mb=memory(lambda w: needs.phantom(sizes_of(CASES))),
                runtime=10,
            params:
                code=code("phantom"),
                cfg={
                    "indices": [int(case.rsplit("_", 1)[1]) for case in members],
                    "phantom": settings.dataset.phantom.model_dump(exclude={"cases"}),
                },
            script:
                "../scripts/phantom.py"

else:

    rule convert:
        """Turn DICOM or NRRD into NIfTI files without identities."""
        input:
            image=lambda w: converted_from("image", [w.case]),
            mask=lambda w: converted_from("mask", [w.case]),
        output:
            image="results/{dataset}/cases/{case}/image.nii.gz",
            mask="results/{dataset}/cases/{case}/mask.nii.gz",
        log:
            "results/{dataset}/logs/convert/{case}.log",
        benchmark:
            "results/{dataset}/timings/convert/{case}.tsv"
        conda:
            "../environment.yml"
        resources:
            mem_mb=memory(lambda w: needs.convert(sizes_of([w.case]))),
            runtime=20,
        params:
            code=code("convert"),
            cfg=settings.dataset.model_dump(include={"layout", "labels"}),
        script:
            "../scripts/convert.py"


rule ingest:
    """Check a batch of cases and write their case records."""
    input:
        image=lambda w: [file_of("image", case) for case in BATCHES[w.batch]],
        mask=lambda w: [file_of("mask", case) for case in BATCHES[w.batch]],
        image_sources=lambda w: converted_from("image", BATCHES[w.batch]),
        mask_sources=lambda w: converted_from("mask", BATCHES[w.batch]),
    output:
        "results/{dataset}/cases/_batches/{batch}.json",
    log:
        "results/{dataset}/logs/ingest/{batch}.log",
    benchmark:
        "results/{dataset}/timings/ingest/{batch}.tsv"
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(lambda w: needs.ingest(sizes_of(BATCHES[w.batch]))),
        runtime=20,
    params:
        code=code("ingest"),
        # no rule's output, so that what is valid outlives the other cases of its batch
        folder="results/{dataset}/cases",
        cfg=lambda w: {
            "content": settings.dataset.content.model_dump(),
            "cases": [[case, CASES[case].patient] for case in BATCHES[w.batch]],
        },
    script:
        "../scripts/ingest.py"


rule cases:
    """Put all case records into one table."""
    input:
        case_records=case_records_of(CASES),
    output:
        "results/{dataset}/cases.tsv",
        "results/{dataset}/cases.npz",
    log:
        "results/{dataset}/logs/cases/cases.log",
    benchmark:
        "results/{dataset}/timings/cases/cases.tsv"
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(lambda w: needs.cases(len(CASES))),
        runtime=10,
    params:
        code=code("cases"),
        cfg={"content": CONTENT, "cases": sorted(CASES)},
    script:
        "../scripts/cases.py"
