"""Ingest: read and check every case, and describe it.

Needs the source files of cases (NIfTI, DICOM, NRRD), or makes phantoms.
Makes cases/<case>/record.json, which are declared by one file a shard that holds them all, NIfTI
files where the source is none, cases.tsv and cases.npz.

Volumes are inputs here and nowhere else: later rules read them as well, and depend on the records
of shards, which hold their SHA-256. Snakemake hashes all inputs of a job once for each of its
outputs, and keeps a list of them beside each, so a job that reads many volumes makes one file.
"""

if settings.dataset.layout == "phantom":

    rule phantom:
        """Make a synthetic patient: an image and the mask of its organs."""
        output:
            image=result("cases/{case}/image.nii.gz"),
            mask=result("cases/{case}/mask.nii.gz"),
        log:
            result("logs/phantom/{case}.log"),
        benchmark:
            result("timings/phantom/{case}.tsv")
        conda:
            "../environment.yml"
        resources:
            mem_mb=memory(lambda w: needs.phantom(study.sizes_of([w.case]))),
            runtime=10,
        params:
            code=code("phantom"),
            cfg=lambda w: jobs.Phantom(
                index=int(w.case.rsplit("_", 1)[1]),
                phantom=settings.dataset.phantom.model_dump(exclude={"cases"}),
            ).dump(),
        script:
            "../scripts/phantom.py"

else:

    rule convert:
        """Turn DICOM or NRRD into NIfTI files without identities."""
        input:
            image=lambda w: converted_from("image", [w.case]),
            mask=lambda w: converted_from("mask", [w.case]),
        output:
            image=result("cases/{case}/image.nii.gz"),
            mask=result("cases/{case}/mask.nii.gz"),
        log:
            result("logs/convert/{case}.log"),
        benchmark:
            result("timings/convert/{case}.tsv")
        conda:
            "../environment.yml"
        resources:
            mem_mb=memory(lambda w: needs.convert(study.sizes_of([w.case]))),
            runtime=20,
        params:
            code=code("convert"),
            cfg=lambda w: jobs.Convert.of_case(study.cases[w.case], settings.dataset).dump(),
        script:
            "../scripts/convert.py"


rule ingest:
    """Check a shard of cases and write their case records."""
    input:
        image=lambda w: files_of("image", study.shards[w.shard]),
        mask=lambda w: files_of("mask", study.shards[w.shard]),
        image_sources=lambda w: converted_from("image", study.shards[w.shard]),
        mask_sources=lambda w: converted_from("mask", study.shards[w.shard]),
    output:
        # of cases that were checked: a bad one beside them does not make them be read again
        update(result("cases/_shards/{shard}.json")),
    log:
        result("logs/ingest/{shard}.log"),
    benchmark:
        result("timings/ingest/{shard}.tsv")
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(lambda w: needs.ingest(study.sizes_of(study.shards[w.shard]))),
        runtime=20,
    params:
        code=code("ingest"),
        # no rule's output, so that what is valid outlives the other cases of its shard
        folder=lambda w: result("cases"),
        cfg=lambda w: jobs.Ingest.of_cases(
            [study.cases[case] for case in study.shards[w.shard]], settings.dataset.content
        ).dump(),
    script:
        "../scripts/ingest.py"


rule cases:
    """Put all case records into one table."""
    input:
        case_records=study.case_records_of(study.cases),
    output:
        result("cases.tsv"),
        result("cases.npz"),
    log:
        result("logs/cases/cases.log"),
    benchmark:
        result("timings/cases/cases.tsv")
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(lambda w: needs.cases(len(study.cases))),
        runtime=10,
    params:
        code=code("cases"),
        cfg=jobs.Cases(
            content=settings.dataset.content,
            cases=sorted(study.cases),
            columns=study.split_columns,
        ).dump(),
    script:
        "../scripts/cases.py"
