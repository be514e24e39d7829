"""Methods in sentences: what is said is what was recorded, and no more."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from slicewise.errors import SlicewiseError
from slicewise.evaluation.sweep import Tried, table_of
from slicewise.files import write_text
from slicewise.publish.gathered import Gathered, gather
from slicewise.publish.methods import methods
from slicewise.publish.prose import sources_of
from tests.published import experiment


def gathered(folder: Path, **blocks) -> Gathered:
    return gather(experiment(folder / "results" / "tiny" / "baseline", **blocks))


def text_of(one: Gathered, title: str = "") -> str:
    sections = methods([one])
    return " ".join(s.text for each in sections if title in each.title for s in each.said)


def test_the_data_are_counted_and_measured(tmp_path):
    said = text_of(gathered(tmp_path), "Data")
    assert "has 8 cases of 8 patients: CT in Hounsfield units, with ground truth of liver." in said
    assert "The finest side of a voxel is 0.8 (0.6 to 0.8) mm, the coarsest 5 (2.5 to 5) mm" in said
    assert "volumes have 0.0819 million voxels" in said
    assert "liver is drawn in 8 of 8 cases, with 1,500 ml." in said


def test_the_split_is_counted_by_patients(tmp_path):
    said = text_of(gathered(tmp_path), "Split")
    assert "2 patients (2 cases) for training; 6 patients (6 cases) for testing." in said
    assert "seed" not in said  # nothing is recorded of how it was drawn


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


def test_methods_that_were_not_used_are_not_cited(tmp_path):
    cited = sources_of(methods([gathered(tmp_path)]))
    assert "cicek2016unet" not in cited
    assert "salehi2017tversky" not in cited
    assert "wilcoxon1945ranking" not in cited  # nothing is compared


def test_what_validation_decided_is_said_as_it_decided(tmp_path):
    auto = {"postprocessing": {"largest_component": "auto"}}
    tried = {"dice_without": 0.8, "dice_with": 0.7, "kept": False}
    one = gathered(tmp_path, **auto, resolved={"postprocessing": {"largest_component": tried}})
    assert "it was not done that the largest connected piece" in text_of(one, "Prediction")
    kept = {"largest_component": {**tried, "kept": True}}
    one = gathered(tmp_path / "kept", **auto, resolved={"postprocessing": kept})
    assert "had it, the largest connected piece of each label was kept." in text_of(one)
    # without validation patients nothing was tried
    untried = gathered(tmp_path / "untried", **auto)
    assert "largest connected piece" not in text_of(untried)


def test_few_patients_have_rough_intervals_and_many_have_not(tmp_path):
    one = gathered(tmp_path)
    assert "With 6 test patients, intervals are rough" in text_of(one, "Evaluation")
    many = pd.concat([one.result.metrics.assign(patient=f"p{n}") for n in range(50)])
    object.__setattr__(one.result, "metrics", many)
    assert "rough" not in text_of(one, "Evaluation")


def test_settings_of_the_run_tell_of_seed_and_exclusions(tmp_path, monkeypatch):
    settings = {
        "dataset": {"exclude": {"bad": "another patient"}},
        "split": {"seed": 13, "check_against": ["other/cases.tsv"], "not_the_same": [["a", "b"]]},
        "evaluation": {"absent_labels": "exclude"},
    }
    run = tmp_path / "run" / "files" / "settings.yaml"
    write_text(run, yaml.safe_dump(settings))

    class Run:
        folder = run.parents[1]

    monkeypatch.setattr("slicewise.publish.gathered.current_run", lambda fold: Run)
    said = text_of(gathered(tmp_path))
    assert "1 case excluded: another patient (1)." in said
    assert "was drawn at random (seed 13)." in said
    assert "So were those of 1 further data set." in said
    assert "1 pair of cases that look alike were declared different." in said
    assert "Patients without a label have no Dice of it" in said


def test_what_a_sweep_chose_is_told_with_how_many_it_chose_among(tmp_path):
    one = gathered(tmp_path)
    assert "combinations" not in text_of(one)
    values = {"optimizer.learning_rate": 0.001, "network.filters": [8, 16]}
    tried = [Tried(f"c{k}", values, [0.5] * rungs, 10, 1.0) for k, rungs in enumerate((3, 1, 1, 2))]
    folder = tmp_path / "results" / "tiny" / "baseline"
    write_text(folder / "sweep.tsv", table_of(tried).to_csv(sep="\t", index=False))
    said = text_of(gather(folder), "Training")
    assert "optimizer.learning_rate, network.filters were chosen among 4 combinations" in said
    assert "without a test patient; by successive halving 1 of them was trained to the end" in said
    assert "jamieson2016nonstochastic" in sources_of(methods([gather(folder)]))
    whole = [Tried(each.name, values, [0.5], 10, 1.0) for each in tried]
    write_text(folder / "sweep.tsv", table_of(whole).to_csv(sep="\t", index=False))
    assert "all were trained to the end" in text_of(gather(folder), "Training")
    assert "jamieson2016nonstochastic" not in sources_of(methods([gather(folder)]))
    write_text(folder / "sweep.tsv", "combination\tdice\nc1\t0.5\n")
    with pytest.raises(SlicewiseError, match=r"sweep\.tsv"):
        gather(folder)
