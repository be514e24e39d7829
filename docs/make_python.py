"""Write the page of the Python interface, for Sphinx to fill in. Used by docs/make_site.py."""

from __future__ import annotations

HEAD = """\
# Python

The library, without the workflow: functions on arrays, paths and typed settings, for a notebook or
a program of your own. What is wrong with an input is a `slicewise.errors.SlicewiseError`, whose
text is a sentence to show.

```python
import slicewise

found = slicewise.segment("ct.nii.gz", "results/mydata/baseline")
print(found.ml, [flag.sentence for flag in found.flags])
```

```python
from pathlib import Path

from slicewise.evaluation.results import read_results
from slicewise.evaluation.comparison import compare

folders = [Path("results/mydata/tutorial"), Path("results/mydata/baseline")]
results = read_results(folders, Path("."))
print(compare({name: one.metrics for name, one in results.items()}))
```
"""

SHOWN = {
    "Masks of new scans": ["slicewise.segmenting.notebook:segment,Segmentation"],
    "Settings": [
        "slicewise.config.configuration:read_configuration",
        "slicewise.config.load:load_settings",
    ],
    "Data": [
        "slicewise.dataset.finding:find_cases",
        "slicewise.dataset.split:split_cases",
        "slicewise.dataset.plan:plan",
        "slicewise.dataset.duplicates:likeness",
        "slicewise.volumes.read:read_volume,read_image,read_mask",
        "slicewise.volumes.volume:Volume",
        "slicewise.volumes.write:write_nifti",
        "slicewise.phantom.patient:phantom",
    ],
    "Scores": [
        "slicewise.metrics.overlap:overlap",
        "slicewise.metrics.surface:surface_distances",
        "slicewise.metrics.lesions:lesions",
        "slicewise.evaluation.statistics:case_rows,metrics_table,summarise,agreement",
        "slicewise.evaluation.intervals:interval,describe,proportion",
        "slicewise.evaluation.signed_rank:signed_rank",
    ],
    "Results and comparisons": [
        "slicewise.evaluation.results:read_results,Result",
        "slicewise.evaluation.comparison:compare,holm",
        "slicewise.evaluation.paired:paired",
        "slicewise.compare:compare_folders",
        "slicewise.publish.publishing:publish",
    ],
    "Networks": [
        "slicewise.network.unet:build_unet",
        "slicewise.network.loaded:load",
        "slicewise.inference.predict:predict_volume",
    ],
}
"""What is meant to be called by others, by what it is for: a module, then names in it."""


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    for title, modules in SHOWN.items():
        parts.append(f"## {title}\n")
        for shown in modules:
            module, _, names = shown.partition(":")
            for name in names.split(","):
                kind = "class" if name[0].isupper() else "function"
                members = "   :members:\n" if kind == "class" else ""
                parts.append(f"```{{eval-rst}}\n.. auto{kind}:: {module}.{name}\n{members}```\n")
    return "\n".join(parts)
