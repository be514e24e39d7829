"""Arrangements as patterns of paths."""

from dataclasses import replace

import pytest

from slicewise.survey.arrangement import arranged
from slicewise.survey.kinds import Kind
from slicewise.survey.pairing import Pairing


def kind(template, *keys):
    return Kind(template, len(keys[0]), {key: template.format(*key) for key in keys})


def pairing(image, mask, *keys, lone=(), on_grid=True):
    return Pairing(kind(image, *keys, *lone), (kind(mask, *keys),), tuple(sorted(keys)), on_grid)


def test_nothing_makes_no_arrangement():
    assert arranged([]) is None


@pytest.mark.parametrize(
    ("image", "mask", "keys", "expected"),
    [
        ("{0}/{1}/ct", "{0}/{1}/seg", [("a", "x"), ("b", "y")], "{case}/*/ct"),
        ("{0}/{1}/ct", "{0}/{1}/seg", [("a", "x"), ("a", "y")], "{patient}/{case}/ct"),
        ("{0}/{0}_frame{1}", "{0}/{0}_frame{1}_gt", [("a", "1"), ("a", "2")],
         "{patient}/{patient}_frame{frame}"),
        ("{0}/{1}_ct", "{0}/{1}_seg", [("site1", "a"), ("site1", "b"), ("site2", "c")],
         "*/{case}_ct"),
        ("{0}/{1}_ct", "{0}/{1}_seg", [("ann", "a"), ("ann", "b"), ("bob", "c")],
         "{patient}/{case}_ct"),
        ("{0}/{1}/ct", "{0}/{1}/seg", [("HGG", "B18_A_1"), ("HGG", "B18_B_1"), ("LGG", "B18_C_1")],
         "*/{case}/ct"),
        ("{0}/{1}/ct", "{0}/{1}/seg", [("x", "P1"), ("x", "P2"), ("y", "P3")], "*/{case}/ct"),
        ("{0}/{1}/ct", "{0}/{1}/seg", [("R1", "sub-1"), ("R2", "sub-2")], "*/{case}/ct"),
        ("{0}/{1}/ct", "{0}/{1}/seg", [("ann", "visit1a"), ("ann", "visit2a"), ("bob", "visit3a")],
         "{patient}/{case}/ct"),
        ("{0}/{1}/ct", "{0}/{1}/seg", [("ann", "1"), ("ann", "2"), ("bob", "3")],
         "{patient}/{case}/ct"),
        ("{0}/{1}/ct", "{0}/{1}/seg", [(s, str(n)) for n, s in enumerate("UUUSSS")],
         "*/{case}/ct"),
        ("{0}/{1}/ct", "{0}/{1}/seg", [("R1", "sub-r1s1"), ("R1", "sub-r1s2"), ("R2", "sub-r2s1")],
         "*/{case}/ct"),
        ("{0}/{1}/ct", "{0}/{1}/seg", [(s, str(n)) for n, s in enumerate("USUSUSUS")],
         "{patient}/{case}/ct"),
        ("{0}/{1}/ct", "{0}/{1}/seg", [(s, str(n)) for s in ("ann", "bob") for n in range(4)],
         "{patient}/{case}/ct"),
        ("{0}/{1}/ct", "{0}/{1}/seg", [(s, f"{n}7340") for n, s in enumerate("aaabbb", 1)],
         "{patient}/{case}/ct"),
        ("{0}/{1}_ct", "{0}/{1}_seg", [("pre", "p01"), ("post", "p01"), ("pre", "p02")],
         "{case}/{patient}_ct"),
        ("{0}/{1}/ct", "{0}/{1}/seg", [("visit1", "7"), ("visit2", "7"), ("visit2", "8")],
         "{case}/{patient}/ct"),
        ("{0}/{1}/ct", "{0}/{1}/seg", [("T1", "a"), ("T2", "a"), ("T3", "a"), ("T3", "b")],
         "{patient}/{case}/ct"),
    ],
)  # fmt: skip
def test_parts_are_named_by_what_they_tell(image, mask, keys, expected):
    assert arranged([pairing(image, mask, *keys)]).image == expected


def test_training_and_test_folders_are_told_by_their_words():
    one = pairing("raw/train/{0}_a", "raw/train/{0}_b", ("p1",), ("p2",))
    other = pairing("raw/test/{0}_a", "raw/test/{0}_b", ("p3",))
    found = arranged([other, one])
    assert dict(found.folders) == {"train": "raw/train", "test": "raw/test"}
    assert [row.subset for row in found.rows] == ["test", "train", "train"]
    assert found.patterns


def test_folders_of_no_subset_become_a_star_as_long_as_names_differ():
    one = pairing("HGG/{0}/a", "HGG/{0}/b", ("p1",), ("p2",))
    other = pairing("LGG/{0}/a", "LGG/{0}/b", ("p3",))
    found = arranged([one, other])
    assert (found.image, found.masks, dict(found.folders)) == (
        "*/{case}/a",
        ("*/{case}/b",),
        {"train": ""},
    )
    same = pairing("LGG/{0}/a", "LGG/{0}/b", ("p1",))
    assert not arranged([one, same]).patterns


def test_patients_who_are_counted_anew_in_each_place_are_called_by_both():
    keys = [("Basel", "P1"), ("Basel", "P2"), ("Bern", "P1")]
    found = arranged([pairing("{0}/{1}/ct", "{0}/{1}/seg", *keys)])
    assert [(row.case, row.patient) for row in found.rows] == [
        ("Basel_P1", ""),
        ("Basel_P2", ""),
        ("Bern_P1", ""),
    ]
    assert not found.patterns
    assert not found.tells_patient


def test_three_subsets_need_a_table():
    pairs = [pairing(f"{s}/{{0}}_a", f"{s}/{{0}}_b", (f"{s}1",)) for s in ("train", "val", "test")]
    found = arranged(pairs)
    assert not found.patterns
    assert sorted(row.subset for row in found.rows) == ["test", "train", "validation"]


def test_subsets_within_names_need_a_table():
    one = pairing("imagesTr/{0}", "labelsTr/{0}", ("p1",), ("p2",))
    other = pairing("imagesTs/{0}", "labelsTs/{0}", ("p3",))
    found = arranged([one, other])
    assert [row.subset for row in found.rows] == ["train", "train", "test"]
    assert not found.patterns


def test_scans_of_another_day_are_cases_of_the_same_patients():
    first = pairing("{0}/before/a", "{0}/before/b", ("p1",), ("p2",))
    second = pairing("{0}/after/a", "{0}/after/b", ("p1",), ("p2",))
    found = arranged([first, second])
    assert [(row.case, row.patient, row.image, row.masks) for row in found.rows] == [
        ("p1_after", "p1", "p1/after/a", ("p1/after/b",)),
        ("p1_before", "p1", "p1/before/a", ("p1/before/b",)),
        ("p2_after", "p2", "p2/after/a", ("p2/after/b",)),
        ("p2_before", "p2", "p2/before/a", ("p2/before/b",)),
    ]
    assert found.tells_patient
    assert not found.patterns


@pytest.mark.parametrize("ends", [("", ""), ("_ct", "_seg")])
def test_people_whose_names_are_formed_otherwise_are_asked_for_as_all_are(ends):
    ct, seg = ends
    several = pairing(f"{{0}}{ct}", f"{{0}}{seg}/m", ("anna_1",), ("anna_2",), ("dora_1",))
    single = pairing(f"{{0}}_1{ct}", f"{{0}}_1{seg}/m", ("bert",), ("carl",))
    found = arranged([several, single])
    assert [(row.case, row.patient) for row in found.rows] == [
        (name, "") for name in ("anna_1", "anna_2", "bert_1", "carl_1", "dora_1")
    ]
    assert not found.tells_patient


def test_scans_of_one_person_are_one_patients_on_another_day_too():
    names = [(name,) for name in ("anna_1", "anna_2", "bert_1", "carl_1")]
    first = pairing("{0}/before/a", "{0}/before/b", *names)
    second = pairing("{0}/after/a", "{0}/after/b", *names[1:])
    rows = arranged([first, second]).rows
    assert {row.case for row in rows if row.patient == "anna"} == {
        *("anna_1_before", "anna_2_before", "anna_2_after")
    }
    assert {row.patient for row in rows} == {"anna", "bert_1", "carl_1"}


def test_who_is_trained_and_tested_on_is_kept_where_folders_are_formed_otherwise():
    train = pairing("train/{0}/T1/{0}_T1_i", "train/{0}/T1/{0}_T1_m", ("P1",), ("P2",), ("P3",))
    test = pairing("test/{0}/{0}_i", "test/{0}/{0}_m", ("P54",), ("P55",))
    found = arranged([train, test])
    assert [(row.case, row.subset) for row in found.rows] == [
        *(("P1_T1", "train"), ("P2_T1", "train"), ("P3_T1", "train")),
        *(("P54", "test"), ("P55", "test")),
    ]
    # who is in both is kept together
    torn = arranged([train, pairing("test/{0}/{0}_i", "test/{0}/{0}_m", ("P1",), ("P2",))])
    assert {row.subset for row in torn.rows} == {""}
    assert {row.patient for row in torn.rows} == {"P1", "P2", "P3"}


@pytest.mark.parametrize("folder", ["imagesTr", "imagesTs", "imagesVa", "images"])
def test_folders_of_one_subset_leave_the_split_to_be_drawn(folder):
    pairs = [
        pairing(f"{folder}/{{0}}_ct", "labels/{0}", *((f"{site}{n}",) for n in range(3)))
        for site in ("CHUM", "CHUS")
    ]
    odd = pairing("more/{0}_x", "labels/{0}_x", ("MDA1",), ("MDA2",), ("MDA3",))
    assert {row.subset for row in arranged(pairs).rows} == {""}
    found = {row.case: row.subset for row in arranged([*pairs, odd]).rows}
    held = {"imagesTs": "test", "imagesVa": "validation"}.get(folder, "")
    assert set(found.values()) == {"", held}


def test_patients_in_folders_of_visits_are_patients():
    pairs = [
        pairing(f"{{0}}/{name}_a", f"{{0}}/{name}_b", ("baseline",), ("followup",))
        for name in ("anna", "007")
    ]
    assert {(row.case, row.patient, row.image) for row in arranged(pairs).rows} == {
        (f"{name}_{visit}", name, f"{visit}/{name}_a")
        for name in ("anna", "007")
        for visit in ("baseline", "followup")
    }


@pytest.mark.parametrize("other", [{"is_hu": False}, {"values": frozenset({1})}, {"extent": 9.0}])
def test_images_of_another_modality_or_with_other_labels_are_left_aside_by_name(other):
    known = {"is_hu": True, "values": frozenset({1, 2}), "extent": 80.0}
    best = replace(pairing("ct_{0}_a", "ct_{0}_b", ("p1",), ("p2",)), **known)
    rest = replace(pairing("mr_{0}_a", "mr_{0}_b", ("p1",), ("p2",)), **known)
    found = arranged([best, replace(rest, **other)])
    assert [row.image for row in found.rows] == ["ct_p1_a", "ct_p2_a"]
    assert found.aside == ("mr_*_a",)
    # of as many cases each, those come first that say more, in whatever order they were found
    assert arranged([replace(rest, **other), best]) == found
    assert found.instead == (("mr_{case}_b", "mr_{case}_a"),)
    asked = arranged([best, replace(rest, **other)], "mr_*_b")
    assert [row.image for row in asked.rows] == ["mr_p1_a", "mr_p2_a"]


def test_other_images_of_the_same_masks_are_no_further_cases():
    best = pairing("{0}_flair", "{0}_seg", ("p1",), ("p2",))
    other = pairing("{0}_t1", "{0}_seg", ("p1",), ("p2",))
    found = arranged([best, other])
    assert (len(found.rows), found.rivals, found.aside) == (2, ("{case}_t1",), ())


def test_all_kinds_of_images_of_the_same_masks_are_named_with_their_cases():
    cases = [(f"p{n}",) for n in range(5)]
    best = pairing("{0}_flair", "{0}_seg", *cases, lone=[("p9",)])
    other = pairing("{0}_t1", "{0}_seg", *cases[1:])
    other = replace(other, masks=best.masks)
    few = replace(pairing("{0}_t2", "{0}_seg", *cases[2:]), masks=best.masks)
    found = arranged([best, other, few])
    assert [images.pattern for images in found.images] == ["{case}_flair", "{case}_t1"]
    assert found.images[0].paths["p9"] == "p9_flair"
    assert found.masked == ("p0", "p1", "p2", "p3", "p4")


def test_images_without_a_mask_are_named():
    assert arranged([pairing("{0}_a", "{0}_b", ("p1",), lone=[("p2",)])]).alone == ("p2",)
