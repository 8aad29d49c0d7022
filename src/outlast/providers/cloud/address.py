"""The address of a cloud provider, parsed from its URL without any request. No SDK is imported for this.

    s3://BUCKET/PREFIX?region=eu-west-1            Amazon
    s3://BUCKET/PREFIX?endpoint=https://...        others that speak S3
    azure://CONTAINER/PREFIX?account=NAME
    gs://BUCKET/PREFIX

Everything but the credential is in the URL (or, for Amazon's region and Azure's account, in the variables
that these clouds' own tools read). An endpoint in the environment is deliberately ignored: a provider must be
in the same place on every machine, and must count for the operator that runs it.
"""

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote, urlsplit

from outlast.base.errors import ConfigError
from outlast.providers.cloud.quirks import find_operator
from outlast.providers.hosts import check_no_secret, is_here, server_of
from outlast.providers.names import check_prefix

secret_options = (
    "access_key_id_env",
    "secret_access_key_env",
    "session_token_env",
    "profile",
    "account_key_env",
    "sas_token_env",
    "service_account_key_env",
    "service_account_file",
)
place_options = ("endpoint", "region", "account")
common_options = ("ca_file", "name_interval_s")

options_of = {
    "s3": (*common_options, "endpoint", *secret_options[:4]),
    "azure": (*common_options, "endpoint", *secret_options[4:6]),
    "gs": (*common_options, "endpoint", *secret_options[6:]),
}
"""In addition to those that every provider has, such as `region` and `account`."""

_bucket = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}")
_google = "https://storage.googleapis.com"


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """One bucket or container, and the prefix of the provider's objects ("" for the entire bucket)."""

    kind: str
    """`s3`, `azure`, or `gs`."""
    bucket: str
    prefix: str
    endpoint: str
    """Scheme and host (and, for Azure, the account if it is in the path), without a trailing slash."""
    region: str
    """The region that requests are signed for; "" if none. No proof of where the bucket is."""
    account: str

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).hostname or ""

    @property
    def url(self) -> str:
        """Bucket and prefix in normal form."""
        return f"{self.kind}://{self.bucket}/{quote(self.prefix)}".rstrip("/")

    @property
    def place(self) -> str:
        """Equal for two URLs if and only if they lead to the same objects."""
        return f"{self.url} at {self.endpoint}"


def read_address(name: str, parts: SplitResult, options: Mapping[str, str]) -> BucketAddress:
    """The address in the URL of provider `name`. Raises `ConfigError`, which quotes no option's value."""
    check_no_secret(name, parts)
    bucket, prefix = parts.netloc, unquote(parts.path).strip("/")
    if _bucket.fullmatch(bucket) is None:
        raise ConfigError(
            f"provider {name}: its URL names no bucket or container", f"use {parts.scheme}://BUCKET/PREFIX"
        )
    try:
        check_prefix(prefix)
    except ValueError:
        raise ConfigError(
            f"provider {name}: its prefix has characters or parts that some providers do not accept",
            "use letters, digits, '-', '_', and '.', with '/' between parts that do not begin with '.'",
        ) from None
    return _places[parts.scheme](name, bucket, prefix, options)


def guess_domains(name: str, address: BucketAddress) -> dict[str, str]:
    """The failure domains that follow from the endpoint. An unknown host is its own operator."""
    host = address.host
    if is_here(host):
        return {"operator": name, "software": address.kind, "location": socket.gethostname()}
    known = find_operator(host)
    if known is None:
        return {
            "operator": host,
            "account": address.account,
            "software": address.kind,
            "location": host,
        }
    operator, parts = known
    return {
        "operator": operator.name,
        "region": parts.get("region", ""),
        "account": parts.get("account", address.account),
        "software": operator.software,
    }


def name_interval_s(name: str, address: BucketAddress, options: Mapping[str, str]) -> float:
    """The minimum number of seconds between two writes of one name; 0: none."""
    said = options.get("name_interval_s")
    if said is not None:
        try:
            interval_s = float(said)
        except ValueError:
            interval_s = -1.0
        if not 0 <= interval_s <= 60:
            raise ConfigError(f"provider {name}: name_interval_s is not a number of seconds from 0 to 60")
        return interval_s
    known = find_operator(address.host)
    return known[0].name_interval_s if known is not None else 0.0


def _s3(name: str, bucket: str, prefix: str, options: Mapping[str, str]) -> BucketAddress:
    region = options.get("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION", "")
    endpoint = options.get("endpoint")
    if endpoint is None:
        if not region:
            raise ConfigError(
                f"provider {name}: neither its region nor its endpoint is known",
                "add ?region=eu-west-1 for Amazon, ?endpoint=https://... for others",
            )
        china = ".cn" if region.startswith("cn-") else ""
        return BucketAddress("s3", bucket, prefix, f"https://s3.{region}.amazonaws.com{china}", region, "")
    endpoint, host = server_of(name, endpoint)
    known = find_operator(host)
    guess = known[1].get("region", "") if known is not None else ""
    own = "auto" if known is not None and known[0].name == "Cloudflare" else guess
    # The region is part of the signature; a server that does not use regions accepts any.
    region = options.get("region") or own or "us-east-1"
    return BucketAddress("s3", bucket, prefix, endpoint, region, "")


def _azure(name: str, bucket: str, prefix: str, options: Mapping[str, str]) -> BucketAddress:
    account = options.get("account") or os.environ.get("AZURE_STORAGE_ACCOUNT_NAME", "")
    if not account or re.fullmatch(r"[a-z0-9]{3,24}", account) is None:
        raise ConfigError(f"provider {name}: its storage account is not known", "add ?account=NAME")
    endpoint, _ = server_of(name, options.get("endpoint", f"https://{account}.blob.core.windows.net"))
    return BucketAddress("azure", bucket, prefix, endpoint, options.get("region", ""), account)


def _gs(name: str, bucket: str, prefix: str, options: Mapping[str, str]) -> BucketAddress:
    endpoint, _ = server_of(name, options.get("endpoint", _google))
    return BucketAddress(
        "gs", bucket, prefix, endpoint, options.get("region", ""), options.get("account", "")
    )


_places = {"s3": _s3, "azure": _azure, "gs": _gs}
