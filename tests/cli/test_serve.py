"""`outlast serve`: a real process, from `ready` to SIGTERM."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError


@contextmanager
def serving(
    shell: Any, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A gateway on a free port: its process and its endpoint."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("OUTLAST_")},
        **(environment or {}),
        "OUTLAST_CONFIG": str(shell.config),
        "OUTLAST_STATE_DIR": str(shell.folder / "state"),
    }
    environment.pop("PYTHONUNBUFFERED", None)  # what it says must come out without that
    command = [sys.executable, "-m", "outlast", "serve", "--port", "0", *arguments]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        yield process, line.removeprefix("ready ").strip()
    finally:
        process.kill()
        process.communicate()


def client(shell: Any, endpoint: str, *restrictions: str) -> Any:
    key = shell.json("key", "create", f"key-{len(shell.json('key', 'list'))}", *restrictions)
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=key["access_key_id"],
        aws_secret_access_key=key["secret_access_key"],
        config=Config(
            signature_version="s3v4", retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
        ),
    )


def test_it_serves_and_the_command_line_sees_the_same(bucket: Any) -> None:
    with serving(bucket) as (process, endpoint):
        s3 = client(bucket, endpoint)
        s3.put_object(Bucket="bucket", Key="through/s3", Body=b"hello")
        assert bucket.run("cat", "bucket/through/s3").stdout_bytes == b"hello"
        bucket.ok("cp", "-", "outlast://bucket/through/cli", input=b"there")
        assert s3.get_object(Bucket="bucket", Key="through/cli")["Body"].read() == b"there"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.mark.slow
def test_reads_are_no_staler_than_was_said(bucket: Any) -> None:
    with serving(bucket, "--max-staleness", "1") as (_, endpoint):
        s3 = client(bucket, endpoint)
        s3.put_object(Bucket="bucket", Key="k", Body=b"old")
        assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"old", "its own writes, at once"
        bucket.ok("cp", "-", "outlast://bucket/k", input=b"new")
        written = time.monotonic()
        while (began := time.monotonic()) < written + 1:
            if s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"new":
                break
        else:
            assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"new", began - written


@pytest.mark.slow
def test_reads_that_may_be_stale_ask_nobody(bucket: Any) -> None:
    with serving(bucket, "--max-staleness", "3600") as (_, endpoint):
        s3 = client(bucket, endpoint)
        s3.put_object(Bucket="bucket", Key="k", Body=b"small")
        s3.get_object(Bucket="bucket", Key="k")
        for name in "abc":
            (bucket.folder / name).rename(bucket.folder / f"{name}-away")
        assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"small"
        assert [one["Key"] for one in s3.list_objects_v2(Bucket="bucket")["Contents"]] == ["k"]
        with pytest.raises(ClientError):
            s3.put_object(Bucket="bucket", Key="k", Body=b"other")


def test_ready_can_be_read_as_json(shell: Any) -> None:
    with serving(shell, "--json") as (_, line):
        told = json.loads(line)
        assert told["ready"] is True
        assert told["endpoint"].startswith("http://127.0.0.1:")


def test_sigterm_finishes_what_is_under_way(bucket: Any) -> None:
    with serving(bucket) as (process, endpoint):
        s3 = client(bucket, endpoint)
        host, port = endpoint.removeprefix("http://").split(":")
        url = s3.generate_presigned_url("put_object", {"Bucket": "bucket", "Key": "slow"})
        path = url.removeprefix(endpoint)
        with socket.create_connection((host, int(port))) as connection:
            head = f"PUT {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 10\r\n\r\nhello"
            connection.sendall(head.encode())
            s3.list_buckets()  # the gateway has taken the request above by the time that it answers this
            process.send_signal(signal.SIGTERM)
            assert b"ending" in process.stderr.readline()
            connection.sendall(b"world")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        assert process.wait(10) == 0
    assert bucket.run("cat", "bucket/slow").stdout_bytes == b"helloworld"


def test_a_hangup_ends_only_a_gateway_of_the_terminal(bucket: Any) -> None:
    with serving(bucket) as (process, endpoint):
        s3 = client(bucket, endpoint)
        process.send_signal(signal.SIGHUP)
        s3.list_buckets()
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.mark.slow
def test_a_new_key_works_at_once_and_a_deleted_one_no_more(bucket: Any) -> None:
    with serving(bucket) as (_, endpoint):
        s3 = client(bucket, endpoint)
        s3.list_buckets()
        bucket.ok("key", "delete", "key-0")
        bucket.ok("cp", "-", "outlast://bucket/later", input=b"x")
        other = client(bucket, endpoint)
        other.list_buckets()  # the gateway has caught up with the log
        with pytest.raises(s3.exceptions.ClientError, match="InvalidAccessKeyId"):
            s3.list_buckets()


def test_a_taken_port_is_told(shell: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "--port" in shell.fails("serve", "--port", str(taken.getsockname()[1]))


def scrape(endpoint: str, **headers: str) -> int:
    """The status of a scrape."""
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{endpoint}/metrics", headers=headers)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.slow
def test_metrics_are_for_this_computer_or_for_the_token_in_the_environment(bucket: Any) -> None:
    with serving(bucket) as (_, endpoint):
        assert scrape(endpoint) == 200
        assert scrape(endpoint, Via="1.1 a-proxy") == 403
    with serving(bucket, environment={"OUTLAST_METRICS_TOKEN": "sesame"}) as (_, endpoint):
        assert scrape(endpoint) == 403
        assert scrape(endpoint, Authorization="Bearer sesame", Via="1.1 a-proxy") == 200


@pytest.mark.slow
def test_requests_are_told_at_info_as_json_and_not_by_default(bucket: Any) -> None:
    for arguments, environment, told in (
        ((), {}, 0),
        (("--log-level", "info"), {}, 3),
        ((), {"OUTLAST_LOG_LEVEL": "info"}, 3),
        (("--log-level", "error"), {"OUTLAST_LOG_LEVEL": "info"}, 0),
    ):
        with serving(bucket, *arguments, environment=environment) as (process, endpoint):
            s3 = client(bucket, endpoint)
            s3.put_object(Bucket="bucket", Key="k", Body=b"hello")
            s3.get_object(Bucket="bucket", Key="k")["Body"].read()
            with pytest.raises(s3.exceptions.NoSuchKey):
                s3.get_object(Bucket="bucket", Key="none")
            process.send_signal(signal.SIGTERM)
            assert process.stderr is not None
            said = [json.loads(line) for line in process.stderr if line.startswith(b"{")]
        assert len(said) == told, arguments
        if told:
            assert [line["operation"] for line in said] == ["PutObject", "GetObject", "GetObject"]
            assert [line["status"] for line in said] == [200, 200, 404]
            assert [line["code"] for line in said] == ["", "", "NoSuchKey"]
            assert {line["level"] for line in said} == {"info"} and all(line["request"] for line in said)


def test_local_state_can_be_deleted_between_runs(bucket: Any) -> None:
    bucket.ok("cp", "-", "outlast://bucket/key", input=b"kept")
    shutil.rmtree(bucket.folder / "state")
    with serving(bucket) as (_, endpoint):
        s3 = client(bucket, endpoint)
        assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"kept"


def test_sigusr1_dumps_events_and_tasks_and_it_serves_on(bucket: Any) -> None:
    with serving(bucket) as (process, endpoint):
        s3 = client(bucket, endpoint)
        s3.put_object(Bucket="bucket", Key="key", Body=b"body")
        process.send_signal(signal.SIGUSR1)
        assert process.stderr is not None
        lines: list[str] = []
        while not any("tasks:" in line for line in lines):
            lines.append(process.stderr.readline().decode())
        assert any("quorum: a slot was applied" in line for line in lines)
        assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"body"


def test_debug_logs_each_step(bucket: Any) -> None:
    with serving(bucket, "--log-level", "debug") as (process, endpoint):
        client(bucket, endpoint).put_object(Bucket="bucket", Key="key", Body=b"body")
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert b"quorum: a slot was applied" in process.stderr.read()


@pytest.mark.slow
def test_it_is_not_ready_before_enough_providers_answer(bucket: Any) -> None:
    """It listens and says why; whether it ever became ready is its exit status."""
    for name in "ab":
        (bucket.folder / name).rename(bucket.folder / f"{name}-away")
    for comes_back in (False, True):
        with serving_unready(bucket) as (process, endpoint):
            assert ask_ready(endpoint) == 503
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(endpoint)
            if comes_back:
                for name in "ab":
                    (bucket.folder / f"{name}-away").rename(bucket.folder / name)
                assert process.stdout is not None
                assert process.stdout.readline().decode().split() == ["ready", endpoint]
                assert ask_ready(endpoint) == 200
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=20)
            assert (process.returncode, output) == (0 if comes_back else 1, b"")


@contextmanager
def serving_unready(shell: Any) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A gateway that has said that it is not ready: its process and its endpoint."""
    environment = os.environ | {
        "OUTLAST_CONFIG": str(shell.config),
        "OUTLAST_STATE_DIR": str(shell.folder / "state"),
    }
    command = [sys.executable, "-m", "outlast", "serve", "--port", "0"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stderr is not None
        said = b""
        while not said.startswith(b"listening at ") and (said := process.stderr.readline()):
            continue
        assert b"not ready: too few of the voters" in said
        yield process, said.decode().split()[2].rstrip(",")
    finally:
        process.kill()
        process.communicate()


def ask_ready(endpoint: str) -> int:
    try:
        with urllib.request.urlopen(f"{endpoint}/ready") as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
