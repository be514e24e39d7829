"""Slices: cut cases into .npy arrays, a shard in each job.

Needs cases that were ingested. Makes slices/<recipe>/<case>/{image,mask}.npy and geometry.json,
which are declared by one file of digests a shard. It lies elsewhere and is kept while the job runs:
slices may be deleted, and when they are cut again the same, no training on them is due.
"""


rule slices:
    """Cut a shard of cases by one recipe."""
    input:
        case_records=rules.ingest.output[0],
        proposals=lambda w: study.plans_of([w.recipe]),
        image=lambda w: in_bucket(files_of("image", study.shards[w.shard])),
        mask=lambda w: in_bucket(files_of("mask", study.shards[w.shard])),
    output:
        update(result("cases/_slices/{recipe}/{shard}.json")),
    log:
        result("logs/slices/{recipe}/{shard}.log"),
    benchmark:
        result("timings/slices/{recipe}/{shard}.tsv")
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(
            lambda w: needs.slices(study.sizes_of(study.shards[w.shard]), settings.dataset.content)
        ),
        runtime=20,
    params:
        image=lambda w: by_path(files_of("image", study.shards[w.shard])),
        mask=lambda w: by_path(files_of("mask", study.shards[w.shard])),
        code=code("slices"),
        # no rule's output, so that what is valid outlives the other cases of its shard
        folder=lambda w: result(f"slices/{w.recipe}"),
        cfg=lambda w: jobs.Slices(
            content=settings.dataset.content,
            recipe=settings.slices[w.recipe],
            cases=study.shards[w.shard],
        ).dump(),
    script:
        "../scripts/slices.py"
