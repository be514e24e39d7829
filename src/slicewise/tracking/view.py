"""The saved view of an experiment in the MLflow UI, so that it is useful without any set-up.

It shows the runs that were not superseded with their test Dice, the best
first, and the overlays of each patient side by side. Undocumented by MLflow,
but plain JSON; where a version does not understand it, the UI shows its own view.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

NAME = "slicewise"
TAG = f"mlflow.sharedViewState.{NAME}"
SCORES = [f"metrics.`test/{name}`" for name in ("dice_mean", "dice_ci_low", "dice_ci_high")]
IMAGES = "images/"


def image_keys(artifacts: Iterable[str]) -> list[str]:
    """Return the UI's names of the images among the artifacts of a run.

    Examples
    --------
    >>> image_keys(["report.html", "images/test~overlays~p1+step+0+timestamp+0+ab.webp"])
    ['test/overlays/p1']
    """
    names = {name.removeprefix(IMAGES) for name in artifacts if name.startswith(IMAGES)}
    return sorted({name.split("+")[0].replace("~", "/") for name in names})


def saved_view(keys: Iterable[str]) -> str:
    """Return the value of the experiment's tag.

    Parameters
    ----------
    keys : iterable of str
        From `image_keys`. Only their cards are described here, as the UI
        would print all settings above each image; it makes the others itself.
    """
    cards = [
        {
            "type": "IMAGE",
            "uuid": key,
            "runsCountToCompare": 10,
            "metricSectionId": key.rpartition("/")[0],
            "deleted": False,
            "isGenerated": True,
            "imageKeys": [key],
            "step": 0,
            "showRunParams": False,
        }
        for key in keys
    ]
    # the UI's own sections have to be named, or they vanish
    names = [*sorted({str(card["metricSectionId"]) for card in cards}), "Model metrics"]
    state = {
        "searchFilter": "tags.superseded_by IS NULL",
        "orderByKey": SCORES[0],
        "orderByAsc": False,
        "selectedColumns": [*SCORES, "metrics.`test/patients`", "attributes.`Models`"],
        "columnOrder": SCORES,
        "compareRunCharts": cards,
        "compareRunSections": [
            {"uuid": name, "name": name, "display": True, "isReordered": False}
            for name in (*names, "System metrics")
        ],
    }
    if not cards:
        del state["compareRunCharts"], state["compareRunSections"]
    view = {"name": "Test Dice", "createdAt": 1, "updatedAt": 1, "state": json.dumps(state)}
    return json.dumps(view)
