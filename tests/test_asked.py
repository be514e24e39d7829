"""What a run is asked for and is not there is refused in a sentence."""

from __future__ import annotations

import pytest

from slicewise.asked import (
    configured_by,
    introduction,
    refuse_report,
    refuse_rules,
    refuse_targets,
)
from slicewise.errors import SlicewiseError

RULES = {"all": [], "leakage": [], "train": ["experiment", "fold"]}
REPORT = "results/mr/one/report.html"


def refused(target: str) -> str:
    """Return why a target is refused."""
    with pytest.raises(SlicewiseError) as caught:
        refuse_targets([target], RULES, lambda path: path == REPORT, [REPORT], "mr.yaml")
    return str(caught.value)


def test_rules_and_files_that_are_made_or_there_are_targets(tmp_path):
    (tmp_path / "there").touch()
    targets = ["all", "leakage", REPORT, str(tmp_path / "there")]
    refuse_targets(targets, RULES, lambda path: path == REPORT, [], "mr.yaml")


def test_a_mistyped_target_gets_the_nearest():
    said = "this is no rule, and no file that can be made with mr.yaml; did you mean"
    assert refused("results/mr/one/repot.html") == f"results/mr/one/repot.html: {said} {REPORT}?"
    assert refused("lekage") == f"lekage: {said} leakage?"
    assert refused("xyz").endswith("; rules are all, leakage")


def test_an_absolute_path_of_a_target_is_told_as_it_is_to_be_typed(tmp_path, monkeypatch):
    (tmp_path / "place").mkdir()
    (tmp_path / "link").symlink_to("place")
    monkeypatch.chdir(tmp_path / "place")
    said = f"Snakemake knows no file by its absolute path; ask for {REPORT}"
    for place in (tmp_path / "place", tmp_path / "link"):
        assert refused(f"{place / REPORT}") == f"{place / REPORT}: {said}"
    # which Snakemake would leave as it is, however old
    (tmp_path / "place" / REPORT).parent.mkdir(parents=True)
    (tmp_path / "place" / REPORT).touch()
    assert refused(f"{tmp_path / 'place' / REPORT}").endswith(said)
    mistyped = REPORT.replace("report", "repot")
    assert refused(f"{tmp_path / 'place' / mistyped}").endswith(f"did you mean {REPORT}?")


def test_a_rule_of_many_files_is_no_target():
    assert "for each experiment and fold; ask for one of its files" in refused("train")


def test_a_report_of_pages_that_are_not_there_is_refused():
    pages = ["results/mr/data.html", REPORT]
    refuse_report(pages, lambda page: True, "mr.yaml")
    with pytest.raises(SlicewiseError) as caught:
        refuse_report(pages, lambda page: page != REPORT, "mr.yaml")
    assert str(caught.value).startswith(f"--report: of mr.yaml, {REPORT} is not there, and")
    with pytest.raises(SlicewiseError, match=r"data\.html, .*report\.html are not there"):
        refuse_report(pages, lambda page: False, "mr.yaml")


def test_a_rule_that_is_not_there_gets_no_threads():
    refuse_rules({"--set-threads": ["train"], "--set-resources": []}, RULES)
    with pytest.raises(SlicewiseError, match=r"no rule is called tain; did you mean train\?"):
        refuse_rules({"--set-threads": ["tain"]}, RULES)
    with pytest.raises(SlicewiseError, match=r"xyz; there are all, leakage, train"):
        refuse_rules({"--set-resources": ["xyz"]}, RULES)


@pytest.mark.parametrize("option", ["--configfile", "--configfiles", "--configfile=a.yaml"])
def test_a_forgotten_configuration_is_said(option):
    assert configured_by(["a.yaml"], ["snakemake", option]) == "a.yaml"
    assert "no --configfile is given" in configured_by(["a.yaml"], ["snakemake", "-n"])


def test_a_run_is_introduced():
    assert introduction("a.yaml + b.yaml", 1, ["one"], "results/mr") == (
        "configuration a.yaml + b.yaml: 1 case, experiment one, into results/mr"
    )
