"""Slices: cut cases into .npy arrays, a batch in each job.

Needs cases that were ingested. Makes slices/<recipe>/<case>/{image,mask}.npy and geometry.json,
which are declared by one file of digests a batch.
"""


rule slices:
    """Cut a batch of cases by one recipe."""
    input:
        case_records="results/{dataset}/cases/_batches/{batch}.json",
        image=lambda w: [file_of("image", case) for case in BATCHES[w.batch]],
        mask=lambda w: [file_of("mask", case) for case in BATCHES[w.batch]],
    output:
        "results/{dataset}/slices/{recipe}/_batches/{batch}.json",
    log:
        "results/{dataset}/logs/slices/{recipe}/{batch}.log",
    benchmark:
        "results/{dataset}/timings/slices/{recipe}/{batch}.tsv"
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(lambda w: needs.slices(sizes_of(BATCHES[w.batch]), settings.dataset.content)),
        runtime=20,
    params:
        code=code("slices"),
        # no rule's output, so that what is valid outlives the other cases of its batch
        folder="results/{dataset}/slices/{recipe}",
        cfg=lambda w: {
            "content": CONTENT,
            "recipe": settings.slices[w.recipe].model_dump(),
            "cases": BATCHES[w.batch],
        },
    script:
        "../scripts/slices.py"
