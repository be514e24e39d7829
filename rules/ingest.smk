"""Ingest: read and check every case, and describe it.

Needs the source files of a case (NIfTI, DICOM, NRRD), or makes phantoms.
Makes cases/<case>/passport.json, NIfTI files where the source is none, cases.tsv and cases.npz.
"""

if settings.dataset.layout == "phantom":

    rule phantom:
        """Make one synthetic CT with its masks."""
        input:
            code=code("phantom", "volumes"),
        output:
            image="results/{dataset}/cases/{case}/image.nii.gz",
            mask="results/{dataset}/cases/{case}/mask.nii.gz",
        log:
            "results/{dataset}/logs/phantom/{case}.log",
        benchmark:
            "results/{dataset}/timings/phantom/{case}.tsv"
        conda:
            "../environment.yml"
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            cfg=lambda w: {
                "index": list(CASES).index(w.case) + 1,
                "phantom": settings.dataset.phantom.model_dump(exclude={"cases"}),
            },
        script:
            "../scripts/phantom.py"

else:

    rule convert:
        """Turn DICOM or NRRD into NIfTI files without identities."""
        input:
            image=lambda w: sources_of("image", w.case),
            mask=lambda w: sources_of("mask", w.case),
            code=code("convert", "volumes"),
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
            mem_mb=2000,
            runtime=20,
        params:
            cfg=settings.dataset.model_dump(include={"layout", "labels"}),
        script:
            "../scripts/convert.py"


rule ingest:
    """Check a case and write its passport."""
    input:
        image=lambda w: file_of("image", w.case),
        mask=lambda w: file_of("mask", w.case),
        image_sources=lambda w: sources_of("image", w.case),
        mask_sources=lambda w: sources_of("mask", w.case),
        code=code("ingest", "volumes"),
    output:
        "results/{dataset}/cases/{case}/passport.json",
    log:
        "results/{dataset}/logs/ingest/{case}.log",
    benchmark:
        "results/{dataset}/timings/ingest/{case}.tsv"
    conda:
        "../environment.yml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        cfg=lambda w: {"content": CONTENT, "patient": CASES[w.case].patient},
    script:
        "../scripts/ingest.py"


rule cases:
    """Put all passports into one table."""
    input:
        passports=expand(
            "results/{dataset}/cases/{case}/passport.json", case=CASES, allow_missing=True
        ),
        code=code("cases", "volumes"),
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
        mem_mb=1000,
        runtime=10,
    script:
        "../scripts/cases.py"
