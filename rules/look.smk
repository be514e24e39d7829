"""Look: what cases look like, before anything is trained.

Needs cases that were ingested. Makes cases/<case>/look.json, which are declared by one file a shard
that holds them all, and data.html, a page about the data. Nothing is made from either.
"""


rule look:
    """Look at the voxels of a shard of cases: a picture and some numbers of each."""
    input:
        case_records=rules.ingest.output[0],
        image=lambda w: in_bucket(files_of("image", study.shards[w.shard])),
        mask=lambda w: in_bucket(files_of("mask", study.shards[w.shard])),
    output:
        result("cases/_looks/{shard}.json"),
    log:
        result("logs/look/{shard}.log"),
    benchmark:
        result("timings/look/{shard}.tsv")
    # the page is to be there before a training is
    priority: 10
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(lambda w: needs.look(study.sizes_of(study.shards[w.shard]))),
        runtime=20,
    params:
        image=lambda w: by_path(files_of("image", study.shards[w.shard])),
        mask=lambda w: by_path(files_of("mask", study.shards[w.shard])),
        code=code("look"),
        # no rule's output, so that what is valid outlives the other cases of its shard
        folder=lambda w: result("cases"),
        cfg=lambda w: jobs.Look(
            content=settings.dataset.content, cases=study.shards[w.shard]
        ).dump(),
    script:
        "../scripts/look.py"


rule data:
    """Write the page about the data."""
    input:
        case_records=study.case_records_of(study.cases),
        looks=study.looks_of(study.cases),
    output:
        report(
            result("data.html"),
            caption="captions/data.rst",
            category="Data",
            labels={"what": "every case"},
        ),
    log:
        result("logs/data/data.log"),
    benchmark:
        result("timings/data/data.tsv")
    priority: 10
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(lambda w: needs.data(len(study.cases))),
        runtime=30,
    params:
        code=code("data", "report/templates"),
        cfg=jobs.Data(
            dataset=study.name,
            content=settings.dataset.content,
            cases=list(study.split.values()),
            not_the_same=settings.split.not_the_same,
            exclude=settings.dataset.exclude,
            columns=balanced,
            bins=study.bins,
            leave_out=settings.split.leave_out or "",
            configured=jobs.Configured.of(settings),
        ).dump(),
    script:
        "../scripts/data.py"
