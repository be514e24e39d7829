"""Model cards, and the datasheet of the data."""

from __future__ import annotations

import pytest
import yaml

from slicewise.publish.cards import datasheet, model_card
from slicewise.publish.gathered import gather
from tests.publish.test_answers import gathered
from tests.published import ensemble, experiment


def test_a_card_has_the_sections_of_its_paper_and_a_head_for_hubs(tmp_path):
    text = model_card(gathered(tmp_path))
    _, front, body = text.split("---\n", 2)
    head = yaml.safe_load(front)
    (result,) = head["model-index"][0]["results"]
    assert result["metrics"][0] == {
        "type": "dice",
        "name": "Dice, liver",
        "value": pytest.approx(0.7667, abs=1e-4),
    }
    assert "license" not in head  # that is for the authors to choose
    for title in (
        "Model details",
        "Intended use",
        "Factors",
        "Metrics",
        "Evaluation data",
        "Training data",
        "Quantitative analyses",
        "Ethical considerations",
        "Caveats and recommendations",
    ):
        assert f"\n## {title}\n" in body
    assert "Digests of the weights: w." in body


def test_a_card_of_an_ensemble_tells_of_each_member(tmp_path):
    place = tmp_path / "results" / "tiny"
    experiment(place / "deep", network={"filters": [8, 16], "residual": True})
    text = model_card(gather(ensemble(place, {"deep": 0.5, "plain": 0.5})))
    details = text[text.index("## Model details") : text.index("## Intended use")]
    assert "For deep: A U-net" in details and "For plain: A U-net" in details
    assert "@he2016residual" in details
    assert "The probabilities of deep and plain were brought" in details
    assert "Digests of the weights: w, w." in details
    training = text[text.index("## Training data") : text.index("## Quantitative analyses")]
    assert training.count("For deep: ") == training.count("For plain: ") == 1


def test_a_datasheet_asks_for_what_nobody_recorded(tmp_path):
    one = gather(experiment(tmp_path / "results" / "tiny" / "baseline"))
    sheet = {section.title: section for section in datasheet([one])}
    assert list(sheet) == [
        "Motivation",
        "Composition",
        "Collection",
        "Preprocessing, cleaning and labelling",
        "Uses",
        "Distribution",
        "Maintenance",
    ]
    assert all(section.questions for section in sheet.values())
    assert "8 cases of 8 patients" in " ".join(each.text for each in sheet["Composition"].said)
