"""slicewise: CT volumes with organ masks to a trained U-net, its per-patient Dice and a report."""

from snakemake.utils import min_version

min_version("9.0")


include: "rules/common.smk"
include: "rules/run.smk"
include: "rules/ingest.smk"
include: "rules/look.smk"
include: "rules/leakage.smk"
include: "rules/propose.smk"
include: "rules/slices.smk"
include: "rules/train.smk"
include: "rules/predict.smk"
include: "rules/evaluate.smk"
include: "rules/report.smk"


rule all:
    default_target: True
    input:
        rules.data.output[0],
        study.of_wanted("report.html"),
        rules.compare.output.html,
        # what these pages rest on, so that it is missed where it was deleted
        study.kept(),


look_at_records()


onstart:
    check_results()
    # here, as Snakemake has its own answer to signals only now
    pass_on_stops()
    LOOK.note_touched()


onsuccess:
    tell_what_is_left()
    print_overview()


onerror:
    print_errors()
