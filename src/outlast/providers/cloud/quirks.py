"""Differences between operators, as data. A test compares docs/reference/providers/clouds.md, with sources.

An operator is recognized by its endpoint's host. This is for guesses only (what a provider shares with
others, how often one name may be written). The probe measures what a provider can do; that is never looked
up here.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of object storage."""

    name: str
    software: str
    hosts: str
    """A regular expression for the full host name, with the groups `region` and `account`."""
    name_interval_s: float = 0.0
    """Seconds between two writes of one name; faster writes are answered by 429."""
    creates: str = "yes"
    """Whether it is documented to create only absent objects: `yes`, `no`, or `unknown`. For the docs."""


_region = r"(?P<region>[a-z0-9-]+)"

operators = (
    Operator("Amazon", "S3", rf"(?:[a-z0-9.-]+\.)?s3[.-](?:dualstack\.)?{_region}\.amazonaws\.com(?:\.cn)?"),
    Operator("Amazon", "S3", r"s3\.amazonaws\.com"),
    Operator(
        "Cloudflare",
        "R2",
        r"(?P<account>[0-9a-f]+)\.(?:(?P<region>[a-z]+)\.)?r2\.cloudflarestorage\.com",
        name_interval_s=1.0,
    ),
    Operator("Backblaze", "B2", rf"s3\.{_region}\.backblazeb2\.com", creates="no"),
    Operator("Wasabi", "Wasabi", rf"s3\.{_region}\.wasabisys\.com", creates="unknown"),
    Operator("Wasabi", "Wasabi", r"s3\.wasabisys\.com", creates="unknown"),
    Operator("DigitalOcean", "Spaces", rf"{_region}\.digitaloceanspaces\.com", creates="unknown"),
    Operator("Scaleway", "Scaleway", rf"s3\.{_region}\.scw\.cloud"),
    Operator(
        "OVHcloud",
        "OVHcloud",
        rf"s3\.{_region}\.(?:io\.|perf\.)?cloud\.ovh\.(?:net|us)",
    ),
    Operator("Hetzner", "Ceph", rf"{_region}\.your-objectstorage\.com", creates="unknown"),
    Operator("Akamai", "Ceph", rf"{_region}\.linodeobjects\.com", creates="unknown"),
    Operator(
        "Oracle",
        "Oracle",
        rf"(?P<account>[a-z0-9]+)\.compat\.objectstorage\.{_region}\.(?:oraclecloud|oci\.customer-oci)\.com",
        creates="unknown",
    ),
    Operator("IBM", "COS", rf"s3\.{_region}\.cloud-object-storage\.appdomain\.cloud", creates="unknown"),
    Operator("Alibaba", "OSS", rf"(?:s3\.)?oss-{_region}\.aliyuncs\.com", creates="unknown"),
    Operator("Tigris", "Tigris", r"(?:fly\.storage\.tigris\.dev|t3\.storage\.dev)"),
    Operator("Storj", "Storj", r"gateway\.(?:(?P<region>[a-z0-9]+)\.)?storjshare\.io"),
    Operator("Google", "GCS", r"storage\.googleapis\.com", name_interval_s=1.0),
    Operator("Microsoft", "Azure Blob", r"(?P<account>[a-z0-9]+)\.blob\.core\.windows\.net"),
    Operator("Microsoft", "Azure Blob", r"(?P<account>[a-z0-9]+)\.blob\.core\.usgovcloudapi\.net"),
    Operator("21Vianet", "Azure Blob", r"(?P<account>[a-z0-9]+)\.blob\.core\.chinacloudapi\.cn"),
)

_known = tuple((re.compile(operator.hosts), operator) for operator in operators)


def find_operator(host: str) -> tuple[Operator, dict[str, str]] | None:
    """The operator of an endpoint's host, and the `region` and `account` in the host name."""
    for pattern, operator in _known:
        found = pattern.fullmatch(host.lower())
        if found is not None:
            return operator, {what: value for what, value in found.groupdict().items() if value}
    return None
