"""URLs of clouds and shares: where they lead, who runs that, where the credential is."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from outlast.base.clock import SystemClock
from outlast.base.errors import ConfigError
from outlast.providers.cloud.address import name_interval_s, read_address
from outlast.providers.credentials import Secret, amazon_keys, from_environment
from outlast.providers.registry import open_provider, parse_url


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in list(os.environ):
        if variable.startswith(("AWS_", "AZURE_", "GOOGLE_")):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("HOME", str(tmp_path))


def domains(url: str) -> tuple[str, ...]:
    found = parse_url("mine", url).domains
    return found["operator"], found["region"], found["account"], found["software"]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("s3://bucket/a?region=eu-west-1", ("Amazon", "eu-west-1", "", "S3")),
        ("s3://bucket?region=cn-north-1", ("Amazon", "cn-north-1", "", "S3")),
        ("s3://bucket?endpoint=https://s3.us-west-2.amazonaws.com", ("Amazon", "us-west-2", "", "S3")),
        (
            "s3://bucket?endpoint=https://abc123.r2.cloudflarestorage.com",
            ("Cloudflare", "", "abc123", "R2"),
        ),
        (
            "s3://bucket?endpoint=https://abc123.eu.r2.cloudflarestorage.com",
            ("Cloudflare", "eu", "abc123", "R2"),
        ),
        (
            "s3://bucket?endpoint=https://s3.eu-central-003.backblazeb2.com",
            ("Backblaze", "eu-central-003", "", "B2"),
        ),
        ("s3://bucket?endpoint=https://s3.wasabisys.com", ("Wasabi", "", "", "Wasabi")),
        ("s3://bucket?endpoint=https://fsn1.your-objectstorage.com", ("Hetzner", "fsn1", "", "Ceph")),
        ("s3://bucket?endpoint=https://minio.example.org:9000", ("minio.example.org", "", "", "s3")),
        (
            "s3://bucket?endpoint=https://minio.example.org:9000&region=r",
            ("minio.example.org", "r", "", "s3"),
        ),
        ("s3://bucket?endpoint=http://127.0.0.1:9000", ("mine", "", "", "s3")),
        ("azure://container?account=someone", ("Microsoft", "", "someone", "Azure Blob")),
        (
            "azure://container?account=someone&region=westeurope",
            ("Microsoft", "westeurope", "someone", "Azure Blob"),
        ),
        ("gs://bucket", ("Google", "", "", "GCS")),
        ("gs://bucket?region=EU&account=project", ("Google", "EU", "project", "GCS")),
        ("webdav://cloud.example.org/me", ("cloud.example.org", "", "", "WebDAV")),
        ("webdav+http://localhost:8080/me", ("mine", "", "", "WebDAV")),
        ("s3://bucket?region=eu-west-1&operator=Us&software=x", ("Us", "eu-west-1", "", "x")),
    ],
)
def test_who_runs_it_is_told_by_the_endpoint_and_overruled_by_options(
    url: str, told: tuple[str, ...]
) -> None:
    assert domains(url) == told


def test_a_look_alike_of_an_operators_host_is_not_that_operator() -> None:
    for host in (
        "s3.eu-west-1.amazonaws.com.example.org",
        "xs3.eu-west-1.amazonaws.com.de",
        "evil-r2.example",
    ):
        assert domains(f"s3://bucket?endpoint=https://{host}")[0] == host


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("s3://bucket/a/b/?region=eu-west-1", "s3://bucket/a/b"),
        ("s3://bucket?region=eu-west-1", "s3://bucket"),
        ("azure://container/?account=someone", "azure://container"),
        ("gs://bucket/a%2Fb", "gs://bucket/a/b"),
        ("webdav://Cloud.example.org:443/me/", "webdav://cloud.example.org/me"),
    ],
)
def test_each_place_has_one_way_of_writing_it(url: str, canonical: str) -> None:
    assert parse_url("mine", url).url == canonical


def test_one_bucket_name_at_two_endpoints_is_two_places_and_at_one_endpoint_one() -> None:
    def place(url: str) -> str:
        return parse_url("mine", url).place

    assert place("s3://bucket/a?endpoint=https://x.org") != place("s3://bucket/a?endpoint=https://y.org")
    assert place("s3://bucket/a?endpoint=https://x.org") == place(
        "s3://bucket/a/?endpoint=https://X.org:443/&region=r"
    )
    assert place("s3://bucket?region=eu-west-1") == place(
        "s3://bucket?endpoint=https://s3.eu-west-1.amazonaws.com"
    )
    assert place("azure://container?account=one") != place("azure://container?account=two")


def test_amazons_and_azures_own_variables_complete_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-south-1")
    assert domains("s3://bucket")[:2] == ("Amazon", "eu-south-1")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "someone")
    assert domains("azure://container")[2] == "someone"


def test_an_endpoint_in_the_environment_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://elsewhere.example")
    assert domains("s3://bucket?region=eu-west-1")[0] == "Amazon"


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("s3://bucket", "neither its region nor its endpoint"),
        ("s3:///a?region=x", "no bucket"),
        ("s3://bucket/a b?region=x", "prefix"),
        ("s3://bucket/../a?region=x", "prefix"),
        ("s3://bucket?endpoint=ftp://x", "endpoint"),
        ("s3://bucket?endpoint=https://", "endpoint"),
        ("s3://bucket?endpoint=https://x:99999", "endpoint"),
        ("s3://bucket?region=x&name_interval_s=-1", "name_interval_s"),
        ("s3://bucket?region=x&account_key_env=A", "account_key_env"),
        ("azure://container", "account"),
        ("azure://container?account=Not_One", "account"),
        ("webdav://", "endpoint"),
        ("webdav://host/a?user=me", "password"),
        ("gs://bucket?ca_file=/there/is/none", "ca_file"),
        ("s3://bucket?region=x&secret_access_key_env=OUTLAST_TEST_NOT_SET", "is not set"),
        ("s3://bucket?region=x&profile=nobody", "profile"),
    ],
)
def test_what_cannot_be_understood_is_told_with_the_providers_name(url: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as raised:
        open_provider("mine", url, SystemClock())
    assert "mine" in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "s3://id:PLANTED@bucket?region=x",
        "s3://bucket?region=x&secret_access_key=PLANTED",
        "s3://bucket?endpoint=https://id:PLANTED@host",
        "azure://container?account=a23&account_key=PLANTED",
        "azure://container?account=a23&endpoint=https://host/?sig=PLANTED",
        "gs://bucket?service_account_key=PLANTED",
        "webdav://me:PLANTED@host/a",
        "webdav://host/a?user=me&password=PLANTED",
        "s3://[PLANTED",
    ],
)
def test_a_secret_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    for take in (lambda: parse_url("mine", url), lambda: open_provider("mine", url, SystemClock())):
        with pytest.raises(ConfigError) as raised:
            take()
        assert "PLANTED" not in str(raised.value) + raised.value.remedy


# ---------------------------------------------------------------- how often a name may be written


def test_google_and_cloudflare_allow_one_write_of_a_name_a_second() -> None:
    for url, interval_s in (
        ("gs://bucket", 1.0),
        ("s3://bucket?endpoint=https://ab.r2.cloudflarestorage.com", 1.0),
        ("s3://bucket?region=x", 0.0),
        ("gs://bucket?name_interval_s=0.5", 0.5),
    ):
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
        assert name_interval_s("mine", read_address("mine", parts, options), options) == interval_s


# ---------------------------------------------------------------- credentials


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret("PLANTED")
    assert "PLANTED" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "PLANTED"


def test_a_named_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTLAST_TEST_ID", "id")
    monkeypatch.setenv("OUTLAST_TEST_SECRET", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "somebody else's")
    options = {"access_key_id_env": "OUTLAST_TEST_ID", "secret_access_key_env": "OUTLAST_TEST_SECRET"}
    keys = amazon_keys("mine", options)
    assert keys is not None
    assert keys() == {"access_key_id": "id", "secret_access_key": "secret", "token": None, "expires_at": None}
    assert from_environment("mine", "session_token_env", options) is None


def test_half_a_key_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTLAST_TEST_SECRET", "secret")
    with pytest.raises(ConfigError, match="belong together"):
        amazon_keys("mine", {"secret_access_key_env": "OUTLAST_TEST_SECRET"})


def test_amazons_profiles_are_read_after_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text("[default]\naws_access_key_id=d\naws_secret_access_key=ds\n")
    (folder / "config").write_text(
        "[profile work]\naws_access_key_id=w\naws_secret_access_key=ws\naws_session_token=wt\n"
    )

    def key_id(**options: str) -> str | None:
        keys = amazon_keys("mine", options)
        return None if keys is None else keys()["access_key_id"]

    assert key_id() == "d"
    assert key_id(profile="work") == "w"
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert key_id() == "w"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from the environment")
    assert key_id() is None, "obstore takes it from there"
    assert key_id(profile="default") == "d", "what the URL says comes first"


def test_a_broken_file_of_profiles_does_not_show_its_lines(tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text("aws_secret_access_key PLANTED\n")
    with pytest.raises(ConfigError) as raised:
        amazon_keys("mine", {})
    assert "PLANTED" not in str(raised.value)
    assert raised.value.__context__ is None


def test_a_malformed_credential_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTLAST_TEST_SECRET", '{"PLANTED": ')
    with pytest.raises(ConfigError) as raised:
        open_provider("mine", "gs://bucket?service_account_key_env=OUTLAST_TEST_SECRET", SystemClock())
    assert raised.value.__context__ is None
    assert "PLANTED" not in str(raised.value)


# ---------------------------------------------------------------- what it costs those who do not use it


def test_a_store_on_disks_imports_no_cloud() -> None:
    code = (
        "import sys, outlast.providers.registry as r; from outlast.base.clock import SystemClock;"
        "r.open_provider('a', '/srv/a', SystemClock()); r.parse_url('b', 's3://bucket?region=x');"
        "print([name for name in sys.modules if name.partition('.')[0] in ('obstore', 'opendal', 'boto3')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
