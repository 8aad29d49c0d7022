"""What access keys may do, presigned URLs, and virtual hosts."""

import socket
import urllib.error
import urllib.request
from dataclasses import replace

import pytest
from running_gateway import Client, RunningGateway, code_of

from outlast.providers.wrap.fault import Shape
from outlast.store import AccessKey


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


@pytest.fixture
def deleted(gateway: RunningGateway, s3: Client, bucket: str) -> AccessKey:
    """A key that was deleted through another gateway, of which this one has not heard."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"secret")
    key = gateway.run(gateway.world.store.create_access_key(f"{bucket}-key"))
    other = gateway.run(gateway.world.gateway())
    gateway.run(other.store.delete_access_key(f"{bucket}-key"))
    gateway.run(other.store.close())
    gateway.world.gateways.remove(other)
    assert gateway.world.store.knows_access_key(key.id)
    return key


@pytest.mark.parametrize("query", ["/k", "/none", "?list-type=2", "?location"])
def test_a_key_deleted_elsewhere_reads_nothing(
    gateway: RunningGateway, deleted: AccessKey, bucket: str, query: str
) -> None:
    answer = gateway.exchange(gateway.head("GET", f"/{bucket}{query}", key=deleted))
    assert (answer.status, answer.code) == (403, "InvalidAccessKeyId")


def test_a_key_deleted_elsewhere_writes_nothing_after_a_while(
    gateway: RunningGateway, s3: Client, deleted: AccessKey, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outlast.store.access.deleted_s_max", 0.0)
    client = gateway.client(deleted)
    assert code_of(client.put_object, Bucket=bucket, Key="k", Body=b"") == ("InvalidAccessKeyId", 403)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"secret"


def test_who_has_no_key_costs_no_provider_anything(gateway: RunningGateway, bucket: str) -> None:
    def asked() -> int:
        providers = gateway.world.store.figures().providers
        return sum(usage.requests for one in providers for usage in one.usage.values())

    invented = replace(gateway.key, id="OUTLAAAAAAAAAAAAAAAA")
    before = asked()
    for key, code in ((invented, "InvalidAccessKeyId"), (replace(gateway.key, secret="x"), "Signature")):
        for _ in range(20):
            answer = gateway.exchange(gateway.head("GET", f"/{bucket}/k", key=key))
            assert (answer.status, answer.code[:9]) == (403, code[:9])
    assert asked() - before < 20  # but for what the gateway asks for its own sake now and then


def test_an_id_that_is_no_text_is_unknown(gateway: RunningGateway, bucket: str) -> None:
    head = gateway.head("GET", f"/{bucket}/k").replace(b"Credential=OUTL", b"Credential=\xff\xfe")
    assert gateway.exchange(head).code == "InvalidAccessKeyId"


@pytest.mark.slow
def test_a_503_names_no_provider_to_strangers(gateway: RunningGateway, bucket: str) -> None:
    other = gateway.run(gateway.world.gateway())
    new = gateway.run(other.store.create_access_key(f"{bucket}-new"))
    for name in ("p0", "p1"):
        gateway.world.faults[name].shape = Shape.REFUSE
    try:
        for key, is_told in ((replace(new, secret="wrong"), False), (gateway.key, True)):
            answer = gateway.exchange(gateway.head("GET", f"/{bucket}/k", key=key))
            assert (answer.status, answer.code) == (503, "ServiceUnavailable")
            assert any(word in answer.body for word in (b"p0", b"p1", b"refused", b"voter")) is is_told
    finally:
        gateway.heal()
        gateway.run(other.store.close())
        gateway.world.gateways.remove(other)


def test_a_preflight_is_answered_without_a_signature(gateway: RunningGateway, bucket: str) -> None:
    """No bucket has a CORS configuration; the answer does not say whether there is a bucket."""
    origin = "Origin: https://example.org\r\n"
    for path, headers, code in (
        (f"/{bucket}/k", f"{origin}Access-Control-Request-Method: PUT\r\n", (403, "AccessForbidden")),
        ("/nosuchbucket", f"{origin}Access-Control-Request-Method: GET\r\n", (403, "AccessForbidden")),
        (f"/{bucket}", "", (400, "BadRequest")),
        (f"/{bucket}", origin, (400, "BadRequest")),
        (f"/{bucket}", f"{origin}Access-Control-Request-Method: BREW\r\n", (400, "BadRequest")),
    ):
        answer = gateway.exchange(f"OPTIONS {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
        assert (answer.status, answer.code) == code


def test_a_form_is_refused_by_name(gateway: RunningGateway, bucket: str) -> None:
    head = f"POST /{bucket} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
    form = head + "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    answer = gateway.exchange(form.encode())
    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert gateway.exchange(f"{head}\r\n".encode()).code == "AccessDenied"


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
