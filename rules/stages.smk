"""All stages, and what is done before and after a run."""


include: "common.smk"


# of all jobs, with --sdm apptainer
if IMAGE:

    container: IMAGE


include: "run.smk"
include: "ingest.smk"
include: "look.smk"
include: "leakage.smk"
include: "propose.smk"
include: "slices.smk"
include: "teach.smk"
include: "train.smk"
include: "sweep.smk"
include: "calibrate.smk"
include: "ensemble.smk"
include: "predict.smk"
include: "evaluate.smk"
include: "report.smk"
include: "segment.smk"
include: "planned.smk"
include: "targets.smk"


note_rules()
look_at_records()
check_asked()
tell_planned()


onstart:
    tell_of_profile()
    check_results()
    # here, as Snakemake has its own answer to signals only now
    pass_on_stops()
    LOOK.note_touched()
    show_calmly()


onsuccess:
    WATCH.end()
    tell_what_is_left()
    print_overview()


onerror:
    WATCH.end()
    print_errors()


# of a module, Snakemake itself heeds none of these
join_in("_onstart", onstart.func)
join_in("_onsuccess", onsuccess.func)
join_in("_onerror", onerror.func)
