"""How models and masks were made, in sentences."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slicewise.publish.making import STEPS, _decided
from slicewise.publish.methods import methods
from slicewise.publish.prose import sources_of
from tests.publish.test_methods import gathered, text_of


@pytest.mark.parametrize(
    ("blocks", "title", "sentence", "source"),
    [
        ({}, "Network", "Convolutions are followed by batch normalisation.", "ioffe2015batch"),
        (
            {"network": {"filters": [8, 16], "normalisation": "instance", "residual": True}},
            "Network",
            "Encoder stages are residual.",
            "he2016residual",
        ),
        (
            {"network": {"filters": [8, 16], "dimensions": 3, "block": 16}},
            "Network",
            "A U-net in three dimensions was trained.",
            "cicek2016unet",
        ),
        (
            {"optimizer": {"name": "sgd", "schedule": "polynomial"}},
            "Training",
            "The rate fell after a linear warm-up over 5 % of the steps by a polynomial of power "
            "0.9.",
            "isensee2021nnunet",
        ),
        (
            {"loss": {"tversky": 0.5, "cross_entropy": 0}},
            "Training",
            "The loss is soft Dice loss (weight 1) plus Tversky loss (weight 0.5), Dice over all "
            "pixels of a batch.",
            "salehi2017tversky",
        ),
        (
            {"training": {"coarse": {"share": 0.4, "factor": 1.5}}},
            "Training",
            "For the first 40 % of it slices were averaged to pixels about 1.5 times as large "
            "(progressive resizing).",
            None,
        ),
        ({"augmentation": None}, "Training", "Slices were not augmented.", None),
        (
            {"resolved": {"precision": "mixed_bfloat16"}},
            "Training",
            "Inner layers computed in bfloat16.",
            "micikevicius2018mixed",
        ),
        (
            {"resolved": {"selected_by": "dice", "selected_epoch": 7}},
            "Training",
            "The epoch with the best validation mean Dice was kept (epoch 7).",
            None,
        ),
        (
            {"recipe": {"spacing": 1.5}},
            "Preprocessing",
            "Volumes were cut into slices along axial planes and resampled to 1.5 mm in both "
            "directions, of which training cut out squares of 32 × 32 pixels.",
            None,
        ),
        (
            {
                "augmentation": {"flip": True},
                "inference": {"flip": "one"},
                "postprocessing": {"largest_component": True},
            },
            "Prediction",
            "Probabilities are means of mirrored slices. Masks were brought back to the voxels of "
            "each scan, on which they are scored. In each voxel the threshold was 0.5. Afterwards "
            "the largest connected piece of each label was kept.",
            None,
        ),
    ],
)
def test_a_setting_is_said_with_its_source(tmp_path, blocks, title, sentence, source):
    one = gathered(tmp_path, **blocks)
    assert sentence in text_of(one, title)
    if source is not None:
        assert source in sources_of(methods([one]))


def test_what_validation_decided_is_said_as_it_decided(tmp_path):
    auto = {"postprocessing": {"largest_component": "auto"}}
    tried = {"dice_without": 0.8, "dice_with": 0.7, "kept": False}
    one = gathered(tmp_path, **auto, resolved={"postprocessing": {"largest_component": tried}})
    assert "it was not done that the largest connected piece" in text_of(one, "Prediction")
    kept = {"largest_component": {**tried, "kept": True}}
    one = gathered(tmp_path / "kept", **auto, resolved={"postprocessing": kept})
    assert "had it, the largest connected piece of each label was kept." in text_of(one)
    seeded = replace(one, seeds=(1, 2))
    assert "had it with seed 1, the largest connected piece" in text_of(seeded)
    # without validation patients nothing was tried
    untried = gathered(tmp_path / "untried", **auto)
    assert "largest connected piece" not in text_of(untried)


def test_what_training_masks_decided_is_said_of_each_label(tmp_path):
    auto = {"postprocessing": {"largest_component": "auto"}}
    by_masks = {"by": "training masks", "because": "of it", "kept": True, "labels": ["liver"]}
    one = gathered(tmp_path, **auto, resolved={"postprocessing": {"largest_component": by_masks}})
    said = text_of(one, "Prediction")
    assert "As far as labels were one large piece in every training mask, the largest" in said
    assert "validation" not in said
    none = by_masks | {"kept": False, "labels": []}
    one = gathered(
        tmp_path / "none", **auto, resolved={"postprocessing": {"largest_component": none}}
    )
    assert "mask, it was not done that the largest connected piece of" in text_of(one, "Prediction")


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ([["liver"], ["liver"]], "piece of liver was kept in 2 of 2 trainings."),
        ([["liver", "tumour"]] * 2, "piece of each label was kept in 2 of 2 trainings."),
        (
            [["liver", "tumour"], ["liver"]],
            "piece of liver in 2 of 2 trainings and of tumour in 1 of 2 trainings was kept.",
        ),
        ([["tumour"], []], "piece of tumour was kept in 1 of 2 trainings."),
        ([["tumour"]], "piece of tumour was kept."),
    ],
)
def test_folds_decide_each_by_itself(kept, said):
    tried = [{"by": "training masks", "kept": bool(labels), "labels": labels} for labels in kept]
    words = STEPS["largest_component"]
    assert _decided(tried, words, ["liver", "tumour"]).endswith(said)


def test_labels_that_are_listed_are_named(tmp_path):
    one = gathered(tmp_path, postprocessing={"largest_component": ["liver"]})
    assert "Afterwards the largest connected piece of each label was kept." in text_of(one)
    several = gathered(
        tmp_path / "two",
        postprocessing={"largest_component": ["liver"]},
        content={"labels": {"liver": [1], "tumour": [2]}},
    )
    assert "Afterwards the largest connected piece of liver was kept." in text_of(several)


def test_what_planes_count_is_said_where_they_differ(tmp_path):
    planes = {"planes": ["axial", "coronal"]}
    for number, (weights, resolved, said) in enumerate(
        [
            ("mean", {}, "of cuts along axial, coronal planes."),
            ([3.0, 1.0], {}, "along axial (weight 0.75), coronal (weight 0.25) planes."),
            ([0.0, 1.0], {}, "along coronal (weight 1) planes."),
            (
                "fitted",
                {"by": "nobody", "weights": {"axial": 0.5, "coronal": 0.5}},
                "along axial, ",
            ),
            (
                "fitted",
                {"weights": {"axial": 0.6, "coronal": 0.4}, "fitted": True},
                "(weight 0.6), coronal (weight 0.4) planes. What each plane counts was fitted on",
            ),
        ]
    ):
        one = gathered(
            tmp_path / str(number),
            inference={**planes, "weights": weights},
            resolved={"planes": resolved} if resolved else {},
        )
        text = text_of(one, "Prediction")
        assert said in text
        assert ("was fitted" in text) == bool(resolved.get("fitted"))


def test_oblique_votes_are_said(tmp_path):
    one = gathered(tmp_path, inference={"planes": ["axial"], "tilt": 20.0})
    assert "of oblique cuts, turned by 20 degrees about rows and" in text_of(one, "Prediction")


def test_volumes_without_a_unit_are_scaled_one_by_one_first(tmp_path):
    one = gathered(tmp_path, content={"intensity": "arbitrary"}, resolved={"window": [-1.0, 2.5]})
    said = text_of(one, "Preprocessing")
    assert "those of each volume were first scaled by the mean and standard deviation" in said
    assert "of the training slices (-1 to 2.5) and normalised" in said
    known = text_of(gathered(tmp_path / "ct", resolved={"window": [-24.0, 151.0]}), "Preprocessing")
    assert "(-24 to 151 HU)" in known
    assert "no unit" not in known


@pytest.mark.parametrize(("minutes", "said"), [(1, "1 minute of"), (0.2, "0.2 minutes of")])
def test_a_training_by_time_says_its_minutes(tmp_path, minutes, said):
    one = gathered(tmp_path, training={"minutes": minutes, "epochs": None})
    assert f"Training was given {said} wall time" in text_of(one, "Training")
