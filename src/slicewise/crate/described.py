"""What a crate says of itself: JSON-LD of RO-Crate 1.1 with the Workflow Run Crate profile.

References
----------
Soiland-Reyes, S. et al. Packaging research artefacts with RO-Crate. Data Science 5, 97-138 (2022).
Leo, S. et al. Recording provenance of workflow runs with RO-Crate. PLoS ONE 19, e0309210 (2024).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from slicewise.crate.archive import chunks
from slicewise.crate.contents import EXPERIMENTS, LOCK, NOTE, SETTINGS, WORKFLOW, Contents, Ran
from slicewise.crate.images import OWNERS
from slicewise.tracking.provenance import UNKNOWN

VERSION = "1.1"
CONTEXT = "https://w3id.org/ro/terms/workflow-run/context"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
WORKFLOW_PROFILE = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
PARAMETER_PROFILE = "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"
OWN_LICENCE = "Apache-2.0"
FORMATS = {
    ".tsv": "text/tab-separated-values",
    ".csv": "text/csv",
    ".json": "application/json",
    ".yaml": "application/yaml",
    ".txt": "text/plain",
    ".md": "text/markdown",
    ".keras": "application/zip",
    ".gz": "application/gzip",
}
WORDS = {
    "cases.tsv": "the cases, with the SHA-256 of their files and what was measured of them",
    "split.tsv": "which patient is in which subset and fold",
    LOCK: "the locked packages that slicewise is installed with",
    NOTE: "what slicewise reproduce goes by",
    "README.md": "what this crate is, and how the result is made again",
    "metrics.tsv": "scores of each case and label",
    "summary.json": "means, deviations and intervals of the scores",
    "environment.txt": "the version of every package that was installed as it ran",
    SETTINGS: "all settings, by which it is made again",
    "config.yaml": "what the training was told and found: settings, patients, window, code",
    "history.csv": "loss and validation scores by epoch",
    "model.keras": "the trained model",
    "ensemble.json": "how much each member of the ensemble counts, and what that follows from",
}
OF_IMAGES = "#licence-of-images"
IMAGES = "#param-images"
CONFIGURATION = "#param-settings"
MODEL = "#param-model"
SCORES = "#param-scores"
NUMBERS = "#param-numbers"
PARAMETERS = {
    IMAGES: ("images and masks", "Collection", True),
    CONFIGURATION: ("settings", "File", True),
    MODEL: ("model", "File", False),
    SCORES: ("scores of each case", "File", False),
    NUMBERS: ("mean scores", "Number", False),
}
"""Of each: its name, its type, and whether it goes in."""
OF_FILE = {"model.keras": MODEL, "metrics.tsv": SCORES, SETTINGS: CONFIGURATION}


def describe(contents: Contents, licence: str | None, source: str | None) -> bytes:
    """Return the metadata of a crate, the same bytes for the same contents.

    Parameters
    ----------
    contents : Contents
    licence : str, optional
        Address of the licence of the crate, or its name; None where nobody said it.
    source : str, optional
        Address of the repository of the code.
    """
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version=VERSION)
    crate.metadata.extra_contexts.append(CONTEXT)
    files = _add_files(crate, contents)
    workflow = _add_workflow(crate, contents, source)
    images = _add_inputs(crate, contents, files)
    actions = [_add_action(crate, each, files, images) for each in contents.ran]
    _add_parameters(crate, workflow)
    _add_root(crate, contents, licence)
    crate.root_dataset["mentions"] = [*actions, *crate.get_by_type("Collection")]
    written = crate.metadata.generate()
    written["@graph"] = [_compact(each) for each in written["@graph"]]
    return json.dumps(written, indent=1, sort_keys=True, ensure_ascii=False).encode()


def _compact(entity: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entity in which a value that is alone stands in no list, as RO-Crate 1.1 asks."""
    return {
        key: value[0] if isinstance(value, list) and len(value) == 1 else value
        for key, value in entity.items()
    }


def _entity(crate: Any, identifier: str, kind: str | list[str], **properties: Any) -> Any:
    """Add an entity that is no file."""
    from rocrate.model.contextentity import ContextEntity

    known = {key: value for key, value in properties.items() if value not in (None, [])}
    return crate.add(ContextEntity(crate, identifier, {"@type": kind, **known}))


def _add_files(crate: Any, contents: Contents) -> dict[str, Any]:
    """Add the files that the crate holds, but for the workflow; return them by their names."""
    files = {}
    for name, content in sorted(contents.files.items()):
        if name == WORKFLOW:
            continue
        path = PurePosixPath(name)
        is_image = name in contents.images
        properties: dict[str, Any] = {
            "name": name,
            "description": contents.images[name] if is_image else WORDS[path.name],
            "encodingFormat": FORMATS.get(path.suffix, "application/octet-stream"),
            **_measured(content),
        }
        if is_image:
            properties["license"] = {"@id": OF_IMAGES}
        if name == LOCK and not contents.ran_this[LOCK]:
            properties["description"] += ", of the code that published this and not that which ran"
        if path.name in OF_FILE:
            properties["exampleOfWork"] = {"@id": OF_FILE[path.name]}
        if name == "README.md":
            properties["about"] = {"@id": "./"}
        files[name] = crate.add_file(dest_path=name, properties=properties)
    return files


def _measured(content: Any) -> dict[str, str]:
    digest = hashlib.sha256()
    size = 0
    for chunk in chunks(content):
        digest.update(chunk)
        size += len(chunk)
    return {"sha256": digest.hexdigest(), "contentSize": str(size)}


def _add_workflow(crate: Any, contents: Contents, source: str | None) -> Any:
    commits = sorted({each.tags.get("git_commit", UNKNOWN) for each in contents.ran})
    ran = f"Commit {' and '.join(commits)} ran."
    if any(each.tags.get("git_dirty") == "true" for each in contents.ran):
        ran += " Files of it had changes that were not committed."
    if not contents.ran_this[WORKFLOW]:
        ran += " This Snakefile is that of the slicewise which published it, and may be another."
    (known,) = commits if len(commits) == 1 else (UNKNOWN,)
    properties = {
        "name": "slicewise",
        "description": f"From volumes with masks to a trained U-net and its scores. {ran}",
        "conformsTo": {"@id": WORKFLOW_PROFILE},
        "license": {"@id": _licence_address(OWN_LICENCE)},
        "encodingFormat": FORMATS[".txt"],
        **_measured(contents.files[WORKFLOW]),
    }
    if known != UNKNOWN:
        properties["version"] = known
    if source is not None:
        properties |= {"codeRepository": source, "url": source}
    if LOCK in contents.files:
        properties["softwareRequirements"] = {"@id": LOCK}
    workflow = crate.add_workflow(
        dest_path=WORKFLOW, main=True, lang="snakemake", properties=properties
    )
    _add_licence(crate, _licence_address(OWN_LICENCE), OWN_LICENCE)
    return workflow


def _add_inputs(crate: Any, contents: Contents, files: Mapping[str, Any]) -> Any:
    """Add images and masks by their digests, and their files where the crate holds them."""
    parts = [
        _entity(
            crate,
            f"#{kind}-{quote(case)}",
            "CreativeWork",
            name=f"the {kind} of case {case}",
            sha256=digest,
        )
        for (case, kind), digest in sorted(contents.inputs.items())
    ]
    where = "They are not in this crate; each is known by the SHA-256 of its file."
    if contents.images:
        where = f"They are in this crate, as they were read. {OWNERS}"
        _entity(crate, OF_IMAGES, "CreativeWork", name="not said", description=OWNERS)
    return _entity(
        crate,
        "#images",
        "Collection",
        name=f"images and masks of data set {contents.dataset}",
        description=where,
        hasPart=[*parts, *(files[name] for name in contents.images)],
        mainEntity={"@id": "cases.tsv"},
        exampleOfWork={"@id": IMAGES},
    )


def _add_action(crate: Any, ran: Ran, files: Mapping[str, Any], images: Any) -> Any:
    """Add the run of an experiment: what went in, and what came out."""
    place = f"{EXPERIMENTS}/{ran.name}/"
    settings = files[place + SETTINGS]
    own = [each for name, each in files.items() if name.startswith(place) and each is not settings]
    shared = [files[name] for name in ("cases.tsv", "split.tsv")]
    numbers = [
        _entity(
            crate,
            f"#{ran.name}/{quote(name)}",
            "PropertyValue",
            name=name,
            value=value,
            exampleOfWork={"@id": NUMBERS},
        )
        for name, value in ran.metrics.items()
    ]
    commit = ran.tags.get("git_commit", UNKNOWN)
    code = ran.tags.get("library_sha256", UNKNOWN)
    return _entity(
        crate,
        f"#run-{ran.run}",
        "CreateAction",
        name=f"experiment {ran.name}",
        description=f"Trained and scored by commit {commit}; its library has the SHA-256 {code}, "
        f"and the device was {ran.tags.get('gpu', UNKNOWN)}.",
        instrument={"@id": WORKFLOW},
        object=[images, settings],
        result=[*own, *shared, *numbers, *_add_made(crate, ran)],
        startTime=_time(ran.begun),
        endTime=_time(ran.ended),
        actionStatus="http://schema.org/CompletedActionStatus",
    )


def _add_made(crate: Any, ran: Ran) -> list[Any]:
    """Add what an experiment made and the crate does not hold, by its digests."""
    if not ran.made:
        return []
    parts = [
        _entity(
            crate, f"#{ran.name}/{quote(name)}", "CreativeWork", name=Path(name).name, sha256=digest
        )
        for name, digest in ran.made.items()
    ]
    made = _entity(
        crate,
        f"#{ran.name}/made",
        "Collection",
        name=f"masks, pages and pictures of experiment {ran.name}",
        description="They are not in this crate, as they show patients; each is known by the "
        "SHA-256 of its file.",
        hasPart=parts,
        mainEntity=next((each for each in parts if each["name"] == "report.html"), None),
    )
    return [made]


def _add_parameters(crate: Any, workflow: Any) -> None:
    """Add what goes into any run of the workflow, and what comes out."""
    ends: dict[bool, list[Any]] = {True: [], False: []}
    for identifier, (name, kind, goes_in) in PARAMETERS.items():
        ends[goes_in].append(
            _entity(
                crate,
                identifier,
                "FormalParameter",
                name=name,
                additionalType=kind,
                conformsTo={"@id": PARAMETER_PROFILE},
                workExample=_examples(crate, identifier),
            )
        )
    workflow["input"] = ends[True]
    workflow["output"] = ends[False]


def _examples(crate: Any, parameter: str) -> list[dict[str, str]]:
    return [
        {"@id": each.id}
        for each in crate.get_entities()
        if each.properties().get("exampleOfWork") == {"@id": parameter}
    ]


def _add_root(crate: Any, contents: Contents, licence: str | None) -> None:
    root = crate.root_dataset
    names = ", ".join(each.name for each in contents.ran)
    root["name"] = f"Segmentation of {contents.dataset} by {names}"
    root["description"] = (
        f"Settings, models and scores of {names} on data set {contents.dataset}, and the SHA-256 "
        f"of each image and mask. slicewise reproduce makes the result again."
    )
    # when its results were made: writing them down once more changes nothing
    root["datePublished"] = _time(contents.ended)[:10]
    profiles = [
        _entity(crate, address, ["CreativeWork", "Profile"], name=name, version=version)
        for address, (name, version) in PROFILES.items()
    ]
    root["conformsTo"] = profiles
    if licence is None:
        root["license"] = _entity(
            crate,
            "#licence",
            "CreativeWork",
            name="not said",
            description="Its authors have not said under which licence this may be used: ask them.",
        )
    else:
        address = _licence_address(licence)
        _add_licence(crate, address, licence)
        root["license"] = {"@id": address}


def _add_licence(crate: Any, address: str, name: str) -> None:
    _entity(
        crate, address, "CreativeWork", name=name, description=f"the licence {name}", url=address
    )


def _licence_address(licence: str) -> str:
    """Return the address of a licence that is named by it, or by its SPDX identifier."""
    return licence if "://" in licence else f"https://spdx.org/licenses/{licence}"


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds // 1000, UTC).isoformat()
