"""Models are compared with the records of their trainings before they predict."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from slicewise.dataset.case_record import write_case_records
from slicewise.dataset.ensembles import Weights, write_ensemble
from slicewise.dataset.marking import slice_marks
from slicewise.dataset.marks import pack
from slicewise.errors import SlicewiseError
from slicewise.files import half_of, sha256
from slicewise.inference import predict
from slicewise.inference.predict import predict_cases
from slicewise.inference.requests import Files, mixed_requests_of, predict_all, requests_of
from slicewise.inference.signs import signs_of
from slicewise.inference.trust import Watch, found_in
from slicewise.inference.unlike import seen_of
from slicewise.jobs import Predict
from slicewise.network.model import finished_model, weights_digest
from slicewise.network.preprocessing import Preprocess
from slicewise.network.unet import build_unet
from slicewise.volumes.nifti import read_nifti, read_note
from slicewise.volumes.write import write_nifti
from tests.case_records import case_record
from tests.discs import CARD, disc_volume, experiment
from tests.trained import config_of

CONTENT = {
    "intensity": "hu",
    "contiguous": True,
    "labels": {"liver": [5]},
    "other_labels": "background",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """Two folds that were never trained, their records and two ingested cases."""
    root = tmp_path_factory.mktemp("experiment")
    case_records = []
    for fold in range(2):
        unet = build_unet(experiment().network, 1)
        model = finished_model(Preprocess(-100, 200, 0, 50, CARD, name="preprocess"), unet)
        (root / f"fold-{fold}").mkdir()
        model.save(root / f"fold-{fold}" / "model.keras")
        used = config_of(f"case{1 - fold}", f"patient{1 - fold}", weights_digest(model))
        (root / f"fold-{fold}" / "config.yaml").write_text(yaml.safe_dump(used))
        image = root / f"case{fold}.nii.gz"
        write_nifti(image, disc_volume(fold)[0])
        case_records.append(
            case_record(
                f"case{fold}",
                patient=f"patient{fold}",
                image={"file": image.name, "sha256": f"source{fold}"},
                marks=pack(slice_marks(disc_volume(fold)[0])),
                content={},
                read={"image": sha256(image)},
            )
        )
    write_case_records(root / "case_records.json", case_records)
    return root


def requests(root: Path, target: Path, **changed: Any):
    cfg = Predict(
        cases=["case0", "case1"],
        **{
            "folds": {"case0": [0], "case1": [1]},
            "patients": {"case0": "patient0", "case1": "patient1"},
            "content": CONTENT,
            "recipe": CARD.recipe,
            **changed,
        },
    )
    folds = [root / f"fold-{k}" for k in range(2)]
    files = Files(
        models=[str(fold / "model.keras") for fold in folds],
        configs=[str(fold / "config.yaml") for fold in folds],
        case_records=[str(root / "case_records.json")],
        images=[str(root / f"{case}.nii.gz") for case in cfg.cases],
        masks=[str(target / f"{case}.nii.gz") for case in cfg.cases],
    )
    return requests_of(cfg.segmented, cfg.content, cfg.recipe, files)


def used(root: Path, fold: int) -> dict[str, Any]:
    return yaml.safe_load((root / f"fold-{fold}" / "config.yaml").read_text())


def test_predictions_say_what_they_were_made_from(built, tmp_path):
    for case, _ in predict_cases(requests(built, tmp_path)):
        number = int(case.removeprefix("case"))
        assert read_note(tmp_path / f"{case}.nii.gz") == {
            "case": case,
            "models": [used(built, number)["resolved"]["weights_sha256"]],
            "image": f"source{number}",
        }


def test_records_of_predictions_name_what_was_written(built, tmp_path):
    said: list[str] = []
    asked = requests(built, tmp_path)
    left = half_of(asked[0].mask)
    left.touch()  # by a job that was killed
    records = predict_all(asked, 4, said.append)
    assert not left.exists()
    assert [record["case"] for record in records] == ["case0", "case1"]
    for each, record in zip(asked, records, strict=True):
        signs = record.pop("signs")
        assert record == {**each.note, "sha256": sha256(each.mask)}
        mask, image = (read_nifti(path)[0] for path in (each.mask, each.image))
        watch = Watch(CARD)
        predict.assembled(each.models, image, observe=watch.add)
        found = found_in(mask, CARD, watch)
        assert signs == signs_of(found, seen_of(image, CARD), CARD)
        assert signs.keys() == {"liver"}
    shape = disc_volume(0)[0].array.shape
    assert said[0].startswith(f"case0: {shape[2]} slices, ")
    assert len(said) == 2


def test_offset_and_spacing_are_those_of_the_data_set(built, tmp_path):
    plain = requests(built, tmp_path)
    assert {(each.offset, each.spacing) for each in plain} == {(0, None)}
    content = {**CONTENT, "offset": -1024, "spacing": [0.8, 0.7, 5.0]}
    for each in requests(built, tmp_path, content=content):
        assert each.offset == -1024
        assert each.spacing == [0.8, 0.7, 5.0]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"folds": {"case0": [1], "case1": [0]}}, "the model in fold-1 was trained on case0"),
        ({"folds": {"case0": [0], "case1": [0, 1]}}, "the model in fold-0 was trained on case1"),
        (
            {"patients": {"case0": "patient1", "case1": "patient1"}},
            "fold-0 was trained on case1, of the same patient",
        ),
        ({"content": {**CONTENT, "labels": {"spleen": [5]}}}, "other settings .*labels"),
        ({"content": {**CONTENT, "labels": {"liver": [6]}}}, r"other settings \(values.liver\)"),
        ({"content": {**CONTENT, "contiguous": False}}, "contiguous"),
        ({"recipe": {**CARD.recipe.model_dump(), "size": 64}}, r"other settings \(recipe.size\)"),
    ],
)
def test_what_was_not_asked_for_is_refused(built, tmp_path, changed, said):
    with pytest.raises(SlicewiseError, match=said):
        requests(built, tmp_path, **changed)


def test_a_model_of_another_training_is_refused(built, tmp_path):
    path = built / "fold-0" / "config.yaml"
    kept = path.read_text()
    other = used(built, 0) | {"resolved": used(built, 1)["resolved"]}
    path.write_text(yaml.safe_dump(other))
    with pytest.raises(SlicewiseError, match="its weights are not those of the training"):
        requests(built, tmp_path)
    path.write_text(kept)


def test_an_image_that_is_not_what_was_ingested_is_refused(built, tmp_path):
    path = built / "case1.nii.gz"
    kept = path.read_bytes()
    volume = disc_volume(1)[0]
    write_nifti(path, type(volume)(volume.array + np.int16(1), volume.affine))
    with pytest.raises(SlicewiseError, match="it was changed since it was checked"):
        requests(built, tmp_path)
    path.write_bytes(kept)


WEIGHED = [{"one": 0.25, "two": 0.75}, {"one": 1.0, "two": 0.0}]


def mixed(root: Path, target: Path, folds: dict[str, list[int]], **changed: Any):
    """Ask for both cases by an ensemble of the same experiment twice."""
    digests = [used(root, fold)["resolved"]["weights_sha256"] for fold in range(2)]
    weights = Weights(
        **{
            "members": {"one": digests, "two": digests},
            "weights": {"one": 0.5, "two": 0.5},
            "by_fold": WEIGHED,
            "fitted": True,
            "because": "fitted",
            "patients": 2,
            "dice": {},
            "equal_dice": None,
            "weighted_dice": None,
            **changed,
        }
    )
    write_ensemble(target / "ensemble.json", weights, CARD.postprocessing.model_dump())
    told = Predict(
        cases=["case0", "case1"],
        folds=folds,
        patients={"case0": "patient0", "case1": "patient1"},
        content=CONTENT,
        recipe=CARD.recipe,
    )
    places = [root / f"fold-{k}" for k in range(2)] * 2
    files = Files(
        models=[str(place / "model.keras") for place in places],
        configs=[str(place / "config.yaml") for place in places],
        case_records=[str(root / "case_records.json")],
        images=[str(root / f"{case}.nii.gz") for case in told.cases],
        masks=[str(target / f"mixed-{case}.nii.gz") for case in told.cases],
    )
    recipes = {"one": CARD.recipe, "two": CARD.recipe}
    record = str(target / "ensemble.json")
    return mixed_requests_of(told.segmented, told.content, recipes, record, files)


def test_members_segment_a_held_out_case_by_the_weights_of_its_fold(built, tmp_path):
    asked = mixed(built, tmp_path, {"case0": [0], "case1": [1]})
    records = predict_all(asked, 4, lambda line: None)
    alone = dict(predict_cases(requests(built, tmp_path)))
    for number, record in enumerate(records):
        assert record["weights"] == WEIGHED[number]
        assert record["models"] == [used(built, number)["resolved"]["weights_sha256"]] * 2
        assert record["signs"].keys() == {"liver"}
        written = read_nifti(tmp_path / f"mixed-case{number}.nii.gz")[0].array
        np.testing.assert_array_equal(written, alone[f"case{number}"])


def test_members_that_have_seen_the_patient_or_were_weighed_as_others_are_refused(built, tmp_path):
    with pytest.raises(SlicewiseError, match="the model in one/fold-1 was trained on case0"):
        mixed(built, tmp_path, {"case0": [0, 1], "case1": [1]})
    others = {"one": ["x", "y"], "two": ["x", "y"]}
    with pytest.raises(SlicewiseError, match="its weights are of another model than one/fold-0"):
        mixed(built, tmp_path, {"case0": [0], "case1": [1]}, members=others)
