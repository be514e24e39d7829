"""Names of patients: which are one name in two spellings, and which cases may share a patient."""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""Names of cases, as they become names of files."""
# Letters and symbols that are shown as nothing: the fillers of Hangul, and the blank of Braille.
UNSEEN = "\u115f\u1160\u3164\uffa0\u2800"
# Capitals and small letters of Cyrillic and Greek that look like Latin ones.
LOOKALIKES = str.maketrans(
    "АВЕКМНОРСТХІЈЅаеорсухіјѕΑΒΕΖΗΙΚΜΝΟΡΤΥΧο",
    "ABEKMHOPCTXIJSaeopcyxijsABEZHIKMNOPTYXo",
)
BLANK = ("Zs", "Zl", "Zp", "Cc", "Cf")  # separators, control characters, and what is only format


@functools.cache
def is_blank(letter: str) -> bool:
    """Whether a character is shown as nothing: a blank of any width, a tab, a byte-order mark, …"""
    return letter.isspace() or letter in UNSEEN or unicodedata.category(letter) in BLANK


def stripped(text: str) -> str:
    """Return a text without any kind of blank at its ends."""
    if text.isascii() and text.isprintable():
        return text.strip()
    shown = [position for position, letter in enumerate(text) if not is_blank(letter)]
    return text[shown[0] : shown[-1] + 1] if shown else ""


# --- one name in two spellings --------------------------------------------------------------


def find_alike(
    names: Iterable[str], known: Iterable[Collection[str]] = ()
) -> list[tuple[list[str], str]]:
    """Find names that people hold for the same.

    Parameters
    ----------
    names : iterable of str
        Names of patients.
    known : iterable of collections of str
        Names that are known to stand for different patients.

    Returns
    -------
    list of (names, how)
        Each group of different names that are the same without regard to upper
        and lower case, Unicode form (NFKC), letters of other scripts that look
        alike, blanks, leading zeros of a number, or which sign separates their
        parts; and by what the first two of them differ, in words.
    """
    unique = sorted(set(names))
    apart = [frozenset(each) for each in known]
    alike: list[list[str]] = []
    for key in (_without_blanks, folded):
        by_key = defaultdict(list)
        for name in unique:
            by_key[key(name)].append(name)
        alike += [group for group in by_key.values() if len(group) > 1]
    differences = {}
    for group in alike:
        open_pairs = [
            pair
            for pair in itertools.combinations(group, 2)
            if not any(apart_group.issuperset(pair) for apart_group in apart)
        ]
        left = sorted({name for pair in open_pairs for name in pair})
        if left:
            differences[tuple(left)] = _difference(*open_pairs[0])
    return [(list(group), how) for group, how in sorted(differences.items())]


def _plain(name: str) -> str:
    if name.isascii():
        return name.lower()
    # Compatibility forms first: fi for the ligature, 1 for a full-width 1; dashes become one.
    text = unicodedata.normalize("NFKC", name).translate(LOOKALIKES)
    text = unicodedata.normalize("NFKC", text.casefold())
    return "".join("-" if unicodedata.category(letter) == "Pd" else letter for letter in text)


def _zeros(text: str) -> str:
    return re.sub(r"(?<!\d)0+(?=\d)", "", text)


def _without_blanks(name: str) -> str:
    return _zeros("".join(letter for letter in _plain(name) if not is_blank(letter)))


def folded(name: str) -> str:
    """Return what is left of a name without all that people do not look at.

    That is case, Unicode form, leading zeros of numbers, and which sign or blank separates parts:
    there is one for all, and none where a letter stands beside it (``p-01``, ``p_01``, ``p01``).

    Examples
    --------
    >>> folded("Case_001") == folded("case 1"), folded("p12") == folded("p1_2")
    (True, False)
    """
    text = "".join("-" if is_blank(x) or x in "_." else x for x in _plain(name)).strip("-")
    return _zeros(re.sub(r"(?<=\d)-+(?=\d)", "-", re.sub(r"(?<!\d)-+|-+(?!\d)", "", text)))


def _difference(one: str, other: str) -> str:
    def equal(change: object) -> bool:
        return change(one) == change(other)  # type: ignore[operator]

    if equal(lambda name: unicodedata.normalize("NFKC", name)):
        return "in their Unicode form"
    if equal(str.casefold):
        return "in upper and lower case"
    if equal(_zeros):
        return "in leading zeros"
    if equal(lambda name: "".join(letter for letter in name if not is_blank(letter))):
        return "in blanks"
    return "in case, blanks, leading zeros, separators, Unicode form or look-alike letters"


# --- cases that may share a patient ---------------------------------------------------------

SMALL_GROUP = 12
"""Numbered scans of one patient are at most about so many; a site has more patients."""
LARGEST_SCAN = 30
"""A number that counts the scans of a patient is not greater."""
FEW_SCANS = 8
"""Where they are counted from a greater one on, there are no more."""
FEW_NAMED = 6
"""Nor are there of a patient who is called by a word, which may be an organ or a place."""
PERSONS = (
    *("p", "pat", "patient", "pt", "ptnt", "sub", "subj", "subject", "case", "person"),
    *("participant", "id", "mouse", "rat"),
)
"""Words that begin the name of somebody: what follows is no scan of what stands before."""
PLACES = (
    *("site", "sites", "center", "centre", "hospital", "clinic", "scanner", "vendor", "fold"),
    *("batch", "set", "dataset", "data", "task", "study", "cohort", "group", "part", "train"),
    *("training", "test", "testing", "val", "validation", "tr", "ts", "volume", "vol", "img"),
    "image",
)
"""Words before a number that names many patients at once."""
FRAMES = ("frame", "phase", "time", "tp", "t", "frm")
"""Before the number of a frame."""
SCANS = (
    *("visit", "scan", "ses", "session", "day", "week", "month", "year", "study", "exam", "series"),
    *("baseline", "followup", "follow", "pre", "post", "phase", "time", "tp", "run", "acq"),
)
"""Of folders and files that hold one of several scans of a patient."""
PHASES = (
    *("arterial", "venous", "portal", "portalvenous", "delayed", "native", "nephrographic"),
    *("ed", "es", "systole", "diastole", "inspiration", "expiration", "bl", "fu", "up"),
    *("early", "mid", "late", "left", "right"),
)
"""Of one of several scans of an examination, and what else scans of another day are called."""
_YEAR = r"(?:19|20)\d\d"
_MONTH = r"(?:0[1-9]|1[0-2])"
_DAY = r"(?:0[1-9]|[12]\d|3[01])"
# the year first; or the day or the month first, which need a sign between; or no day at all
_DATE = (
    rf"(?:{_YEAR}(?P<sign>[-_.]?){_MONTH}(?P=sign){_DAY}"
    rf"|(?:{_DAY}(?P<by>[-_.]){_MONTH}|{_MONTH}(?P<us>[-_.]){_DAY})(?:(?P=by)|(?P=us)){_YEAR}(?!\d)"
    rf"|{_YEAR}(?P<of>[-.]){_MONTH}(?!(?P=of)?\d))"
)
_BEFORE_DATE = rf"(?P<stem>.*?[^-_. ])[-_. ]+{_DATE}"
# of people who are called by words; behind a number it may be one more of them
_BEFORE_YEAR = rf"(?P<stem>\D*[^-_. \d])[-_. ]+{_YEAR}$"
# digits that stand where such a date does
_DATED = "(?:[0-9]{4}[-_.]?[0-9]{2}|[0-9]{2}[-_.][0-9]{2}[-_.][0-9]{4})"


def is_scan(name: str) -> bool:
    """Tell whether a name is that of a scan alone: a visit, a phase, a side or a day.

    Examples
    --------
    >>> [is_scan(name) for name in ("baseline", "T0", "visit2", "follow_up", "2019-01-31")]
    [True, True, True, True, True]
    >>> [is_scan(name) for name in ("31.01.2019", "01-31-2019", "2019-01")]
    [True, True, True]
    >>> [is_scan(name) for name in ("anna", "p01", "Basel", "study1", "007")]
    [False, False, False, False, False]
    """
    if re.fullmatch(_DATE, name):
        return True
    words = re.findall("[a-z]+", name.lower())
    return bool(words) and {*words} <= {*SCANS, *FRAMES, *PHASES} - {*PLACES}


def are_scans_of(scans: Collection[str], patients: Collection[str]) -> bool:
    """Tell whether names are those of scans with patients in each, and not the other way around.

    Parameters
    ----------
    scans : collection of str
        Of folders, or what names begin with.
    patients : collection of str
        What is in them, or follows.

    Examples
    --------
    >>> are_scans_of({"T0", "T1"}, {"p01", "p02"}), are_scans_of({"T1", "T2", "T3"}, {"a", "b"})
    (True, False)
    """
    if not all(map(is_scan, scans)) or any(map(is_scan, patients)) or len({*patients}) < 2:
        return False
    if all(re.fullmatch(_DATE, name) for name in scans):
        return all(any(letter.isdigit() for letter in name) for name in patients)
    # numbers may be those of patients, of whom there are more than scans of each
    numbered = any(letter.isdigit() for name in scans for letter in name)
    return not numbered or len({*scans}) <= len({*patients})


@dataclass(frozen=True)
class Shared:
    """Cases that seem to be of one patient.

    Attributes
    ----------
    stem : str
        What their names share, by which the patient would be called.
    cases : tuple of str
        Their names, two or more.
    """

    stem: str
    cases: tuple[str, ...]


def find_shared(names: Iterable[str]) -> list[Shared]:
    """Find cases whose names look like several scans of one patient.

    Three ways of naming scans are known. What follows the patient is set off
    (``p01_ED`` and ``p01_ES``, ``sub-01_ses-1``, ``case_01a``), and returns with
    other patients, or begins with a date (``p01_31.01.2019``); it is a word for a
    scan, or a date, before the patient (``baseline_p01``); or it is the end of one
    number (``genius_0100``, ``genius_0101``), which begins anew with each patient. A
    plain numbering of patients does none of these.

    Parameters
    ----------
    names : iterable of str
        Names of cases that are taken for a patient each.

    Returns
    -------
    list of Shared
        Sorted by stem; empty where names look like one case a patient.
    """
    unique = sorted(set(names))
    if told := _behind_scans(unique) or _before_dates(unique):
        return told
    for level in range(1, 1 + max((len(_tokens(name)) for name in unique), default=0)):
        groups = _at_level(unique, level)
        if groups:
            return groups
    return _of_words(unique) or _by_number(unique)


def stems_of(names: Iterable[str]) -> dict[str, str]:
    """Return what the patient of each case is called, by `find_shared`.

    Examples
    --------
    >>> stems_of(["p01_ED", "p01_ES", "p02_ED", "p02_ES"])["p01_ES"], stems_of(["liver_1"])
    ('p01', {'liver_1': 'liver_1'})
    """
    unique = set(names)
    shared = {case: group.stem for group in find_shared(unique) for case in group.cases}
    return {name: shared.get(name, name) for name in unique}


def pattern_for(names: Iterable[str], shared: Iterable[Shared]) -> str | None:
    """Return a ``patient_pattern`` by which just the cases of each group have one patient.

    Parameters
    ----------
    names : iterable of str
        All cases.
    shared : iterable of Shared
        The groups, from `find_shared`.

    Returns
    -------
    str or None
        None where no simple pattern does it for all names.
    """
    unique = sorted(set(names))
    groups = list(shared)
    wanted = sorted(group.cases for group in groups)
    first = all(case.startswith(group.stem) for group in groups for case in group.cases)
    # the last number may be the patient's, or that of one of their scans
    starts = ["^"] if first else ["^.*[-_. ]", "^.*?[-_. ]"]
    forms = (form for group in groups for form in _forms(group.stem))
    tried = (f"{start}(?P<patient>{form})" for form, start in itertools.product(forms, starts))
    dated = f"^(?P<patient>.+?)(?:[-_. ]+{_DATED}.*)?$"
    # most stems have the same forms
    for pattern in dict.fromkeys([*tried, dated]):
        by_patient = defaultdict(list)
        for name in unique:
            match = re.search(pattern, name)
            by_patient[match["patient"] if match else ""].append(name)
        several = sorted(tuple(group) for group in by_patient.values() if len(group) > 1)
        if "" not in by_patient and several == wanted:
            return pattern
    return None


def _forms(stem: str) -> tuple[str, str, str]:
    """Return patterns that a stem has: of its numbers, of their digits, and of its words, too."""
    exact = re.sub(r"\d+", lambda run: f"[0-9]{{{len(run[0])}}}", re.escape(stem))
    numbers = re.sub(r"\d+", "[0-9]+", re.escape(stem))
    words = re.sub(r"(?<!\[)[A-Za-z]+", "[A-Za-z]+", numbers)
    return numbers, exact, words


def _tokens(name: str) -> list[str]:
    """Split a name into parts, each with the separators behind it; a subject of BIDS is one."""
    parts = r"sub-[A-Za-z0-9]+[-_. ]*|[^-_. ]*\d(?=[A-Za-z])|[^-_. ]*[-_. ]+|[^-_. ]+$"
    return re.findall(parts, name)


def _behind_scans(names: Sequence[str]) -> list[Shared]:
    """Find the scans of patients in names that the scan begins: baseline_p01, followup_p01."""
    whose: dict[str, list[str]] = defaultdict(list)
    scans = set()
    for name in names:
        patient = _behind_scan(name)
        scans.add(name.removesuffix(patient).rstrip("-_. "))
        whose[patient].append(name)
    if not are_scans_of(scans, whose):
        return []
    # several scans of a patient may also follow: left_01_1, left_01_2, right_01_1
    stems = stems_of(whose)
    of_patient: dict[str, list[str]] = defaultdict(list)
    for rest, own in whose.items():
        of_patient[stems[rest]] += own
    several = {stem: own for stem, own in of_patient.items() if len(own) > 1}
    return [Shared(stem, tuple(sorted(own))) for stem, own in sorted(several.items())]


def _behind_scan(name: str) -> str:
    """Return what follows the date, or the words for a scan, that a name begins with."""
    if dated := re.match(rf"{_DATE}[-_. ]+(?=.)", name):
        return name[dated.end() :]
    tokens = _tokens(name)
    while len(tokens) > 1 and is_scan(tokens[0].rstrip("-_. ")):
        tokens = tokens[1:]
    return "".join(tokens)


def _before_dates(names: Sequence[str]) -> list[Shared]:
    """Find the scans of patients in names in which a date follows: p01_2019-01-31, p01_12.03.2019.

    Whatever others are called, as some may have no date, or another number in its place.
    """
    whose: dict[str, list[str]] = defaultdict(list)
    for name in names:
        dated = re.match(_BEFORE_DATE, name) or re.match(_BEFORE_YEAR, name)
        whose[dated["stem"] if dated else name].append(name)
    # names of persons, perhaps, as of scans that are counted
    persons = len(whose) >= 3 and max(map(len, whose.values())) <= FEW_NAMED
    several = [
        Shared(stem, tuple(own))
        for stem, own in sorted(whose.items())
        if len(own) > 1 and _last_word(stem) not in PLACES
        if persons or any(letter.isdigit() for letter in stem)
    ]
    many = several and median(len(group.cases) for group in several) > SMALL_GROUP
    return [] if many or len(whose) < 2 else several


def _at_level(names: Sequence[str], level: int) -> list[Shared]:
    tails: dict[str, dict[str, str]] = defaultdict(dict)
    for name in names:
        tokens = _tokens(name)
        stem = "".join(tokens[:level]).rstrip("-_. ")
        tails[stem][name] = "".join(tokens[level:])
    several = {stem: group for stem, group in tails.items() if len(group) > 1}
    if len(tails) < 2 or not several or not _are_scans(tails, several):
        return []
    return [Shared(stem, tuple(sorted(group))) for stem, group in sorted(several.items())]


def _are_scans(
    tails: Mapping[str, Mapping[str, str]], several: Mapping[str, Mapping[str, str]]
) -> bool:
    """Whether groups of names are the scans of patients each."""
    stems = list(tails)
    ends = [tail for group in several.values() for tail in group.values() if tail]
    if any(_word(tail) in PERSONS for tail in ends) or any(_last_word(s) in PLACES for s in stems):
        return False
    numbered = all(tail[0].isdigit() for tail in ends)
    if numbered and median(len(group) for group in several.values()) > SMALL_GROUP:
        return False
    if all(_is_date(tail) or _is_day(tail) for tail in ends):
        return any(character.isdigit() for stem in several for character in stem)
    if _are_studies(tails, ends):
        return True
    large = numbered and any(_number(tail) > LARGEST_SCAN for tail in ends)
    if large and not _count_on(tails, ends):
        return False
    every = [tail for group in tails.values() for tail in group.values() if tail]
    # The name of another case with something added: p07 and p07_repeat.
    added = all("" in group.values() for group in several.values())
    if not all(any(character.isdigit() for character in stem) for stem in several):
        # names of persons, perhaps: anna_1, anna_2, bert_1; or anna_pre, anna_post
        small = max(map(len, tails.values())) <= FEW_NAMED and len(tails) >= 3
        counted = small and all(re.fullmatch(r"\d{1,2}", tail) for tail in every)
        if not (counted or (small and added) or all(map(is_scan, every))):
            return False
    if added:
        return True
    seen = Counter(tail for group in tails.values() for tail in set(group.values()))
    again = sum(seen[tail] > 1 for tail in ends)
    return 2 * again >= len(ends) or (len(several) == 1 and not numbered and _alike(ends))


def _are_studies(tails: Mapping[str, Mapping[str, str]], ends: Sequence[str]) -> bool:
    """Whether what follows patients are long numbers, each of one scan alone: 10004_1000005.

    Most patients have one; of places there are fewer than of patients.
    """
    names = [tail for group in tails.values() for tail in group.values()]
    if 2 * len(tails) <= len(names) or len({*names}) < len(names):
        return False
    if not all(re.fullmatch(r"[A-Za-z]*\d{4,}", tail) for tail in ends):
        return False
    return all(re.search(r"\d", stem) and not _is_date(stem) for stem in tails)


def _count_on(tails: Mapping[str, Mapping[str, str]], ends: Sequence[str]) -> bool:
    """Whether large numbers are the same few with each patient: 100, 101 and 102 of BraTS."""
    most = max(map(len, tails.values()))
    return len(tails) >= 4 and len({*ends}) <= most + 2 <= FEW_SCANS


def _alike(tails: Sequence[str]) -> bool:
    """Whether ends differ in one number or letter only: frame01 and frame12, a and b."""
    shapes = {re.sub(r"\d+", "0", tail) for tail in tails}
    letters = all(len(tail) == 1 for tail in tails)
    return (len(shapes) == 1 or letters) and max(map(len, tails)) <= 8


def _word(tail: str) -> str:
    return re.match(r"[A-Za-z]*", tail)[0].lower()  # type: ignore[index]


def _last_word(stem: str) -> str:
    word = re.search(r"([A-Za-z]+)[-_. ]*\d*$", stem)
    return word[1].lower() if word else ""


def _number(tail: str) -> int:
    digits = re.match(r"\d+", tail)[0]  # type: ignore[index]
    return int(digits) if len(digits) <= 3 else LARGEST_SCAN + 1


def _is_date(tail: str) -> bool:
    return re.match(_DATE, tail) is not None


def _is_day(tail: str) -> bool:
    """Whether it counts days, as OASIS does: MR_d0550."""
    return re.fullmatch(r"(?:[A-Za-z]+[-_])?d\d{3,4}", tail) is not None


def _of_words(names: Sequence[str]) -> list[Shared]:
    """Find the scans of people who are called by words and numbers: mueller1, mueller2, meier1."""
    whose: dict[str, list[str]] = defaultdict(list)
    for name in names:
        parts = re.fullmatch(r"(\D*[^\W\d_])(\d?)", name)
        if parts is None or int(parts[2] or 0) > FEW_NAMED:
            return []
        whose[parts[1]].append(name)
    known = {*PERSONS, *PLACES, *FRAMES, *SCANS}
    if len(whose) < 3 or known & {_last_word(stem) for stem in whose}:
        return []
    return [Shared(stem, tuple(own)) for stem, own in sorted(whose.items()) if len(own) > 1]


def _by_number(names: Sequence[str]) -> list[Shared]:
    """Find the scans of patients in numbers whose first digits are the patient's."""
    series: dict[tuple[str, int, str], list[tuple[str, str]]] = defaultdict(list)
    for name in names:
        parts = re.fullmatch(r"(.*?)(\d{3,})(\D*)", name)
        if parts and not re.fullmatch(r"(?:.*[-_. ])?sub-[A-Za-z0-9]*", parts[1]):
            series[parts[1], len(parts[2]), parts[3]].append((name, parts[2]))
    shared: list[Shared] = []
    for (before, _, _), members in sorted(series.items()):
        for digits in (2, 1):
            groups = defaultdict(list)
            for name, number in members:
                groups[before + number[:-digits]].append((int(number[-digits:]), name))
            if _count_anew([[n for n, _ in group] for group in groups.values()], digits):
                shared += [
                    Shared(stem, tuple(name for _, name in sorted(group)))
                    for stem, group in sorted(groups.items())
                    if len(group) > 1
                ]
                break
    return shared


def _count_anew(groups: Sequence[Sequence[int]], digits: int) -> bool:
    """Whether numbers begin anew in each group, at 0 or 1, and never fill their digits."""
    if len(groups) < 2 or max(map(len, groups)) < 2:
        return False
    first = min(map(min, groups))
    if first > 1 or any(min(group) != first for group in groups):
        return False
    # 7 of 10 and 50 of 100 are not reached by scans, but by patients who are numbered through
    if max(map(max, groups)) >= {1: 7, 2: 50}[digits]:
        return False
    # some scans may be missing, but not every other one
    return sum(map(max, groups)) + (1 - first) * len(groups) <= 1.5 * sum(map(len, groups))
