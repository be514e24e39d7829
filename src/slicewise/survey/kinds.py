"""Kinds of files: those whose paths differ in the parts that tell cases apart only.

``p1/p1_ct.nii.gz`` and ``p2/p2_ct.nii.gz`` are of one kind, ``{0}/{0}_ct.nii.gz``.
A folder's name varies where its siblings hold the same files as it does, or
are numbered; else it is a part of what the files are.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from slicewise.survey.listing import Entry
from slicewise.survey.naming import shared_start
from slicewise.survey.words import is_person, tells_kind, without_subset

_RUNS = re.compile(r"\{\d+\}|\d+")
_JOINTS = re.compile(r"[-_. ]+")
SHORT = 3
"""A folder's name of fewer letters is looked for at the start of names only."""
PRODUCT = 0.9
"""So full is the grid of cases and channels, at least, where a number stands for a channel."""
CHANNELS = 6
MOST = 4
"""Files of one kind that a patient's folder holds at most, on average, where no number tells it."""


@dataclass(frozen=True)
class Kind:
    """Files that differ in what varies only.

    Attributes
    ----------
    template : str
        Path with ``{0}``, ``{1}``, … in place of what varies, outer folders first.
    width : int
        How many parts vary.
    members : mapping of tuple of str to str
        Path of each file by what stands for ``{0}``, ``{1}``, ….
    """

    template: str
    width: int
    members: Mapping[tuple[str, ...], str]

    @property
    def paths(self) -> list[str]:
        """All paths, sorted."""
        return sorted(self.members.values())


@dataclass(frozen=True)
class _Item:
    values: tuple[str, ...]
    rest: tuple[str, ...]
    above: tuple[str, ...]
    entry: Entry


def kinds_of(entries: Iterable[Entry], *, channels: bool, most: int = MOST) -> list[Kind]:
    """Sort files into kinds.

    Parameters
    ----------
    entries : iterable of Entry
    channels : bool
        Whether a number that each case has all values of (``_0000``, ``_0001``;
        ``_t1``, ``_t2``) tells what a file is, and not whose.
    most : int
        Files of one sort that the folder of a patient may hold, where nothing else is in it.

    Returns
    -------
    list of Kind
        Those of most files first.
    """
    plain = [entry for entry in entries if not set("{}") & set(entry.path)]
    items = [_Item((), entry.parts, (), entry) for entry in plain]
    kinds = _below(items, "", channels, most)
    kinds = list(map(_composed, _with_strays(kinds)))
    return sorted(kinds, key=lambda kind: (-len(kind.members), kind.template))


def _composed(kind: Kind) -> Kind:
    """Name what varies in composed letters, as macOS parts an ü into u and its dots."""
    members = {
        tuple(unicodedata.normalize("NFC", value) for value in key): path
        for key, path in kind.members.items()
    }
    return replace(kind, members=members) if len(members) == len(kind.members) else kind


def _with_strays(kinds: Sequence[Kind]) -> list[Kind]:
    """Name what varies in the files of a single case of another subset as in those of the others.

    One file in `test` shows by itself neither what varies in its name nor what not; an image and
    its mask that are alone there look like two of a kind.
    """
    several = [kind for kind in kinds if len(kind.members) > 1]
    named = []
    for kind in kinds:
        named += _of_one_case(kind, several) or [kind]
    return named


def _of_one_case(kind: Kind, others: Sequence[Kind]) -> list[Kind]:
    """Return the files of a kind as kinds of their own, if they are of one case; else nothing."""
    found: dict[str, Kind] = {}
    for path in kind.paths:
        each = _as_in_any(path, others)
        # most kinds are of many cases, which their first files tell
        if each is None or each.template in found:
            return []
        found[each.template] = each
    return [*found.values()]


def _as_in_any(path: str, others: Sequence[Kind]) -> Kind | None:
    tried = (_as_in(path, other) for other in others)
    return next((each for each in tried if each is not None), None)


def _as_in(path: str, other: Kind) -> Kind | None:
    """Return a kind of one file with the varying parts of another, if its subset alone differs."""
    theirs = other.template.split("/")
    mine = path.split("/")
    if len(mine) != len(theirs):
        return None
    both = list(zip(mine[:-1], theirs[:-1], strict=True))
    parts = [one if _is_subset_alone(one, two) else two for one, two in both]
    if parts == theirs[:-1]:
        return None
    template = "/".join([*parts, theirs[-1]])
    match = re.fullmatch(_pattern_of(template), path)
    if match is None:
        return None
    values = tuple(match[f"p{n}"] for n in range(other.width))
    return Kind(template, other.width, {values: path})


def _is_subset_alone(one: str, other: str) -> bool:
    return one != other and without_subset(one) == without_subset(other) != other


def _pattern_of(template: str) -> str:
    """Return a template as a regular expression; what stands twice is the same twice."""
    text = ""
    seen = set()
    for literal, number in re.findall(r"([^{]*)(?:\{(\d+)\})?", template):
        text += re.escape(literal)
        if number:
            text += f"(?P=p{number})" if number in seen else f"(?P<p{number}>[^/]+?)"
            seen.add(number)
    return text


def _below(items: Sequence[_Item], prefix: str, channels: bool, most: int) -> list[Kind]:
    """Return the kinds of files whose folders are alike up to here."""
    files = [item for item in items if len(item.rest) == 1]
    kinds = _of_files(files, prefix, channels) if files else []
    by_name: dict[str, list[_Item]] = defaultdict(list)
    for item in items:
        if len(item.rest) > 1:
            by_name[item.rest[0]].append(item)
    varying = _varying(by_name, most)
    within = []
    for name, inside in by_name.items():
        if name in varying:
            within += [_entered(item, (*item.values, name)) for item in inside]
        else:
            same = [_entered(item, item.values) for item in inside]
            kinds += _below(same, f"{prefix}{name}/", channels, most)
    if within:
        width = len(within[0].values) - 1
        kinds += _below(within, f"{prefix}{{{width}}}/", channels, most)
    return kinds


def _entered(item: _Item, values: tuple[str, ...]) -> _Item:
    return _Item(values, item.rest[1:], (*item.above, item.rest[0]), item.entry)


def _masked(name: str) -> str:
    return re.sub(r"\d+", "#", name)


def _varying(by_name: Mapping[str, Sequence[_Item]], most: int) -> set[str]:
    """Return the names of folders that tell cases apart."""
    above = {name: {item.above for item in items} for name, items in by_name.items()}
    everywhere = set().union(*above.values()) if above else set()
    if len(everywhere) > 1:
        persons = {name for name in by_name if is_person(name)}
        rare = {name for name, places in above.items() if 2 * len(places) <= len(everywhere)}
        # patients may be counted anew in each place
        return rare | persons if len(persons) > 1 else rare
    if len(by_name) < 2:
        return set()
    families = Counter(_masked(name) for name in by_name if re.search(r"\d", name))
    varying = {name for name in by_name if families[_masked(name)] > 1}
    others = [n for n in by_name if n not in varying and not tells_kind(n)]
    contents = {name: _contents(by_name[name]) for name in others}
    named = [_contents(by_name[name])[1] for name in by_name if tells_kind(name)]
    for name in others:
        number, inside = contents[name]
        alike = [n for n in others if n != name and _alike(contents[n][1], inside)]
        numbered = any(_alike(_contents(by_name[n])[1], inside) for n in sorted(varying)[:3])
        # a folder of one sort of files may be what these are: `liver` and `spleen` beside `ct`
        sort = len(inside) == 1 and (number > most or any(_alike(one, inside) for one in named))
        if (alike and not sort) or numbered:
            varying.add(name)
    return varying


def _contents(items: Sequence[_Item]) -> tuple[float, set[str]]:
    """Return what a folder holds without regard to numbers, and how many files of each sort.

    Folders within it count by their words for images and masks only, and not where
    the names of files repeat theirs.
    """
    sorts = Counter(_form(item) for item in items)
    return len(items) / len(sorts), set(sorts)


def _form(item: _Item) -> str:
    """Return what a file is called without what tells cases apart."""
    folders = item.rest[:-1]
    name = item.rest[-1]
    for folder in sorted(folders, key=len, reverse=True):
        name = name.replace(folder, "=")
    within = [_masked(folder) if tells_kind(folder) else "*" for folder in folders[1:]]
    return "/".join([*within, _masked(name)]) + _format(item.entry.suffix)


def _format(suffix: str) -> str:
    """Return what files of one format have in common: `.nii` of `.nii.gz` and `.NII`, too."""
    return suffix.lower().removesuffix(".gz")


def _alike(one: set[str], other: set[str]) -> bool:
    return 2 * len(one & other) >= len(one | other) or (not one and not other)


# --- files of folders that are alike --------------------------------------------------------


@dataclass(frozen=True)
class _File:
    values: tuple[str, ...]
    stem: str
    above: tuple[str, ...]
    entry: Entry


def _of_files(items: Sequence[_Item], prefix: str, channels: bool) -> list[Kind]:
    """Sort the files of folders that are alike into kinds."""
    files = [_File(i.values, _told_again(i.rest[0], i.values), i.above, i.entry) for i in items]
    folders = len({file.above for file in files})
    families: dict[tuple[str, str], list[_File]] = defaultdict(list)
    for file in files:
        families[_RUNS.sub(_mask, file.stem), _format(file.entry.suffix)].append(file)
    kinds = []
    left = []
    for suffix, members in (one for _, each in sorted(families.items()) for one in _suffixed(each)):
        if folders > 1 and _are_common(members, folders):
            for stem in sorted({file.stem for file in members}):
                same = {f.values: f.entry.path for f in members if f.stem == stem}
                kinds.append(_kind(prefix, stem, suffix, same))
        elif len(members) == 1 or (folders > 1 and len({f.above for f in members}) == 1):
            left += members
        else:
            kinds += _numbered(members, prefix, suffix, channels)
    return kinds + _worded(left, prefix)


def _suffixed(files: Sequence[_File]) -> list[tuple[str, list[_File]]]:
    """Return files of one format with their suffix, in which a star stands for what differs.

    Where two files differ in nothing else, each suffix is a kind of its own.
    """
    suffixes = sorted({file.entry.suffix for file in files})
    if len({(file.values, file.stem) for file in files}) == len(files):
        shared = suffixes[0][: shared_start(suffixes)]
        return [(shared if len(suffixes) == 1 else f"{shared}*", list(files))]
    return [(one, [file for file in files if file.entry.suffix == one]) for one in suffixes]


def _mask(run: re.Match[str]) -> str:
    return run[0] if run[0].startswith("{") else "#"


def _kind(prefix: str, stem: str, suffix: str, members: dict[tuple[str, ...], str]) -> Kind:
    return Kind(f"{prefix}{stem}{suffix}", len(next(iter(members))), members)


def _told_again(stem: str, values: Sequence[str]) -> str:
    """Put ``{0}``, ``{1}``, … where a name repeats what its folders are called."""
    for number in sorted(range(len(values)), key=lambda n: -len(values[n])):
        value = values[number]
        if stem.startswith(value) and not stem[len(value) :][:1].isdigit():
            stem = f"{{{number}}}{stem[len(value) :]}"
        elif len(value) >= SHORT:
            pattern = rf"(?<![A-Za-z0-9{{]){re.escape(value)}(?![A-Za-z0-9}}])"
            stem = re.sub(pattern, f"{{{number}}}", stem)
    return stem


def _are_common(files: Sequence[_File], folders: int) -> bool:
    """Tell whether each of these names is there in most folders."""
    places: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for file in files:
        places[file.stem].add(file.above)
    common = [stem for stem, there in places.items() if 2 * len(there) > folders]
    return len(common) == len(places)


def _numbered(files: Sequence[_File], prefix: str, suffix: str, channels: bool) -> list[Kind]:
    """Return the kinds of files whose names differ in numbers."""
    rows = [[run for run in _RUNS.findall(f.stem) if not run.startswith("{")] for f in files]
    moving = [n for n, column in enumerate(zip(*rows, strict=True)) if len(set(column)) > 1]
    if not moving:
        # the same name in few of many folders
        return [_kind(prefix, files[0].stem, suffix, {f.values: f.entry.path for f in files})]
    if channels:
        split = _channel(files, rows, moving)
        if split is not None:
            parts: dict[str, list[_File]] = defaultdict(list)
            for file, row in zip(files, rows, strict=True):
                parts[row[split]].append(file)
            return [k for p in parts.values() for k in _numbered(p, prefix, suffix, channels)]
    spans = [_span(file.stem, moving) for file in files]
    left, _, right = spans[0]
    width = len(files[0].values)
    members = {(*f.values, s[1]): f.entry.path for f, s in zip(files, spans, strict=True)}
    return [_kind(prefix, f"{left}{{{width}}}{right}", suffix, members)]


def _span(stem: str, moving: Sequence[int]) -> tuple[str, str, str]:
    """Part a name into what is before, from the first to the last, and behind moving numbers."""
    runs = [run for run in _RUNS.finditer(stem) if not run[0].startswith("{")]
    start = runs[moving[0]].start()
    end = runs[moving[-1]].end()
    return stem[:start], stem[start:end], stem[end:]


def _channel(
    files: Sequence[_File], rows: Sequence[Sequence[str]], moving: Sequence[int]
) -> int | None:
    """Return which of several numbers stands for a channel: each case has each of its values."""
    for position in reversed(moving):
        values = {row[position] for row in rows}
        others = {
            (file.values, *(row[n] for n in moving if n != position))
            for file, row in zip(files, rows, strict=True)
        }
        full = len(files) >= PRODUCT * len(values) * len(others)
        if len(values) <= CHANNELS and full and len(others) > len(values):
            return position
    return None


def _worded(files: Sequence[_File], prefix: str) -> list[Kind]:
    """Return the kinds of files that no number tells apart, by the words that their names share."""
    by_end = _shared(files, _end)
    by_start = _shared(files, _start)
    rest = list(files)
    kinds = []
    # anna_ct, anna_seg, bert_ct, bert_seg: of kinds there are fewer than of patients; a word
    # that all begin with tells nothing
    ends = bool(by_end) and (len(by_start) < 2 or len(by_end) <= len(by_start))
    for (_, suffix), members in sorted((by_end if ends else by_start).items()):
        stems = [file.stem for file in members]
        around = ("", f"{_shared_end(stems)}{suffix}") if ends else (_shared_start(stems), suffix)
        kinds.append(_open(members, prefix, *around))
        rest = [file for file in rest if file not in members]
    alone: dict[str, list[_File]] = defaultdict(list)
    for file in rest:
        alone[file.entry.suffix].append(file)
    return kinds + [_open(members, prefix, "", suffix) for suffix, members in sorted(alone.items())]


def _shared(
    files: Sequence[_File], word_of: Callable[[str], str]
) -> dict[tuple[str, str], list[_File]]:
    """Return the files that share a word with others, by it and their suffix."""
    groups: dict[tuple[str, str], list[_File]] = defaultdict(list)
    for file in files:
        groups[word_of(file.stem), file.entry.suffix].append(file)
    return {key: members for key, members in groups.items() if key[0] and len(members) > 1}


def _end(stem: str) -> str:
    """Return the last word of a name with the sign before it."""
    joints = list(_JOINTS.finditer(stem))
    return stem[joints[-1].start() :] if joints and joints[-1].start() > 0 else ""


def _start(stem: str) -> str:
    joints = list(_JOINTS.finditer(stem))
    return stem[: joints[0].end()] if joints and joints[0].end() < len(stem) else ""


def _shared_end(stems: Sequence[str]) -> str:
    """Return the last words that names share, with the sign before them."""
    words = _end(stems[0])
    for joint in reversed(list(_JOINTS.finditer(stems[0]))):
        end = stems[0][joint.start() :]
        if joint.start() == 0 or not all(stem.endswith(end) and stem != end for stem in stems):
            break
        words = end
    return words


def _shared_start(stems: Sequence[str]) -> str:
    """Return the first words that names share, with the sign behind them."""
    words = _start(stems[0])
    for joint in _JOINTS.finditer(stems[0]):
        start = stems[0][: joint.end()]
        if not all(stem.startswith(start) and stem != start for stem in stems):
            break
        words = start
    return words


def _open(files: Sequence[_File], prefix: str, start: str, end: str) -> Kind:
    """Return the kind of files of which all between start and end varies."""
    width = len(files[0].values)
    template = f"{prefix}{start}{{{width}}}{end}"
    members = {}
    for file in files:
        name = f"{file.stem}{file.entry.suffix}"
        # what repeats its folders stands as {0} in the stem, and varies here as it is called
        middle = name[len(start) : len(name) - len(end)].format(*file.values)
        members[(*file.values, middle)] = file.entry.path
    return Kind(template, width + 1, members)


def narrowed(kind: Kind) -> Kind:
    """Return a kind without its last varying part where the others tell its files apart.

    `{0}/seg/{1}.dcm` becomes `{0}/seg/*.dcm`, as a star is any part of a name.
    """
    return without_part(kind, kind.width - 1)


def without_part(kind: Kind, number: int) -> Kind:
    """Return a kind without a varying part; itself where the others do not tell its files apart."""
    keys = {key[:number] + key[number + 1 :] for key in kind.members}
    if kind.width < 2 or len(keys) < len(kind.members):
        return kind
    template = re.sub(
        r"\{(\d+)\}",
        lambda m: "*" if int(m[1]) == number else f"{{{int(m[1]) - (int(m[1]) > number)}}}",
        kind.template,
    )
    members = {key[:number] + key[number + 1 :]: path for key, path in kind.members.items()}
    return Kind(template, kind.width - 1, members)


def trimmed(kind: Kind) -> Kind:
    """Return a kind whose varying parts begin with what differs: `PANCREAS_{0}` and not `{0}`.

    Parts that stand twice in a path stay, and those that differ from their first letter on.
    """
    template = kind.template
    columns = [list(column) for column in zip(*kind.members, strict=True)]
    for number, values in enumerate(columns):
        start = _first_words(values)
        if start and template.count(f"{{{number}}}") == 1 and not set("{}") & set(start):
            template = template.replace(f"{{{number}}}", f"{start}{{{number}}}")
            columns[number] = [value[len(start) :] for value in values]
    if template == kind.template:
        return kind
    keys = zip(*columns, strict=True)
    members = dict(zip(keys, kind.members.values(), strict=True))
    return Kind(template, kind.width, members)


def _first_words(values: Sequence[str]) -> str:
    """Return what several names begin with, up to a number or behind a sign."""
    if len(set(values)) < 2:
        return ""
    number = shared_start(values)
    while number and not _is_joint(values, number):
        number -= 1
    return values[0][:number]


def _is_joint(values: Sequence[str], number: int) -> bool:
    """Tell whether a word ends at a place in several names, and something follows."""
    last = values[0][number - 1]
    follow = [value[number : number + 1] for value in values]
    if not all(follow) or last.isdigit():
        return False
    return not last.isalpha() or all(letter.isdigit() for letter in follow)


def widened(kind: Kind) -> Kind:
    """Return a kind whose last varying part takes in what stands before it in the file's name.

    `img/Case{0}.nii.gz` becomes `img/{0}.nii.gz`, so that a case is called
    `Case01` and not `01`; the kind itself where nothing stands there.
    """
    last = f"{{{kind.width - 1}}}"
    folder, slash, name = kind.template.rpartition("/")
    before, middle, behind = name.partition(last)
    if not middle or not before or "{" in before:
        return kind
    members = {(*key[:-1], f"{before}{key[-1]}"): path for key, path in kind.members.items()}
    return Kind(f"{folder}{slash}{last}{behind}", kind.width, members)
