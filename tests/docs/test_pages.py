"""What tutorial, short how-tos and explanations say is so."""

import io
import re
from contextlib import redirect_stdout

import pytest
import yaml

from slicewise.config import Experiment, load_settings
from slicewise.config.configuration import read_configuration
from tests.documents import ROOT

DOCS = ROOT / "docs"
SHORT = ("archive", "labels", "channels", "lean", "gpu")


def text_of(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def fenced(name: str, language: str) -> list[str]:
    """Return the blocks of a page in a language, without their indentation."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", text_of(name), re.M | re.S)
    return [re.sub(rf"^{indent}", "", text, flags=re.M) for indent, text in found]


BLOCKS = [(name, block) for name in SHORT for block in fenced(name, "yaml")]


@pytest.mark.parametrize(("name", "block"), BLOCKS, ids=[name for name, _ in BLOCKS])
def test_settings_of_a_short_page_are_accepted(name, block):
    whole = {
        "dataset": {"name": "x", "layout": "msd", "root": "x", "labels": {"liver": 1}},
        "slices": {"axial256": {"plane": "axial", "size": 256}},
        "experiments": {"e": {"slices": "axial256"}},
    }
    given = yaml.safe_load(block)
    slices = {**whole["slices"], **given.get("slices", {})}
    settings = load_settings({**whole, **given, "slices": slices})
    for experiment in given.get("experiments", {}):
        found = settings.experiments[experiment]
        assert found != Experiment(slices=found.slices), f"{experiment} is the default"


def test_the_idea_of_the_tutorial_is_laid_over_the_demo(tmp_path):
    (block,) = fenced("tutorial", "yaml")
    ideas = tmp_path / "ideas.yaml"
    ideas.write_text(block, encoding="utf-8")
    demo = ROOT / "config" / "config.yaml"
    settings = load_settings(read_configuration([demo, ideas]))
    assert settings.wanted == ["tutorial", "baseline", "wider"]
    told = load_settings(read_configuration([demo])).experiments
    before = dict(settings.experiments)
    wider = before.pop("wider")
    assert before == told
    # it differs from what it is compared with in one thing alone
    assert wider.network.filters == [2 * n for n in told["baseline"].network.filters]
    same = wider.model_copy(update={"network": told["baseline"].network})
    assert same == told["baseline"]


def test_patients_of_the_demo_are_those_of_the_tutorial():
    dataset = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    number, share = dataset["dataset"]["phantom"]["cases"], dataset["split"]["test"]
    tested = round(number * share)
    assert f"makes the environment `.venv` from locked packages, then {number} synthetic" in (
        " ".join(text_of("tutorial").split())
    )
    assert f"on {number - tested} of them and scores them on the other {tested}." in (
        " ".join(text_of("tutorial").split())
    )


def test_the_three_numbers_called_dice_come_out_as_told():
    (program,) = fenced("origin", "python")
    (told,) = fenced("origin", "text")
    said = io.StringIO()
    with redirect_stdout(said):
        exec(program, {})
    assert said.getvalue() == told


def test_hounsfield_units_wrap_as_told():
    import numpy as np

    assert "300 HU became 44" in text_of("origin")
    assert np.array([300]).astype(np.uint8) == 44


def benchmarks() -> str:
    pages = [(ROOT / "benchmarks" / name).read_text("utf-8") for name in ("README.md", "study.md")]
    return "\n".join(pages)


@pytest.mark.parametrize(
    ("page", "figures"),
    [
        (
            "origin",
            ["0.868 [0.763, 0.939]", "0.939 [0.912, 0.957]", "0.912", "0.935", "0.922 to 0.943"],
        ),
        ("intervals", ["49 of 52"]),
        ("leaks", ["13,539", "0.776, 0.855 and 0.917"]),
        ("defaults", ["0.935", "0.880", "0.925", "0.921", "0.865", "0.867"]),
    ],
)
def test_figures_of_a_page_are_those_that_were_measured(page, figures):
    for figure in figures:
        assert figure in text_of(page), figure
        assert figure in benchmarks(), figure


def test_numbers_of_the_checks_are_those_of_the_code():
    from slicewise.dataset.duplicates import ALIKE
    from slicewise.dataset.suspects import MOST
    from slicewise.evaluation.comparison import fewest

    assert f"where the limit is {ALIKE}" in text_of("leaks")
    assert f"more than the {MOST} nearest" in text_of("leaks")
    assert f"With fewer than {fewest(1)} patients who differ" in text_of("intervals")


def test_the_picture_of_the_design_is_small_and_says_what_it_shows():
    picture = (DOCS / "design.svg").read_text(encoding="utf-8")
    assert len(picture) < 5000
    assert "<title>" in picture
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")


def test_pages_about_clusters_name_all_rules_that_ask_for_a_gpu():
    """A training is given one, and so must whatever else runs a network be."""
    rules = "".join(path.read_text() for path in sorted((ROOT / "rules").glob("*.smk")))
    blocks = re.findall(r"^ *rule (\w+):\n(.*?)(?=^ *rule |\Z)", rules, re.M | re.S)
    asking = {name for name, block in blocks if "gpu=GPUS" in block}
    assert {"train", "predict"} < asking
    (lsf,) = (block for block in fenced("cluster", "yaml") if "executor: lsf" in block)
    assert yaml.safe_load(lsf)["set-resources"].keys() == asking
    table = re.findall(r"^\| (.+) \| .+ \| .+ \| 1 \| .+ \|$", text_of("cluster"), re.M)
    assert {*re.findall(r"`(\w+)`", " ".join(table))} == asking
    (gpus,) = re.findall(r"^\*\*GPUs\.\*\* [^(]*\(([^)]*)\)", text_of("kubernetes"), re.M)
    assert {*re.findall(r"`(\w+)`", gpus)} == asking
