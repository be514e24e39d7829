"""What is stored of an ensemble, and the files of its models."""

import json

import pytest

from slicewise.dataset.ensembles import (
    NAME,
    EnsembleRecord,
    Weights,
    ensemble_in,
    models_of,
    write_ensemble,
)
from slicewise.errors import SlicewiseError
from tests.trained import record_of

MADE = Weights(
    members={"axial": ["a0", "a1"], "volume": ["v0", "v1"]},
    weights={"axial": 0.4, "volume": 0.6},
    by_fold=[{"axial": 0.5, "volume": 0.5}, {"axial": 0.1, "volume": 0.9}],
    fitted=True,
    because="fitted: by patients",
    patients=9,
    dice={"axial": 0.8, "volume": 0.9},
    equal_dice=0.85,
    weighted_dice=0.9,
)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "both"
    folder.mkdir()
    write_ensemble(folder / NAME, MADE, {"threshold": 0.5})
    return folder


def test_held_out_patients_have_the_weights_of_their_fold_and_others_those_of_all(folder):
    record = EnsembleRecord.read(folder / NAME)
    assert record.shares(1) == {"axial": 0.1, "volume": 0.9}
    assert record.shares(None) == {"axial": 0.4, "volume": 0.6}
    assert record.models == ["a0", "a1", "v0", "v1"]
    single = record.model_copy(update={"by_fold": []})
    assert single.shares(0) == {"axial": 0.4, "volume": 0.6}


@pytest.mark.parametrize(
    "changed",
    [
        {"weights": {"axial": 0.4, "volume": 0.5}},
        {"weights": {"axial": 1.0}},
        {"weights": {"axial": 1.4, "volume": -0.4}},
        {"by_fold": [{"axial": 0.4, "other": 0.6}]},
        {"members": {"axial": ["a0", "a1"], "volume": ["v0"]}},
        {"members": {}},
    ],
)
def test_what_was_edited_is_refused(folder, changed):
    stored = json.loads((folder / NAME).read_text())
    (folder / NAME).write_text(json.dumps(stored | changed))
    with pytest.raises(SlicewiseError, match="damaged or was edited"):
        EnsembleRecord.read(folder / NAME)


def test_weights_of_other_models_are_refused(folder):
    record = EnsembleRecord.read(folder / NAME)
    trained = [record_of("c", "c", digest) for digest in ("a0", "a1", "v0", "v1")]
    record.check_trainings(trained, folder / NAME)
    with pytest.raises(SlicewiseError, match="of other models than those that lie beside it"):
        record.check_trainings(trained[::-1], folder / NAME)


def test_models_lie_beside_it_or_in_the_folders_of_the_members(folder):
    record = EnsembleRecord.read(folder / NAME)
    for member in record.members:
        for fold in range(2):
            path = folder.parent / member / f"fold-{fold}" / "model.keras"
            path.parent.mkdir(parents=True)
            path.touch()
    own = ensemble_in(folder)
    assert own == folder / NAME
    found = models_of(own, record)
    assert [str(path.relative_to(folder.parent)) for path in found] == [
        f"{member}/fold-{fold}/model.keras" for member in ("axial", "volume") for fold in (0, 1)
    ]
    found[3].unlink()
    with pytest.raises(SlicewiseError, match=r"volume/fold-1/model.keras: this model of the"):
        models_of(own, record)
    for name, path in record.files([str(each) for each in found], str(own)).items():
        suffix = ".json" if name == "ensemble" else ".keras"
        place = folder.parent / "stored" / "data" / "models" / f"{name}{suffix}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes((folder / NAME).read_bytes() if path == str(own) else b"")
    stored = ensemble_in(folder.parent / "stored")
    assert [path.name for path in models_of(stored, record)] == [
        f"{member}-fold-{fold}.keras" for member in ("axial", "volume") for fold in (0, 1)
    ]
    assert ensemble_in(folder.parent) is None
