"""The saved view of the MLflow UI."""

from __future__ import annotations

import json

from slicewise.tracking.view import image_keys, saved_view


def test_images_are_called_as_the_ui_calls_them() -> None:
    names = [
        "images/test~overlays~p2+step+0+timestamp+0+ab.webp",
        "images/test~overlays~p1+step+0+timestamp+0+ab.webp",
        "images/test~overlays~p1+step+1+timestamp+0+ab+compressed.webp",
        "overlays/p1-0.jpg",
        "report.html",
    ]
    assert image_keys(names) == ["test/overlays/p1", "test/overlays/p2"]


def test_the_view_shows_the_best_first_and_a_card_a_patient() -> None:
    view = json.loads(saved_view(["test/overlays/p1", "test/overlays/p2"]))
    state = json.loads(view["state"])
    assert state["searchFilter"] == "tags.superseded_by IS NULL"
    assert (state["orderByKey"], state["orderByAsc"]) == ("metrics.`test/dice_mean`", False)
    assert [card["imageKeys"] for card in state["compareRunCharts"]] == [
        ["test/overlays/p1"],
        ["test/overlays/p2"],
    ]
    names = [section["name"] for section in state["compareRunSections"]]
    assert names == ["test/overlays", "Model metrics", "System metrics"]


def test_without_overlays_the_ui_makes_its_own_cards() -> None:
    state = json.loads(json.loads(saved_view([]))["state"])
    assert not {"compareRunCharts", "compareRunSections"} & set(state)
