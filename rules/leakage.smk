"""Split and leakage check: who is trained and tested on, and that no scan is on both sides.

Needs cases.tsv, and the records of scored cases; the split itself follows from names and settings
alone. Makes split.tsv and leakage.json, whose content while nothing leaks changes only with the
scored cases that have lost the size of their voxels, of which it tells trainings.
"""


rule split:
    """Write down the split."""
    output:
        result("split.tsv"),
    log:
        result("logs/split/split.log"),
    benchmark:
        result("timings/split/split.tsv")
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        code=code("split"),
        cfg=jobs.Split(cases=list(study.split.values()), columns=study.split_columns).dump(),
    script:
        "../scripts/split.py"


rule leakage:
    """Stop on a scan that is there twice, here or in another data set, or a label never trained."""
    input:
        cases=rules.cases.output[0],
        marks=rules.cases.output[1],
        split=rules.split.output[0],
        case_records=study.case_records_of(study.scored),
        others=CHECK_AGAINST,
        other_marks=marks_beside(CHECK_AGAINST, in_bucket=IN_BUCKET),
    output:
        # what was trained waits for it: while a check fails, it is not to be missed there
        update(result("leakage.json")),
    log:
        result("logs/leakage/leakage.log"),
    benchmark:
        result("timings/leakage/leakage.tsv")
    conda:
        "../environment.yml"
    threads: lambda w: workflow.cores if len(study.cases) >= 2000 else 1
    resources:
        mem_mb=memory(lambda w: needs.cases(len(study.cases))),
        runtime=10,
    params:
        code=code("leakage"),
        cfg=jobs.Leakage(
            not_the_same=settings.split.not_the_same,
            check_against=settings.split.check_against,
            folds=len(study.folds),
            missing_labels=study.missing_labels,
            scored=study.scored,
            leave_out=settings.split.leave_out or "",
            regions=study.regions,
        ).dump(),
    script:
        "../scripts/leakage.py"
