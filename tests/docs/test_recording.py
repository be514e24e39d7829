"""The recording of a run in docs/watch.md, and the script that makes it."""

import importlib.util
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from tests.workflow.badinput import snakemake

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def script():
    name = "make_recording"
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look
    spec.loader.exec_module(module)
    yield module
    del sys.modules[name]


def said(picture: str) -> list[str]:
    """The texts of a recording."""
    return [element.text for element in ElementTree.fromstring(picture).iter(f"{SVG}text")]


@pytest.mark.slow
def test_the_recording_shows_the_stages_that_there_are(script, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(script.SETTINGS))
    ran = snakemake(tmp_path, "--dry-run", "--configfile", str(config), output="")
    assert ran.code == 0, ran.err
    table = re.search(r"^stage +jobs .*?\n(.*?)^together ", ran.out + ran.err, re.M | re.S)
    due = {line.split()[0]: line.split()[1] for line in table[1].splitlines()}
    texts = said(script.PICTURE.read_text())
    ended = [match for match in map(re.compile(r"(\w+) +(\d+)/\2").fullmatch, texts) if match]
    assert {match[1]: match[2] for match in ended} == due, "run docs/make_recording.py again"


def test_the_recording_is_small_loads_nothing_and_tells_of_no_machine(script):
    picture = script.PICTURE.read_text()
    assert len(picture) < 60_000
    assert "href" not in picture and "url(" not in picture
    texts = said(picture)
    assert not [text for text in texts if re.search(r"(^|[\s'])/\w", text)]
    assert f"$ {script.COMMAND}" in texts
    assert any(re.match(r"train baseline/0  epoch \d+/8  loss .* left$", text) for text in texts)


def test_what_is_written_anew_is_seen_once(script):
    screen = script.Screen()
    screen.feed("one\r\ntwo 1/2\r\nthree")
    screen.feed("\r\x1b[2K\x1b[1A\x1b[2Ktwo \x1b[32m2/2\x1b[0m\r\n")
    assert screen.view() == ["one", "two \x1b[32m2/2\x1b[0m", ""]
    styles = {}
    drawn = script.drawn(1, screen.view()[1], styles)
    assert re.findall(r">([^<]+)</text>", drawn) == ["two ", "2/2"]
    assert re.findall(r'class="(\w+)"', drawn) == list(styles.values())


def test_each_line_is_seen_while_it_stands(script):
    frames = [["$ run"], ["$ run", "a <1>"], ["$ run", "a <2>"], ["$ run", "a <2>"]]
    picture = script.picture([0, 0.1, 100, 100.4], frames)
    shown = {}
    for group in ElementTree.fromstring(picture).iter(f"{SVG}g"):
        turns = group.find(f"{SVG}animate")
        starts = [float(start) for start in turns.get("keyTimes").split(";")]
        seen = turns.get("values").split(";")
        shown[group.find(f"{SVG}text").text] = dict(zip(seen, starts, strict=True))
    until = script.SHORTEST + script.LONGEST + 0.4 + script.LAST
    assert shown["$ run"] == {"visible": 0}
    # hidden at first, and in the end
    assert shown["a <1>"]["hidden"] == pytest.approx((0.2 + 0.6) / until, abs=0.001)
    assert shown["a <2>"]["visible"] == shown["a <1>"]["hidden"]


def test_a_command_is_played_as_it_writes(script, tmp_path):
    line = "import sys, time; print('a', flush=True); time.sleep(1); print(sys.stdout.isatty())"
    played = list(script.played([sys.executable, "-c", line], str(tmp_path), {}))
    assert "".join(text for _, text in played).split() == ["a", "True"]
    assert len([text for _, text in played if text]) == 2
    with pytest.raises(SystemExit):
        list(script.played([sys.executable, "-c", "raise SystemExit(3)"], str(tmp_path), {}))
