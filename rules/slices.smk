"""Slices: cut a case into .npy arrays.

Needs a case that was ingested. Makes slices/<recipe>/<case>/{image,mask}.npy and geometry.json.
"""


rule slices:
    """Cut one case by one recipe."""
    input:
        passport="results/{dataset}/cases/{case}/passport.json",
        image=lambda w: file_of("image", w.case),
        mask=lambda w: file_of("mask", w.case),
        code=code("slices", "slices", "volumes"),
    output:
        image="results/{dataset}/slices/{recipe}/{case}/image.npy",
        mask="results/{dataset}/slices/{recipe}/{case}/mask.npy",
        geometry="results/{dataset}/slices/{recipe}/{case}/geometry.json",
    log:
        "results/{dataset}/logs/slices/{recipe}/{case}.log",
    benchmark:
        "results/{dataset}/timings/slices/{recipe}/{case}.tsv"
    conda:
        "../environment.yml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        cfg=lambda w: {
            "content": CONTENT,
            "recipe": settings.slices[w.recipe].model_dump(),
        },
    script:
        "../scripts/slices.py"
