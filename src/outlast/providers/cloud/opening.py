"""Creates a provider from an address and a credential. Only this module creates obstore's stores.

obstore takes every missing setting from the environment. So the endpoint, under the name with the highest
precedence, and signing are always set explicitly: no variable moves a provider.

obstore follows redirects, and a PUT that is answered by 303 becomes a GET that succeeds. It also sends
requests through any proxy that the environment names. Neither can be switched off. So it gets a proxy address
at which no server listens, for all hosts except the provider's own and those that issue credentials: requests
go to these hosts and nowhere else, and a redirect to another host fails. (A redirect to the same host is
followed. It comes from the provider itself: docs/internals/decisions/0015 explains why that does no harm.)

The store's own errors are not passed on: one about a malformed key may quote it.
"""

import atexit
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from obstore.store import AzureStore, GCSStore, S3Store

from outlast.base.errors import ConfigError
from outlast.providers.cloud.address import BucketAddress
from outlast.providers.cloud.failures import nowhere_address
from outlast.providers.cloud.provider import CloudProvider, Dialect, deadline_s_base
from outlast.providers.credentials import Fixed, amazon_keys, from_environment

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

    Make = Callable[[ClientConfig], ObjectStore]

_dialects = {
    "s3": Dialect("S3", tells_versions=True, conflict_exists=False),
    "azure": Dialect("Azure Blob", tells_versions=True, conflict_exists=True),
    "gs": Dialect("GCS", tells_versions=False, conflict_exists=False),
}
connect_s_max = 5
# Longer than all our own deadlines, which depend on a call's size: this one only ends abandoned requests.
request_s_max = 600
# Shorter than servers keep idle connections: one that they have just closed costs a failed request.
idle_s_max = 15
# No server can listen at port 0. `failures` recognizes it by this address.
nowhere = f"http://{nowhere_address}"
# Hosts where clouds issue tokens for a key or for the requesting machine (including subdomains).
credential_hosts = (
    "169.254.0.0/16",
    "fd00:ec2::/32",
    "metadata",
    "google.internal",
    "googleapis.com",
    "accounts.google.com",
    "microsoftonline.com",
    "microsoftonline.us",
    "partner.microsoftonline.cn",
    "login.chinacloudapi.cn",
    "amazonaws.com",
    "amazonaws.com.cn",
)
# How long the interpreter waits for obstore's threads at exit (see `_drain_at_exit`).
drain_s = 0.05


def open_cloud(
    name: str, address: BucketAddress, options: Mapping[str, str], deadline_s: float = deadline_s_base
) -> CloudProvider:
    """The provider at `address`. No request is sent yet. Raises `ConfigError`."""
    client = _client(name, address, options)
    make = _makers[address.kind](name, address, options)
    store: ObjectStore | None = None
    try:
        store = make(client)
    except Exception:  # noqa: S110 any error; none is passed on or logged: see above
        pass
    if store is None:
        raise ConfigError(
            f"provider {name}: its credential or options are not in the form that this cloud needs",
            "see docs/reference/providers/clouds.md for the options of each cloud",
        )
    _drain_at_exit()
    return CloudProvider(name, store, _dialects[address.kind], deadline_s)


_once: "RetryConfig" = {"max_retries": 0, "retry_timeout": timedelta(seconds=request_s_max)}


def _s3(name: str, address: BucketAddress, options: Mapping[str, str]) -> "Make":
    keys = amazon_keys(name, options)
    # Amazon expects the bucket in the host name. Others may not, and a bucket with dots matches no
    # certificate.
    hosted = address.host.endswith((".amazonaws.com", ".amazonaws.com.cn")) and "." not in address.bucket
    endpoint = (
        address.endpoint.replace("https://", f"https://{address.bucket}.") if hosted else address.endpoint
    )
    return lambda client: S3Store(
        address.bucket,
        prefix=address.prefix or None,
        # Under this name, because its variable takes precedence over all others.
        aws_endpoint_url_s3=endpoint,
        region=address.region,
        skip_signature=False,
        virtual_hosted_style_request=hosted,
        conditional_put="etag",
        disable_bulk_delete=True,
        credential_provider=keys,
        client_options=client,
        retry_config=_once,
    )


def _azure(name: str, address: BucketAddress, options: Mapping[str, str]) -> "Make":
    key = from_environment(name, "account_key_env", options)
    token = from_environment(name, "sas_token_env", options)
    fixed = (
        Fixed(access_key=key) if key is not None else Fixed(sas_token=token) if token is not None else None
    )
    return lambda client: AzureStore(
        address.bucket,
        prefix=address.prefix or None,
        account_name=address.account,
        endpoint=address.endpoint,
        use_emulator=False,
        use_fabric_endpoint=False,
        skip_signature=False,
        credential_provider=fixed,
        client_options=client,
        retry_config=_once,
    )


def _gs(name: str, address: BucketAddress, options: Mapping[str, str]) -> "Make":
    key = from_environment(name, "service_account_key_env", options)
    file = options.get("service_account_file")
    if key is not None or file is not None:
        _refuse_ambient(name, _google_variables)

    def credential() -> _GoogleCredential:
        if key is not None:
            return {"service_account_key": key.reveal()}
        return {} if file is None else {"service_account": file}

    return lambda client: GCSStore(
        address.bucket,
        prefix=address.prefix or None,
        base_url=address.endpoint,
        skip_signature=False,
        client_options=client,
        retry_config=_once,
        **credential(),
    )


class _GoogleCredential(TypedDict, total=False):
    service_account_key: str
    service_account: str


# obstore would prefer one of these to a configured key, or fail because it cannot choose.
_google_variables = (
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_BEARER_TOKEN",
)


def _refuse_ambient(name: str, variables: Sequence[str]) -> None:
    """Raise `ConfigError` if the environment has a credential besides the one that the URL names."""
    for variable in variables:
        if variable in os.environ:
            raise ConfigError(
                f"provider {name}: its URL names a credential, and {variable} in the environment is another",
                "unset that variable, or name no credential in the URL",
            )


_makers: dict[str, Callable[[str, BucketAddress, Mapping[str, str]], "Make"]] = {
    "s3": _s3,
    "azure": _azure,
    "gs": _gs,
}


def _client(name: str, address: BucketAddress, options: Mapping[str, str]) -> "ClientConfig":
    client: ClientConfig = {
        "connect_timeout": timedelta(seconds=connect_s_max),
        "timeout": timedelta(seconds=request_s_max),
        "pool_idle_timeout": timedelta(seconds=idle_s_max),
        "allow_http": address.endpoint.startswith("http:"),
        "user_agent": "outlast",
        "proxy_url": nowhere,
        "proxy_excludes": ",".join((address.host, *credential_hosts)),
    }
    if "ca_file" in options:
        try:
            client["root_certificate"] = Path(options["ca_file"]).expanduser().read_bytes()
        except OSError as error:
            raise ConfigError(f"provider {name}: its ca_file cannot be read: {error.strerror}") from error
    return client


@cache
def _drain_at_exit() -> None:
    """obstore's threads may still hold results for Python at exit, and then abort it (6 of 140 runs).
    A moment for them to finish is enough (0 of 80)."""
    atexit.register(lambda: threading.Event().wait(drain_s))
