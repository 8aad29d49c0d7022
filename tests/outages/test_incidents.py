"""Incidents are data: what holds of every file, whom an incident hits, the page that is made from them."""

import re
from datetime import UTC, timedelta
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from outlast.base.errors import ConfigError
from outlast.outages.incidents import ERASED, Incident, Phase, Scope, incident, load_incidents
from outlast.outages.incidents.page import render
from outlast.placement.members import Domains
from outlast.providers.cloud.quirks import operators
from outlast.providers.wrap.fault import Shape

FILES = sorted(
    file.name for file in files("outlast.outages.incidents").iterdir() if file.name.endswith(".toml")
)

# Operators that store nothing for anybody: no provider has them, but names, gateways and sites may.
STORES_NOTHING = {"Dyn", "Facebook", "Fastly"}

# Operators of storage that none of our providers is for.
ELSEWHERE = {"CloudNordic", "NIRS"}

# What operators of storage do besides storing, as far as an incident names it.
BESIDES_STORAGE = {
    "Akamai": {"Edge DNS"},
    "Amazon": {"API Gateway", "CloudWatch", "Cognito", "DynamoDB", "EC2", "Kinesis", "STS", "VPC endpoint"},
    "Cloudflare": {"BYOIP", "CDN", "Workers KV", "control plane"},
    "Google": {"VMware Engine"},
    "Microsoft": {"Azure Front Door", "Virtual Machines"},
}

# Where the provider's own text was not to be had.
ONLY_RETOLD = {
    "akamai-2021-07-22",
    "alibaba-2023-11-12",
    "aws-2026-03-01",
    "aws-2026-03-02",
    "cloudnordic-2023-08-18",
    "google-2023-04-25",
    "nirs-2025-09-26",
    "wasabi-2020-12-28",
}

LISTED = (
    "cloudflare-2025-11-18",
    "cloudflare-2025-12-05",
    "aws-2025-10-20",
    "azure-2025-10-29",
    "azure-2025-10-09",
    "azure-2021-03-15",
    "google-2025-06-12",
    "fastly-2021-06-08",
    "dyn-2016-10-21",
    "facebook-2021-10-04",
    "ovh-2021-03-10",
    "unisuper-2024-05-02",
    "aws-2017-02-28",
    "google-2022-07-19",  # the cooling of one zone
    "aws-2026-03-01",
    "google-2026-05-19",  # an account
    "storj-2025-04-10",
    "azure-2024-07-18",
    "google-2023-04-25",
    "cloudnordic-2023-08-18",
    "nirs-2025-09-26",
    "azure-2024-07-30",
    "cloudflare-2026-02-20",
)

each = pytest.mark.parametrize("one", load_incidents(), ids=lambda one: one.id)


def test_the_files_are_in_the_package_and_all_are_loaded() -> None:
    assert len(FILES) >= 22
    assert [f"{one.id}.toml" for one in load_incidents()] == FILES


def test_the_famous_ones_are_there() -> None:
    assert {one.id for one in load_incidents()} >= set(LISTED)


@each
def test_an_id_is_a_name_and_the_day_somewhere_on_earth(one: Incident) -> None:
    found = re.fullmatch(r"[a-z]+-(\d{4}-\d{2}-\d{2})", one.id)
    assert found is not None
    assert one.began.tzinfo == UTC
    local = {(one.began + timedelta(hours=hours)).date().isoformat() for hours in range(-12, 15)}
    assert found[1] in local


@each
def test_phases_are_within_the_incident_and_have_known_shapes(one: Incident) -> None:
    assert all(0 <= phase.begin_s < phase.end_s <= one.duration_s for phase in one.phases)
    assert {phase.shape for phase in one.phases} <= {*Shape, ERASED}


@each
def test_what_is_erased_is_permanent_and_nothing_else(one: Incident) -> None:
    assert one.permanent == any(phase.shape == ERASED for phase in one.phases)


@each
def test_scopes_are_spelled_as_providers_are(one: Incident) -> None:
    """Otherwise an incident would never hit the provider that it is about."""
    for scope in one.scope:
        stores = {operator.software for operator in operators if operator.name == scope.operator}
        assert stores or scope.operator in STORES_NOTHING | ELSEWHERE, scope
        assert scope.software in {"", *stores, *BESIDES_STORAGE.get(scope.operator, ())}, scope


@each
def test_sources_are_given_and_the_providers_own_where_there_is_one(one: Incident) -> None:
    for source in one.sources:
        address = urlsplit(source.url)
        assert address.scheme in {"http", "https"} and "." in address.netloc
        assert source.title
    own = [source for source in one.sources if source.kind != "press"]
    assert bool(own) != (one.id in ONLY_RETOLD)


@each
def test_every_part_is_told_and_what_is_unsure_is_said(one: Incident) -> None:
    told = one.told
    for text in (one.title, told.seen, told.kept_working, told.cause, told.unknown):
        assert text == text.strip() and "|" not in text and "\n" not in text
    assert one.title and told.seen and told.kept_working and told.cause
    if not all(scope.sure for scope in one.scope):
        assert told.unknown, "a scope that is not sure, and nothing said of it"


STORE = Domains(operator="Amazon", region="us-east-1", account="123", software="S3", location="Ashburn")


@pytest.mark.parametrize(
    ("scope", "domains", "hit"),
    [
        (Scope(operator="Amazon"), STORE, "yes"),
        (Scope(operator=" amazon"), STORE, "yes"),
        (Scope(operator="AMAZON", region="US-East-1", software="s3"), STORE, "yes"),
        (Scope(operator="Amazon", region="us-west-2"), STORE, "no"),
        (Scope(operator="Google"), STORE, "no"),
        (Scope(location="Ashburn"), STORE, "yes"),
        (Scope(account="123"), STORE, "yes"),
        (Scope(operator="Amazon", region="us-east-1"), Domains(operator="Amazon"), "unknown"),
        (Scope(operator="Amazon", region="us-east-1"), Domains(operator="Amazon", region="  "), "unknown"),
        (Scope(operator="Amazon"), Domains(operator=""), "unknown"),
        (Scope(operator="Amazon"), Domains(operator="Amazon"), "yes"),
        # What is known and differs decides, whatever else is not known, before or after it.
        (Scope(operator="Amazon", region="us-east-1"), Domains(operator="Google"), "no"),
        (Scope(operator="Amazon", region="us-east-1"), Domains(operator="", region="eu-west-1"), "no"),
        (Scope(operator="Amazon", sure=False), STORE, "unknown"),
        (Scope(operator="Google", sure=False), STORE, "no"),
    ],
)
def test_a_scope_hits_whoever_has_all_of_its_domains(scope: Scope, domains: Domains, hit: str) -> None:
    assert scope.hits(domains) == hit


@pytest.mark.parametrize(
    ("scopes", "hit"),
    [
        ([Scope(operator="Google"), Scope(operator="Amazon")], "yes"),
        ([Scope(operator="Amazon", sure=False), Scope(operator="Amazon", software="S3")], "yes"),
        ([Scope(operator="Google"), Scope(operator="Amazon", sure=False)], "unknown"),
        ([Scope(operator="Google"), Scope(operator="Microsoft", sure=False)], "no"),
    ],
)
def test_an_incident_hits_whoever_is_in_any_of_its_scopes(scopes: list[Scope], hit: str) -> None:
    one = msgspec.structs.replace(load_incidents()[0], scope=tuple(scopes))
    assert one.hits(STORE) == hit


R2 = Domains(operator="Cloudflare", software="R2")
GCS = Domains(operator="Google", region="us-east4", software="GCS")
BLOB = Domains(operator="Microsoft", region="southcentralus", software="Azure Blob")


@pytest.mark.parametrize(
    ("incident_id", "domains", "hit"),
    [
        ("aws-2017-02-28", STORE, "yes"),
        ("aws-2021-12-07", STORE, "no"),  # AWS: S3 was not hit
        ("aws-2025-10-20", STORE, "unknown"),  # AWS does not say
        ("aws-2025-10-20", Domains(operator="Amazon", region="eu-west-1", software="S3"), "no"),
        ("cloudflare-2025-02-06", R2, "yes"),
        ("cloudflare-2025-11-18", R2, "unknown"),
        ("cloudflare-2025-11-18", STORE, "no"),
        ("google-2025-06-12", GCS, "yes"),
        ("google-2019-06-02", GCS, "yes"),
        ("google-2022-07-19", GCS, "no"),
        ("google-2022-07-19", Domains(operator="Google", software="GCS"), "unknown"),
        ("unisuper-2024-05-02", GCS, "no"),  # Google: the customer's buckets were not hit
        ("azure-2018-09-04", BLOB, "yes"),
        ("azure-2025-10-29", BLOB, "no"),
        ("ovh-2021-03-10", Domains(operator="OVHcloud", region="sbg", software="OVHcloud"), "yes"),
        ("ovh-2021-03-10", Domains(operator="OVHcloud", region="gra", location="Gravelines"), "no"),
        ("fastly-2021-06-08", STORE, "no"),
    ],
)
def test_whom_the_real_ones_hit(incident_id: str, domains: Domains, hit: str) -> None:
    assert incident(incident_id).hits(domains) == hit


def test_cloudflares_bot_file_comes_and_goes_every_five_minutes() -> None:
    phases = incident("cloudflare-2025-11-18").phases
    waves = [phase for phase in phases if phase.end_s - phase.begin_s == 300]
    assert {later.begin_s - wave.begin_s for wave, later in pairwise(waves)} == {600}
    assert len(waves) > 5
    assert all(phase.assumed for phase in waves)


def test_an_unknown_incident_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="aws-1999") as refused:
        incident("aws-1999-01-01")
    assert "aws-2025-10-20" in refused.value.remedy


def test_a_field_that_nobody_knows_is_refused() -> None:
    text = files("outlast.outages.incidents").joinpath(FILES[0]).read_text(encoding="utf-8")
    assert msgspec.toml.decode(text, type=Incident)
    with pytest.raises(msgspec.ValidationError, match="severity"):
        msgspec.toml.decode('severity = "high"\n' + text, type=Incident)


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": "sad"},
        {"end_s": 0},
        {"share": 0.0},
        {"share": 1.5},
        {"reads": False, "writes": False},
    ],
)
def test_a_phase_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    fine: dict[str, object] = {"begin_s": 0, "end_s": 60, "shape": "err"}
    msgspec.convert(fine, Phase)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(fine | wrong, Phase)


def test_a_scope_of_everybody_is_refused() -> None:
    with pytest.raises(ValueError, match="every provider"):
        Scope()


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        ([(0, 60), (30, 99)], "longer than the incident"),
        ([(30, 60), (0, 30)], "order"),
        ([], "needed"),
    ],
)
def test_an_incident_that_cannot_be_is_refused(phases: list[tuple[int, int]], message: str) -> None:
    made = tuple(Phase(begin_s=begin, end_s=end, shape="err") for begin, end in phases)
    with pytest.raises(ValueError, match=message):
        msgspec.structs.replace(load_incidents()[0], duration_s=60, phases=made)


def test_the_page_is_what_the_data_say() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "incidents.md"
    assert page.read_text(encoding="utf-8") == render(), "run the command in its first line"
    for one in load_incidents():
        assert all(source.url in render() for source in one.sources)
