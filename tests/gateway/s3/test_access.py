"""What access keys may do, presigned URLs, and virtual hosts."""

import socket
import urllib.error
import urllib.request
from dataclasses import replace

import pytest
from running_gateway import Client, RunningGateway, code_of


@pytest.fixture(scope="module")
def other(gateway: RunningGateway, s3: Client) -> str:
    """A bucket with an object, which keys for other buckets must not see."""
    s3.create_bucket(Bucket="others")
    s3.put_object(Bucket="others", Key="k", Body=b"secret")
    return "others"


def test_a_key_of_one_bucket_sees_no_other(gateway: RunningGateway, bucket: str, other: str) -> None:
    key = gateway.run(gateway.world.store.create_access_key(f"{bucket}-only", bucket))
    client = gateway.client(key)
    client.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert [row["Name"] for row in client.list_buckets()["Buckets"]] == [bucket]
    for call, arguments in [
        (client.get_object, {"Bucket": other, "Key": "k"}),
        (client.put_object, {"Bucket": other, "Key": "k", "Body": b""}),
        (client.list_objects_v2, {"Bucket": other}),
        (client.create_bucket, {"Bucket": "yet-another"}),
        (client.get_object, {"Bucket": "nosuchbucket", "Key": "k"}),
        (client.copy_object, {"Bucket": bucket, "Key": "stolen", "CopySource": f"{other}/k"}),
    ]:
        assert code_of(call, **arguments) == ("AccessDenied", 403)
    upload = client.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    part = {"Bucket": bucket, "Key": "m", "UploadId": upload, "PartNumber": 1}
    assert code_of(client.upload_part_copy, **part, CopySource=f"{other}/k") == ("AccessDenied", 403)


def test_a_reading_key_changes_nothing(gateway: RunningGateway, s3: Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    key = gateway.run(gateway.world.store.create_access_key(f"{bucket}-reader", "", True))
    client = gateway.client(key)
    assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert client.list_objects(Bucket=bucket)["Contents"][0]["Key"] == "k"
    delete = {"Objects": [{"Key": "k"}]}
    for call, arguments in [
        (client.put_object, {"Bucket": bucket, "Key": "k", "Body": b""}),
        (client.delete_object, {"Bucket": bucket, "Key": "k"}),
        (client.delete_objects, {"Bucket": bucket, "Delete": delete}),
        (client.copy_object, {"Bucket": bucket, "Key": "l", "CopySource": f"{bucket}/k"}),
        (client.create_multipart_upload, {"Bucket": bucket, "Key": "k"}),
        (client.delete_bucket, {"Bucket": bucket}),
    ]:
        assert code_of(call, **arguments) == ("AccessDenied", 403)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_a_deleted_key_is_unknown(gateway: RunningGateway, bucket: str) -> None:
    store = gateway.world.store
    key = gateway.run(store.create_access_key(f"{bucket}-gone"))
    client = gateway.client(key)
    client.list_buckets()
    gateway.run(store.delete_access_key(f"{bucket}-gone"))
    assert code_of(client.list_buckets) == ("InvalidAccessKeyId", 403)


def test_a_wrong_secret_is_refused(gateway: RunningGateway, bucket: str) -> None:
    client = gateway.client(replace(gateway.key, secret="x" * 40))
    for body in (b"x", bytes(1 << 20)):
        assert code_of(client.put_object, Bucket=bucket, Key="k", Body=body) == ("SignatureDoesNotMatch", 403)
    assert code_of(client.head_object, Bucket=bucket, Key="k") == ("403", 403)
    assert code_of(gateway.client().head_object, Bucket=bucket, Key="k")[1] == 404


def test_without_a_signature_nothing_is_said(gateway: RunningGateway, bucket: str) -> None:
    for path in ("/", f"/{bucket}", f"/{bucket}/k", "/nosuchbucket"):
        answer = gateway.exchange(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert (answer.status, answer.code) == (403, "AccessDenied")


def test_presigned_urls(gateway: RunningGateway, bucket: str) -> None:
    s3 = gateway.client(signature_version="s3v4")  # boto3 presigns with version 2 unless it is told
    key = "sp ace+plus/ünï?&.txt"
    where = {"Bucket": bucket, "Key": key}
    put = s3.generate_presigned_url("put_object", Params=where, ExpiresIn=60)
    with urllib.request.urlopen(urllib.request.Request(put, b"hello", method="PUT")) as answer:
        assert answer.status == 200
    get = s3.generate_presigned_url(
        "get_object", Params={**where, "ResponseContentType": "text/html"}, ExpiresIn=60
    )
    with urllib.request.urlopen(get) as answer:
        assert answer.read() == b"hello" and answer.headers["Content-Type"] == "text/html"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(get + "&response-cache-control=x")


def test_virtual_hosts(gateway: RunningGateway, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = socket.getaddrinfo  # not every resolver knows names under localhost
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest: ask("127.0.0.1", *rest))
    client = gateway.client(addressing_style="virtual", host="localhost")
    client.put_object(Bucket=bucket, Key="a/b", Body=b"x")
    assert client.get_object(Bucket=bucket, Key="a/b")["Body"].read() == b"x"
    assert gateway.client().get_object(Bucket=bucket, Key="a/b")["Body"].read() == b"x"
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
