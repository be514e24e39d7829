"""Files that differ in what tells cases apart only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slicewise.survey.kinds import kinds_of, narrowed, trimmed, widened, without_part
from slicewise.survey.listing import Entry, suffix_of

N = range(1, 7)
HASHES = ("0011f3deaf", "01140d52d8", "0143bab87a", "02f2ad4f1c")


def templates(paths, channels=True):
    entries = [Entry(path, suffix_of(path)) for path in paths]
    return {k.template: len(k.members) for k in kinds_of(entries, channels=channels)}


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([f"{a}-{n}.nii" for n in N for a in ("volume", "segmentation")], {"volume-{0}.nii": 6}),
        ([f"{d}/l_{n}.nii" for n in N for d in ("imagesTr", "labelsTr")],
         {"labelsTr/l_{0}.nii": 6}),
        ([f"case_{n:05}/{a}.nii" for n in N for a in ("i", "s")], {"{0}/i.nii": 6, "{0}/s.nii": 6}),
        ([f"{d}/p{n}/p{n}_t{k}.nii" for d in ("train", "test") for n in N for k in (1, 2)],
         {"train/{0}/{0}_t1.nii": 6, "test/{0}/{0}_t2.nii": 6}),
        ([f"p{n}/p{n}_frame{k}.nii" for n in N for k in (1, 8 + n)], {"{0}/{0}_frame{1}.nii": 12}),
        ([f"P_{h}/{n}/a.nii" for n, h in enumerate(HASHES)], {"{0}/{1}/a.nii": 4}),
        ([f"{w}{a}.nii" for w in ("anna", "bert") for a in ("", "_seg")],
         {"{0}.nii": 2, "{0}_seg.nii": 2}),
        ([f"{a}_{w}.nii" for w in ("anna", "bert", "carla") for a in ("ct", "seg")],
         {"ct_{0}.nii": 3, "seg_{0}.nii": 3}),
        ([f"{w} scan{a}.nii" for w in ("anna", "bert") for a in ("", " by MK")],
         {"{0} scan.nii": 2, "{0} scan by MK.nii": 2}),
        ([f"x_{n:03}_{c:04}.nii" for n in N for c in (0, 1)],
         {"x_{0}_0000.nii": 6, "x_{0}_0001.nii": 6}),
        ([f"B {b}/volume-{n}.nii" for b in (1, 2) for n in range(9 * b, 9 * b + 4)],
         {"{0}/volume-{1}.nii": 8}),
        # few patients in each folder, and names that no number tells apart
        ([f"{g}/pat_{g}{k}_1/pat_{g}{k}_1_{a}.nii" for g in ("HGG", "LGG") for k in ("BA", "CH")
          for a in ("t1", "seg")], {"{0}/{1}/{1}_t1.nii": 4, "{0}/{1}/{1}_seg.nii": 4}),
        ([f"HGG/BraTS_{k}A_1/{a}.nii" for k in "ABCDE" for a in ("t1", "seg")]
         + [f"LGG/BraTS_FA_1/{a}.nii" for a in ("t1", "seg")],
         {"{0}/{1}/t1.nii": 6, "{0}/{1}/seg.nii": 6}),
        # patients who are counted anew in each place, and structures
        ([f"{s}/P{n}/{a}.nii" for s in ("Basel", "Bern") for n in (1, 2) for a in ("i", "m")],
         {"{0}/{1}/i.nii": 4, "{0}/{1}/m.nii": 4}),
        ([f"{o}/{n}.nii" for o in ("ct", "liver", "spleen") for n in (1, 2, 3)],
         {"ct/{0}.nii": 3, "liver/{0}.nii": 3, "spleen/{0}.nii": 3}),
        # a single file of a subset varies where the others do
        ([f"train/i{n}_x.nii" for n in N] + ["test/i9_x.nii"],
         {"train/i{0}_x.nii": 6, "test/i{0}_x.nii": 1}),
        # and so do an image and its mask that are alone in theirs
        ([f"train/{w}_{a}.nii" for w in ("anna", "bert", "carla") for a in ("x", "y")]
         + ["test/dora_x.nii", "test/dora_y.nii"],
         {"train/{0}_x.nii": 3, "test/{0}_x.nii": 1, "test/{0}_y.nii": 1}),
        ([f"Pat {w} ct{a}.nii" for w in ("A-1", "B-2") for a in ("", " drawn")],
         {"{0} ct.nii": 2, "{0} ct drawn.nii": 2}),
        ([f"{n}/seg/{o}.nii" for n in ("anna", "bert") for o in ("liver", "L1", "L2")],
         {"{0}/seg/liver.nii": 2, "{0}/seg/L1.nii": 2}),
    ],
)  # fmt: skip
def test_kinds_are_what_people_would_say(paths, expected):
    found = templates(paths)
    assert sum(found.values()) == len(paths)
    assert expected.items() <= found.items()


def test_a_number_tells_cases_apart_where_it_is_no_channel():
    paths = [f"p{n}_scan{k}.nii" for n in N for k in (1, 2)]
    assert templates(paths, channels=False) == {"p{0}.nii": 12}
    assert set(templates(paths)) == {"p{0}_scan1.nii", "p{0}_scan2.nii"}


NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_. -]{0,8}", fullmatch=True)


@given(st.sets(st.lists(NAMES, min_size=1, max_size=3).map("/".join), max_size=25))
def test_each_file_is_of_one_kind_and_its_path_follows_from_it(names):
    paths = [f"{name}.nii" for name in names]
    entries = [Entry(path, ".nii") for path in paths]
    seen = []
    for kind in kinds_of(entries, channels=True):
        for key, path in kind.members.items():
            assert kind.template.format(*key) == path
            seen.append(path)
        short = trimmed(kind)
        assert sorted(short.members.values()) == kind.paths
        assert all(short.template.format(*key) == path for key, path in short.members.items())
        wide = widened(kind)
        assert sorted(wide.members.values()) == kind.paths
        assert all(wide.template.format(*key) == path for key, path in wide.members.items())
    assert sorted(seen) == sorted(paths)


def test_a_part_that_tells_nothing_more_becomes_a_star():
    (kind,) = kinds_of([Entry(f"p{n}/s/9.{n}7.dcm", ".dcm") for n in N], channels=True)
    assert kind.template == "{0}/s/9.{1}.dcm"
    assert narrowed(kind).template == "{0}/s/9.*.dcm"
    assert narrowed(kind).members["p1",] == "p1/s/9.17.dcm"
    assert narrowed(narrowed(kind)) == narrowed(kind)


def test_what_all_names_begin_with_may_stand_outside_of_what_varies():
    (kind,) = kinds_of([Entry(f"X_{n:02}/S-{n}a/i.nii", ".nii") for n in N], channels=True)
    assert trimmed(kind).template == "X_{0}/S-{1}/i.nii"
    assert trimmed(kind).members["01", "1a"] == "X_01/S-1a/i.nii"
    assert trimmed(trimmed(kind)).template == trimmed(kind).template
    assert without_part(kind, 0).template == "*/{0}/i.nii"
    assert without_part(kind, 0).members["S-1a",] == "X_01/S-1a/i.nii"


def test_a_wider_part_takes_in_the_word_before_it():
    (kind,) = kinds_of([Entry(f"a/Case{n}.mhd", ".mhd") for n in N], channels=True)
    assert kind.template == "a/Case{0}.mhd"
    assert widened(kind).template == "a/{0}.mhd"
    assert ("Case1",) in widened(kind).members
