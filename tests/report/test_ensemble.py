"""What the report of an ensemble says of its members."""

from slicewise.dataset.ensembles import EnsembleRecord
from slicewise.report.ensemble import ensemble_section


def record_of(**changes):
    made = {
        "members": {"axial": ["a0", "a1"], "volume": ["v0", "v1"]},
        "weights": {"axial": 0.4, "volume": 0.6},
        "by_fold": [{"axial": 0.5, "volume": 0.5}, {"axial": 0.1, "volume": 0.9}],
        "fitted": True,
        "because": "fitted: by patients",
        "patients": 9,
        "dice": {"axial": 0.8, "volume": None},
        "equal_dice": 0.85,
        "weighted_dice": 0.9,
        "postprocessing": {},
    }
    return EnsembleRecord(**{**made, **changes})


def test_an_experiment_has_no_members():
    assert ensemble_section(None) is None


def test_each_member_has_its_weights_and_what_it_reaches_alone():
    section = ensemble_section(record_of())
    axial, volume = section["rows"]
    assert axial == {"name": "axial", "weight": 0.4, "by_fold": "0.50, 0.10", "dice": 0.8}
    assert (volume["weight"], volume["dice"]) == (0.6, None)
    assert [(each["name"], each["dice"]) for each in section["together"]] == [
        ("all, equally", 0.85),
        ("all, weighed", 0.9),
    ]
    assert section["crossed"]
    assert section["because"] == "fitted: by patients"


def test_equal_weights_are_said_once():
    section = ensemble_section(record_of(weighted_dice=0.85, by_fold=[]))
    assert [each["name"] for each in section["together"]] == ["all, equally"]
    assert not section["crossed"]
    assert section["rows"][0]["by_fold"] == ""
