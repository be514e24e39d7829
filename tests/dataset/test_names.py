"""Names: one patient in two spellings, several scans of one, and no alarm at plain numbering."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.dataset.finding import find_cases
from slicewise.dataset.names import find_alike, find_shared, is_blank, pattern_for, stripped

BLANKS = " \t\r\n\v\u00a0\u2003\u200b\u200e\u202f\u2060\u3000\ufeff\u00ad\u2800\u3164"

# --- blanks --------------------------------------------------------------------------------


@pytest.mark.parametrize("blank", BLANKS)
def test_every_kind_of_blank_is_one(blank):
    assert is_blank(blank)
    assert stripped(f"{blank} p 1{blank}") == "p 1"


@given(st.text())
def test_stripping_takes_ends_only(text):
    found = stripped(text)
    assert found in text
    assert stripped(found) == found
    assert not found or not (is_blank(found[0]) or is_blank(found[-1]))


# --- one name in two spellings -------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "how"),
    [
        ("A", "a", "upper and lower case"),
        ("Straße", "STRASSE", "upper and lower case"),
        ("p1", "p01", "leading zeros"),
        ("001", "1", "leading zeros"),
        ("0", "00", "leading zeros"),
        ("3Dircadb1.1", "3Dircadb1.01", "leading zeros"),
        ("p 1", "p1", "blanks"),
        ("p\u200b1", "p1", "blanks"),
        ("é", "e\u0301", "Unicode form"),
        ("p\uff11", "p1", "Unicode form"),
        ("p\u00a01", "p 1", "Unicode form"),
        ("\ufb01n", "fin", "Unicode form"),
        ("\u0410\u0432e", "A\u0432e", "look-alike"),  # a Cyrillic A
        ("p-1", "p_1", "separators"),
        ("p\u20131", "p-1", "separators"),
        ("P-01", "p1", "separators"),
    ],
)
def test_two_spellings_of_one_name_are_found(one, other, how):
    ((names, said),) = find_alike([one, other, "else"])
    assert names == sorted([one, other])
    assert how in said
    assert find_alike([one, other], [[other, one]]) == []


@pytest.mark.parametrize(
    "names",
    [
        ["p1", "p10", "p100", "p2"],
        ["case_1_1", "case_11", "case_1_11"],
        ["1.0", "10", "1-0-0"],
        ["a", "ab", "b"],
        ["müller", "mueller"],
        [f"liver_{k}" for k in range(131)],
        [f"p{k:03d}" for k in range(200)],
    ],
)
def test_different_names_are_different(names):
    assert find_alike(names) == []


def test_a_third_spelling_is_asked_about_though_two_are_known_to_differ():
    ((names, _),) = find_alike(["p1", "p01", "p001"], [["p1", "p01"]])
    assert names == ["p001", "p01", "p1"]
    assert find_alike(["p1", "p01", "p001"], [["p1", "p01", "p001"]]) == []


@settings(deadline=None)
@given(
    st.from_regex(r"[a-z]{1,4}[1-9][0-9]{0,2}", fullmatch=True),
    st.sampled_from([str.upper, str.title, lambda n: re.sub(r"(\d+)", r"00\1", n)]),
    st.sampled_from(BLANKS),
    st.integers(0, 5),
)
def test_any_respelling_is_found(name, respell, blank, at):
    other = respell(name)
    other = other[:at] + blank + other[at:]
    ((names, _),) = find_alike([name, other])
    assert names == sorted([name, other])


# --- cases that may share a patient --------------------------------------------------------

chance = random.Random(1)

PLAIN = {
    "MSD": [f"liver_{k}" for k in range(131)],
    "MSD, numbered with zeros": [f"BRATS_{k:03d}" for k in range(1, 485)],
    "MSD, a part of them": [f"hippocampus_{k:03d}" for k in chance.sample(range(394), 130)],
    "MSD, a few": [f"liver_{k}" for k in (0, 1, 10, 11, 12, 100, 101, 2, 3)],
    "MSD, several organs": [
        f"{organ}_{k:03d}"
        for organ in ("liver", "lung", "colon", "spleen")
        for k in chance.sample(range(200), 30)
    ],
    "KiTS": [f"case_{k:05d}" for k in [*range(300), *range(400, 589)]],
    "BTCV": [f"img{k:04d}" for k in [*range(1, 11), *range(21, 41)]],
    "LiTS": [f"volume-{k}" for k in range(131)],
    "LiTS, the second part": [f"volume-{k}" for k in range(100, 131)],
    "TotalSegmentator": [f"s{k:04d}" for k in chance.sample(range(1430), 200)],
    "BraTS 2020": [f"BraTS20_Training_{k:03d}" for k in range(1, 370)],
    "BraTS 2019": [
        f"BraTS19_TCIA{n:02d}_{100 + 7 * n + k}_1" for n in range(1, 12) for k in range(5)
    ],
    "BraTS 2021": [f"BraTS2021_{k:05d}" for k in chance.sample(range(1667), 300)],
    "LIDC-IDRI": [f"LIDC-IDRI-{k:04d}" for k in range(1, 1011)],
    "NSCLC": [f"LUNG1-{k:03d}" for k in range(1, 423)],
    "TCGA": [f"TCGA-{chance.choice(['DD', '02'])}-A{k}" for k in range(100, 160)],
    "ADNI": [f"{chance.randint(2, 40):03d}_S_{k:04d}" for k in chance.sample(range(1500), 150)],
    "FLARE": [f"FLARE22_Tr_{k:04d}" for k in range(1, 51)],
    "AMOS": [f"amos_{k:04d}" for k in chance.sample(range(1, 600), 240)],
    "MM-WHS": [f"{kind}_train_{k}" for kind in ("ct", "mr") for k in range(1001, 1021)],
    "PROMISE12": [f"Case{k:02d}" for k in range(50)],
    "IXI": [f"IXI{k:03d}-{chance.choice(['Guys', 'HH'])}-{k * 3:04d}-T1" for k in range(2, 200)],
    "LUNA16": [f"1.3.6.1.4.1.14519.5.2.1.6279.6001.{chance.getrandbits(96)}" for _ in range(80)],
    "head and neck": [
        f"HN-{site}-{k:03d}" for site in ("CHUM", "CHUS", "HGJ") for k in range(1, 60)
    ],
    "3D-IRCADb": [f"3Dircadb1.{k}" for k in range(1, 21)] + ["3Dircadb2.1", "3Dircadb2.2"],
    "ACDC, one frame of each": [f"patient{k:03d}_frame01" for k in range(1, 101)],
    "BIDS, subjects by site": [f"sub-r{k:03d}s{n:03d}" for k in (1, 2, 4) for n in (1, 2, 3)],
    "BIDS, subjects of letters": [f"sub-{k:02d}{e}_T1w" for k in range(1, 9) for e in "ab"],
    "BIDS, subjects by number": [f"sub-{k:02d}{n:02d}" for k in range(1, 9) for n in (1, 2, 3)],
    "BIDS, one session of each": [f"sub-{k:02d}_ses-1" for k in range(1, 30)],
    "hospitals": [f"site{s}_{k:02d}" for s in (1, 2, 3) for k in range(1, 6)],
    "hospitals' cases": [f"center{s}_case{k:02d}" for s in (1, 2, 3) for k in range(1, 6)],
    "families": ["smith_john", "smith_anna", "miller_eve", "miller_tom"],
    "hospitals' numbers": [f"H{s}_{100 * s + k}" for s in range(1, 6) for k in range(1, 6)],
    "days": [
        f"2020-01-{d:02d}_{1000 + 7 * d + k}" for d in range(1, 20) for k in range(1 + (d == 3))
    ],
    "places": [f"{s:02d}_{1000 + 10 * s + k}" for s in range(1, 8) for k in range(5)],
    "phantoms": [f"phantom_{k:03d}" for k in range(1, 201)],
    "exams": [f"exam{k}_p{k:02d}" for k in range(1, 9)],
    "dates": ["20200101_ct", "20210305_ct", "20190304_ct"],
    "two excluded": [f"case_{k:03d}" for k in range(40) if k not in (9, 19)],
    "BraTS 2018": [f"Brats18_2013_{k}_1" for k in range(1, 30)],
    "a day of a clinic": [f"UKB_12.03.2019_{k:02d}" for k in range(1, 9)],
    "organs and days": [f"{organ}_{k:02d}.03.2019" for organ in ("liver", "lung") for k in (1, 2)],
    "places and days": [f"site{k % 2}_{k:02d}-03-2019" for k in range(1, 9)],
    "ADNI, of years": [f"{k % 3:03d}_S_{k}" for k in range(2001, 2070, 7)],
    "cases of three kinds": ["case1", "case2", "patient1", "mouse1"],
    "organs' numbers": [f"{organ}{k}" for organ in ("liver", "lung", "colon") for k in range(1, 9)],
    "one": ["p1"],
    "none": [],
}

SHARED = {
    "genius_01": [f"genius_{p:02d}{s:02d}" for p in range(1, 11) for s in range(4)],
    "p03": [f"p{p:02d}{s:02d}" for p in range(1, 9) for s in (1, 2, 3)],
    "patient007": [f"patient{k:03d}_frame{f:02d}" for k in range(1, 30) for f in (1, 8 + k % 7)],
    "p007": [f"p{k:03d}_{e}" for k in range(1, 30) for e in ("ED", "ES")],
    "p07": [f"p{k:02d}_{e}" for k in range(1, 9) for e in ("arterial", "venous")],
    "case_02": [f"case_{k:02d}{e}" for k in range(1, 9) for e in "ab"],
    "case_03": [*(f"case_{k:02d}" for k in range(1, 9)), "case_03b"],
    "case_04": [*(f"case_{k:02d}" for k in range(1, 9)), "case_04_repeat"],
    "sub-02": [f"sub-{k:02d}_ses-{s}_T1w" for k in range(1, 9) for s in (1, 2)],
    "OAS1_0007": [*(f"OAS1_{k:04d}_MR1" for k in range(1, 50)), "OAS1_0007_MR2"],
    "p1": ["p1-ct1", "p1-ct2", "p2-ct1"],
    "1": ["1_1", "1_2", "2_1", "2_2", "3_1"],
    "p001": ["p001_20200101", "p001_20210305", "p002_20190304", "p003_20200606"],
    "fdg_0143bab87a": [
        *("fdg_01140d52d8_08-13-2005", "fdg_0143bab87a_05-01-2006", "fdg_0143bab87a_02-16-2004"),
        *("psma_95b833d65be26293_2018-04-16", "psma_95b833d65be26293_2019-04-16"),
    ],
    "P001": ["P001_12.03.2019", "P001_24.09.2019", "P002_01.02.2018", "P003_05.06.2019"],
    "P002": ["P001_2019-03", "P002_2019-03", "P002_2020-11", "P003_2019-04"],
    "P003": ["P001", "P002_20190102", "P003_20190102", "P003_20200203", "phantom_1", "phantom_2"],
    "P04": ["12.03.2019_P01", "14.07.2020_P02", "12.03.2019_P04", "14.07.2020_P04"],
    "mueller": ["mueller_12.03.2019", "mueller_24.09.2019", "meier_01.02.2018", "kaya_05.06.2018"],
    "BraTS-GLI-00006": [
        f"BraTS-GLI-{k:05d}-{t:03d}" for k in range(5, 30) for t in (0, 1)[: 2 - k % 2]
    ],
    "UPENN-GBM-00005": [f"UPENN-GBM-{k:05d}_{t}" for k in range(1, 30) for t in (11, 21)],
    "anna": ["anna_1", "anna_2", "bert_1", "carl_1", "carl_2"],
    "bert": ["anna", "bert", "bert_2", "carl"],
    "Mueller": ["Mueller 2019", "Mueller 2021", "Meier 2020", "Schmidt 2018", "Kaya 2021"],
    "Meier": ["Mueller1", "Meier1", "Meier2", "Schmidt1", "Kaya"],
    "Kaya": ["Kaya", "Kaya Kontrolle", "Meier", "Meier Kontrolle", "Schmidt"],
    "P4": [f"P{k}{side}" for k in range(1, 9) for side in "LR"],
    "pat3": [f"pat{k}scan{s}" for k in range(1, 9) for s in (1, 2)],
    "study3_p002": [f"study3_p{k:03d}_{e}" for k in range(1, 8) for e in ("ED", "ES")],
    "p05": [f"{visit}_p{k:02d}" for visit in ("baseline", "follow_up") for k in range(1, 8)],
    "005": [f"T{visit}_{k:03d}" for visit in (0, 1) for k in range(1, 8)],
    "carl": [f"{phase}-{name}" for phase in ("arterial", "venous") for name in ("anna", "carl")],
    "p002": ["2020-01-01_p001", "2019-03-04_p002", "2020-06-06_p002", "2021-03-05_p003"],
    "scan03": [f"scan{k:02d}_{m}" for k in range(1, 9) for m in ("ct", "mr")],
    "007": [
        f"{side}_{k:03d}_{s}" for side in ("left", "right") for k in range(1, 8) for s in (9, 12)
    ],
    "BraTS-GLI-02063": [f"BraTS-GLI-{k:05d}-{t}" for k in range(2060, 2070) for t in (100, 101)],
    "10007": [
        f"{k}_{1000000 + 3 * k + s}" for k in range(10000, 10016) for s in range(1 + (k == 10007))
    ],
    "002_S_0292": [
        *(f"{k:03d}_S_{290 + k:04d}_I{98400 + k}" for k in range(2, 20)),
        "002_S_0292_I98518",
    ],
    "P004": [f"P{k:03d}_ACC{706937 + 11 * k + s}" for k in range(8) for s in range(1 + (k == 4))],
    "OAS30003": [
        f"OAS30{k:03d}_MR_d{(77 * k + 350 * s):04d}" for k in range(1, 9) for s in range(3)
    ],
    "smith": [f"{name}_{e}" for name in ("jones", "miller", "smith") for e in ("pre", "post")],
    "p2": [f"p{k}_slice{s:02d}" for k in range(1, 5) for s in range(30)],
}


@pytest.mark.parametrize("names", PLAIN.values(), ids=PLAIN)
def test_one_case_a_patient_raises_no_alarm(names):
    assert find_shared(names) == []


@pytest.mark.parametrize(("stem", "names"), SHARED.items(), ids=SHARED)
def test_several_cases_of_a_patient_are_found(stem, names):
    shared = find_shared(reversed(names))
    (own,) = [group for group in shared if group.stem == stem]
    assert len(own.cases) > 1
    assert all(stem in case for case in own.cases)
    # the pattern that is offered, where there is one, does what it says
    pattern = pattern_for(names, shared)
    if pattern is not None:
        patients = {name: re.search(pattern, name)["patient"] for name in names}
        for group in shared:
            assert len({patients[case] for case in group.cases}) == 1
        assert len(set(patients.values())) == len(names) - sum(len(g.cases) - 1 for g in shared)


def test_a_pattern_is_offered_for_the_common_schemes():
    found = {stem for stem, names in SHARED.items() if pattern_for(names, find_shared(names))}
    assert {"genius_01", "patient007", "p07", "sub-02", "case_02", "pat3", "anna"} <= found
    assert {"p05", "005", "p002", "007"} <= found
    assert {"fdg_0143bab87a", "P001", "P002", "P003", "P04", "mueller"} <= found
    assert {"Kaya", "Mueller", "Meier"} <= found


def test_a_pattern_is_sought_once_for_all_stems_of_one_form(monkeypatch):
    names = [f"p{k:03d}_{scan}" for k in range(100) for scan in ("ct", "mr")]
    looks = []

    def search(pattern, name, found=re.search):
        looks.append(pattern)
        return found(pattern, name)

    monkeypatch.setattr(re, "search", search)
    # one name that none fits
    assert pattern_for([*names, "other"], find_shared(names)) is None
    assert len(looks) <= 10 * len(names)


def test_plain_numberings_of_any_length_raise_no_alarm():
    for first in (0, 1, 100):
        for number in range(1, 140):
            for form in ("{}", "{:03d}", "{:04d}", "{:05d}"):
                names = ["c" + form.format(k) for k in range(first, first + number)]
                assert find_shared(names) == [], names


@pytest.mark.parametrize(
    ("layout", "root", "labels"),
    [
        ("ircad", "ircad", {"liver": "liver"}),
        ("pairs", "msd_liver_2d", {"liver": 1}),
        ("msd", "msd_hippocampus", {"anterior": 1, "posterior": 2}),
    ],
)
def test_the_real_data_raise_no_alarm(real_data, layout, root, labels):
    from slicewise.config import Dataset

    dataset = Dataset(name="x", layout=layout, root=root, labels=labels)
    names = [case.name for case in find_cases(dataset, real_data)]
    assert find_shared(names) == []
    assert find_alike(names) == []
