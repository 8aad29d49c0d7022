"""The table of operations is S3's own, requests find theirs in it, and the document says what is served."""

from pathlib import Path

import botocore.session
import pytest
from running_gateway import Client, RunningGateway, code_of

from outlast.gateway.s3.compatibility import render
from outlast.gateway.s3.dispatch import HANDLERS
from outlast.gateway.s3.operations import ELSEWHERE, OPERATIONS, find, markers_of
from outlast.gateway.s3.refusals import HEADERS, KNOWN, OWNER_HEADERS

MODEL = botocore.session.get_session().get_service_model("s3")

# Headers of S3's model that are honoured somewhere in the gateway.
HONOURED = {
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "expires",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "range",
    "x-amz-checksum-algorithm",
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-mode",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
    "x-amz-checksum-type",
    "x-amz-copy-source",
    "x-amz-copy-source-if-match",
    "x-amz-copy-source-if-modified-since",
    "x-amz-copy-source-if-none-match",
    "x-amz-copy-source-if-unmodified-since",
    "x-amz-copy-source-range",
    "x-amz-metadata-directive",
    "x-amz-mp-object-size",
    "x-amz-sdk-checksum-algorithm",
}
# Mean nothing where nobody pays, nothing is locked and nothing is archived.
MEANINGLESS = {
    "x-amz-request-payer",
    "x-amz-bypass-governance-retention",
    "x-amz-optional-object-attributes",
}


def test_the_table_has_every_operation_of_amazons_model() -> None:
    assert sorted([operation.name for operation in OPERATIONS] + list(ELSEWHERE)) == sorted(
        MODEL.operation_names
    )


def test_methods_and_markers_are_those_of_the_model() -> None:
    for operation in OPERATIONS:
        http = MODEL.operation_model(operation.name).http
        path, _, query = http["requestUri"].partition("?")
        assert operation.method == http["method"], operation.name
        level = {"/": "service", "/{Bucket}": "bucket", "/{Bucket}/{Key+}": "object"}[path]
        assert operation.level == level, operation.name
        if query:
            assert query.partition("&")[0].partition("=")[0] in operation.markers, operation.name


def test_no_two_served_operations_have_one_route() -> None:
    for name in HANDLERS:
        operation = next(op for op in OPERATIONS if op.name == name)
        assert find(operation.method, operation.level, operation.markers) is operation


def test_other_parameters_and_headers_do_not_mislead() -> None:
    assert markers_of(["x-id", "versionId", "partNumber"], {}) == ()
    copying = {"x-amz-copy-source": "a/b"}
    assert markers_of([], copying) == ("x-amz-copy-source",)
    found = find("GET", "object", markers_of(["acl"], copying))
    assert found is not None and found.name == "GetObjectAcl"


def test_every_header_of_served_operations_is_honoured_or_refused() -> None:
    for name in HANDLERS:
        shape = MODEL.operation_model(name).input_shape
        members = {} if shape is None else shape.members
        for member in members.values():
            if member.serialization.get("location") == "header":
                header = member.serialization["name"].lower()
                places = (HONOURED, MEANINGLESS, HEADERS.keys(), OWNER_HEADERS)
                assert sum(header in place for place in places) == 1, (name, header)


def test_the_document_is_what_the_code_says() -> None:
    document = Path(__file__).parents[3] / "docs" / "reference" / "s3-compatibility.md"
    assert document.read_text() == render(), "run the command in its first line"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/{bucket}/k?tagging"),
        ("PUT", "/{bucket}/k?acl"),
        ("PUT", "/{bucket}/k?retention"),
        ("GET", "/{bucket}/k?torrent"),
        ("POST", "/{bucket}/k?restore"),
        ("POST", "/{bucket}/k?select"),
        ("PUT", "/{bucket}?versioning"),
        ("PUT", "/{bucket}?policy"),
        ("GET", "/{bucket}?versions"),
        ("DELETE", "/{bucket}?lifecycle"),
        ("POST", "/{bucket}"),
    ],
)
def test_what_is_not_supported_says_so_and_does_nothing(
    gateway: RunningGateway, s3: Client, bucket: str, method: str, path: str
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"mine")
    answer = gateway.exchange(gateway.head(method, path.format(bucket=bucket)))
    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"mine"


@pytest.mark.parametrize(
    ("method", "path", "code", "status"),
    [
        ("PATCH", "/{bucket}/k", "MethodNotAllowed", 405),
        ("POST", "/", "MethodNotAllowed", 405),
        ("DELETE", "/", "MethodNotAllowed", 405),
        ("PUT", "/{bucket}/k?uploads", "MethodNotAllowed", 405),
        ("GET", "/{bucket}/k?acl&tagging", "InvalidArgument", 400),
    ],
)
def test_what_s3_does_not_have_is_refused(
    gateway: RunningGateway, bucket: str, method: str, path: str, code: str, status: int
) -> None:
    answer = gateway.exchange(gateway.head(method, path.format(bucket=bucket)))
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize(
    "said",
    [
        {"ACL": "public-read"},
        {"Tagging": "a=b"},
        {"StorageClass": "GLACIER"},
        {"ServerSideEncryption": "aws:kms"},
        {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32},
        {"WebsiteRedirectLocation": "/x"},
        {"ObjectLockLegalHoldStatus": "ON"},
        {"GrantRead": "id=1"},
        {"IfNoneMatch": '"some"'},
        {"WriteOffsetBytes": 5},
    ],
)
def test_a_header_that_asks_for_too_much_is_refused(s3: Client, bucket: str, said: dict[str, object]) -> None:
    put = {"Bucket": bucket, "Key": "k", "Body": b"x", **said}
    if "SSECustomerKey" in said:  # boto3 would only send it over TLS
        put = {"Bucket": bucket, "Key": "k", "Body": b"x", "SSEKMSKeyId": "k"}
    assert code_of(s3.put_object, **put) == ("NotImplemented", 501)
    assert code_of(s3.head_object, Bucket=bucket, Key="k")[1] == 404


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("x-amz-storage-class", "InvalidStorageClass"),
        ("x-amz-server-side-encryption", "InvalidArgument"),
        ("x-amz-acl", "InvalidArgument"),
        ("x-amz-object-lock-mode", "InvalidArgument"),
    ],
)
def test_a_value_that_s3_does_not_have_is_wrong(
    gateway: RunningGateway, s3: Client, bucket: str, header: str, code: str
) -> None:
    answer = gateway.exchange(gateway.head("PUT", f"/{bucket}/k", {header: "nonsense"}))
    assert (answer.status, answer.code) == (400, code)
    assert code_of(s3.head_object, Bucket=bucket, Key="k")[1] == 404


def test_the_values_that_s3_has_are_those_of_its_model() -> None:
    in_model: dict[str, set[str]] = {}
    for name in MODEL.operation_names:
        shape = MODEL.operation_model(name).input_shape
        for member in shape.members.values() if shape is not None else ():
            header = str(member.serialization.get("name", "")).lower()
            if member.serialization.get("location") == "header" and header in KNOWN:
                in_model.setdefault(header, set()).update(member.enum)
    assert in_model == {header: set(values) for header, values in KNOWN.items()}


def test_headers_that_say_what_always_holds_are_accepted(s3: Client, bucket: str) -> None:
    s3.put_object(
        Bucket=bucket,
        Key="k",
        Body=b"x",
        ACL="private",
        StorageClass="STANDARD",
        ServerSideEncryption="AES256",
        RequestPayer="requester",
    )


def test_another_account_cannot_be_the_owner(s3: Client, bucket: str) -> None:
    where = {"Bucket": bucket, "ExpectedBucketOwner": "111122223333"}
    assert code_of(s3.list_objects_v2, **where) == ("AccessDenied", 403)


def test_what_nothing_has_is_told_truthfully(s3: Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    for acl in (s3.get_bucket_acl(Bucket=bucket), s3.get_object_acl(Bucket=bucket, Key="k")):
        assert [grant["Permission"] for grant in acl["Grants"]] == ["FULL_CONTROL"]
    assert code_of(s3.get_object_tagging, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
    assert code_of(s3.get_bucket_versioning, Bucket="nosuchbucket") == ("NoSuchBucket", 404)
