"""slicewise: CT volumes with organ masks to a trained U-net, its per-patient Dice and a report."""


include: "rules/stages.smk"


rule all:
    default_target: True
    input:
        rules.data.output[0],
        study.wanted.of("report.html"),
        rules.compare.output.html,
        study.sweeps.pages(),
        rules.index.output[0],
        # what these pages rest on, so that it is missed where it was deleted
        study.wanted.kept(),
