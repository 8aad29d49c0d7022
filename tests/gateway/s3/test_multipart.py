"""The family of multipart uploads."""

import base64
import hashlib
import io
import zlib

import pytest
from boto3.s3.transfer import TransferConfig
from running_gateway import MIB, Client, RunningGateway, code_of

PARTS = [bytes([65 + number]) * (5 * MIB) for number in range(2)] + [b"last"]
WHOLE = b"".join(PARTS)


def etag_of(parts: list[bytes]) -> str:
    """MD5-of-MD5s-N."""
    digests = b"".join(hashlib.md5(part).digest() for part in parts)
    return f'"{hashlib.md5(digests).hexdigest()}-{len(parts)}"'


def upload_parts(s3: Client, bucket: str, key: str, **said: str) -> tuple[str, list[dict[str, object]]]:
    """Begin an upload and put `PARTS`; what completion wants to hear."""
    algorithm = {name: value for name, value in said.items() if name == "ChecksumAlgorithm"}
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, **said)["UploadId"]
    done = []
    for number, part in enumerate(PARTS, 1):
        told = s3.upload_part(
            Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=part, **algorithm
        )
        sums = {name: told[name] for name in told if name.startswith("Checksum")}
        done.append({"PartNumber": number, "ETag": told["ETag"], **sums})
    return upload, done


def test_an_object_in_parts(s3: Client, bucket: str) -> None:
    upload, parts = upload_parts(s3, bucket, "k", ContentType="text/x")
    assert code_of(s3.head_object, Bucket=bucket, Key="k")[1] == 404
    told = s3.complete_multipart_upload(
        Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": parts}
    )
    assert told["ETag"] == etag_of(PARTS)
    assert told["Location"].endswith(f"/{bucket}/k")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == WHOLE
    assert (got["ETag"], got["ContentType"]) == (told["ETag"], "text/x")
    ranged = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={5 * MIB - 1}-{5 * MIB}")
    assert ranged["Body"].read() == b"AB"


def test_one_part_of_the_object(s3: Client, bucket: str) -> None:
    upload, parts = upload_parts(s3, bucket, "k")
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    got = s3.get_object(Bucket=bucket, Key="k", PartNumber=2)
    assert got["Body"].read() == PARTS[1]
    assert got["PartsCount"] == 3
    assert got["ContentRange"] == f"bytes {5 * MIB}-{10 * MIB - 1}/{len(WHOLE)}"
    assert s3.head_object(Bucket=bucket, Key="k", PartNumber=3)["ContentLength"] == 4
    assert code_of(s3.get_object, Bucket=bucket, Key="k", PartNumber=4) == ("InvalidPartNumber", 416)


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [
        ("CRC32", "COMPOSITE"),
        ("CRC32", "FULL_OBJECT"),
        ("CRC32C", "FULL_OBJECT"),
        ("CRC64NVME", "FULL_OBJECT"),
        ("SHA1", "COMPOSITE"),
        ("SHA256", "COMPOSITE"),
    ],
)
def test_checksums(s3: Client, bucket: str, algorithm: str, kind: str) -> None:
    upload, parts = upload_parts(s3, bucket, "k", ChecksumAlgorithm=algorithm, ChecksumType=kind)
    name = f"Checksum{algorithm}"
    listed = s3.list_parts(Bucket=bucket, Key="k", UploadId=upload)
    assert (listed["ChecksumAlgorithm"], listed["ChecksumType"]) == (algorithm, kind)
    assert [part[name] for part in listed["Parts"]] == [part[name] for part in parts]
    told = s3.complete_multipart_upload(
        Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": parts}, ChecksumType=kind
    )
    if kind == "FULL_OBJECT":
        want = s3.put_object(Bucket=bucket, Key="w", Body=WHOLE, ChecksumAlgorithm=algorithm)[name]
    else:
        joined = b"".join(base64.b64decode(str(part[name])) for part in parts)
        want = s3.put_object(Bucket=bucket, Key="w", Body=joined, ChecksumAlgorithm=algorithm)[name] + "-3"
    assert (told[name], told["ChecksumType"]) == (want, kind)
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head[name], head["ChecksumType"]) == (want, kind)


def test_a_wrong_checksum_of_the_whole_completes_nothing(s3: Client, bucket: str) -> None:
    upload, parts = upload_parts(s3, bucket, "k", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    complete = {"Bucket": bucket, "Key": "k", "UploadId": upload, "MultipartUpload": {"Parts": parts}}
    wrong = base64.b64encode(bytes(4)).decode()
    assert code_of(s3.complete_multipart_upload, **complete, ChecksumCRC32=wrong) == ("BadDigest", 400)
    assert code_of(s3.complete_multipart_upload, **complete, MpuObjectSize=5) == ("InvalidRequest", 400)
    right = base64.b64encode(zlib.crc32(WHOLE).to_bytes(4, "big")).decode()
    s3.complete_multipart_upload(**complete, ChecksumCRC32=right, MpuObjectSize=len(WHOLE))


def test_a_part_must_have_the_uploads_checksum(s3: Client, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="SHA1")["UploadId"]
    part = {"Bucket": bucket, "Key": "k", "UploadId": upload, "PartNumber": 1, "Body": b"x"}
    assert code_of(s3.upload_part, **part, ChecksumAlgorithm="CRC32C") == ("InvalidRequest", 400)
    assert code_of(s3.upload_part, **part, ChecksumSHA1="qqqqqqqqqqqqqqqqqqqqqqqqqqo=")[0] in (
        "BadDigest",
        "InvalidRequest",
    )
    assert "Parts" not in s3.list_parts(Bucket=bucket, Key="k", UploadId=upload)


def test_checksums_that_cannot_be_are_refused(s3: Client, bucket: str) -> None:
    where = {"Bucket": bucket, "Key": "k"}
    for algorithm, kind in [("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")]:
        said = {"ChecksumAlgorithm": algorithm, "ChecksumType": kind}
        assert code_of(s3.create_multipart_upload, **where, **said) == ("InvalidRequest", 400)


def test_checksum_types_without_sense_are_refused(gateway: RunningGateway, s3: Client, bucket: str) -> None:
    create = f"/{bucket}/k?uploads"
    for headers in (
        {"x-amz-checksum-type": "COMPOSITE"},
        {"x-amz-checksum-type": "FULL_OBJECT"},
        {"x-amz-checksum-type": "NONSENSE"},
        {"x-amz-checksum-type": "NONSENSE", "x-amz-checksum-algorithm": "CRC32"},
    ):
        answer = gateway.exchange(gateway.head("POST", create, headers))
        assert (answer.status, answer.code) == (400, "InvalidRequest")
    plain, parts = upload_parts(s3, bucket, "k")
    complete = {"Bucket": bucket, "Key": "k", "UploadId": plain, "MultipartUpload": {"Parts": parts}}
    for kind in ("COMPOSITE", "NONSENSE"):
        assert code_of(s3.complete_multipart_upload, **complete, ChecksumType=kind) == ("InvalidRequest", 400)


def test_a_composite_checksum_needs_those_of_all_parts(s3: Client, bucket: str) -> None:
    upload, parts = upload_parts(s3, bucket, "k", ChecksumAlgorithm="SHA256")
    complete = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    bare = [*parts[:2], {name: parts[2][name] for name in ("PartNumber", "ETag")}]
    assert code_of(s3.complete_multipart_upload, **complete, MultipartUpload={"Parts": bare}) == (
        "InvalidRequest",
        400,
    )
    wrong = [*parts[:2], {**parts[2], "ChecksumSHA256": "nonsense"}]
    assert code_of(s3.complete_multipart_upload, **complete, MultipartUpload={"Parts": wrong}) == (
        "InvalidRequest",
        400,
    )
    whole = {**complete, "MultipartUpload": {"Parts": parts}}
    assert code_of(s3.complete_multipart_upload, **whole, ChecksumSHA256="x-3") == ("InvalidRequest", 400)
    s3.complete_multipart_upload(**whole)


def test_boto3s_own_transfer_up_and_down(s3: Client, bucket: str) -> None:
    data = bytes(range(256)) * (20 * 4096)  # 20 MiB
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=4)
    s3.upload_fileobj(io.BytesIO(data), bucket, "k", Config=config)
    down = io.BytesIO()
    s3.download_fileobj(bucket, "k", down, Config=config)
    assert down.getvalue() == data
    s3.copy({"Bucket": bucket, "Key": "k"}, bucket, "copy", Config=config)
    head = s3.head_object(Bucket=bucket, Key="copy")
    assert head["ETag"].endswith('-4"') and head["ContentLength"] == len(data)
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == data


@pytest.mark.parametrize("said", [{}, {"ChecksumAlgorithm": "SHA256"}])
def test_parts_copied_from_ranges(s3: Client, bucket: str, said: dict[str, str]) -> None:
    data = bytes(range(256)) * (6 * 4096)  # 6 MiB
    s3.put_object(Bucket=bucket, Key="source", Body=data)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", **said)["UploadId"]
    parts = []
    for number, span in enumerate([(0, 5 * MIB - 1), (100, 199)], 1):
        told = s3.upload_part_copy(
            Bucket=bucket,
            Key="k",
            UploadId=upload,
            PartNumber=number,
            CopySource=f"{bucket}/source",
            CopySourceRange=f"bytes={span[0]}-{span[1]}",
        )["CopyPartResult"]
        assert told["ETag"] == f'"{hashlib.md5(data[span[0] : span[1] + 1]).hexdigest()}"'
        assert ("ChecksumSHA256" in told) is bool(said)
        sums = {name: told[name] for name in told if name.startswith("Checksum")}
        parts.append({"PartNumber": number, "ETag": told["ETag"], **sums})
    s3.delete_object(Bucket=bucket, Key="source")
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data[: 5 * MIB] + data[100:200]


def test_bad_copies_of_parts(s3: Client, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="source", Body=b"0123456789")["ETag"]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    part = {"Bucket": bucket, "Key": "k", "UploadId": upload, "PartNumber": 1}
    copy = {**part, "CopySource": f"{bucket}/source"}
    for span in ("bytes=5-20", "bytes=5-", "bytes=-5", "bytes=5-4"):
        assert code_of(s3.upload_part_copy, **copy, CopySourceRange=span) == ("InvalidArgument", 400)
    assert code_of(s3.upload_part_copy, **copy, CopySourceIfNoneMatch=etag) == ("PreconditionFailed", 412)
    assert code_of(s3.upload_part_copy, **part, CopySource=f"{bucket}/none") == ("NoSuchKey", 404)
    assert code_of(s3.upload_part_copy, **{**copy, "UploadId": "0" * 32}) == ("NoSuchUpload", 404)


def test_completion_is_judged(s3: Client, bucket: str) -> None:
    upload, parts = upload_parts(s3, bucket, "k")
    complete = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    for named, code in [
        ([parts[1], parts[0]], "InvalidPartOrder"),
        ([{**parts[0], "ETag": '"0123"'}], "InvalidPart"),
        ([*parts, {"PartNumber": 9, "ETag": '"0123"'}], "InvalidPart"),
        ([], "MalformedXML"),
        ([parts[0], parts[2], {"PartNumber": 4, "ETag": parts[2]["ETag"]}], "InvalidPart"),
    ]:
        assert code_of(s3.complete_multipart_upload, **complete, MultipartUpload={"Parts": named}) == (
            code,
            400,
        )
    small = s3.upload_part(**complete, PartNumber=4, Body=b"x")["ETag"]
    named = [parts[2], {"PartNumber": 4, "ETag": small}]
    assert code_of(s3.complete_multipart_upload, **complete, MultipartUpload={"Parts": named}) == (
        "EntityTooSmall",
        400,
    )
    s3.complete_multipart_upload(**complete, MultipartUpload={"Parts": parts[:2]})  # part 3 is left out
    assert s3.get_object(Bucket=bucket, Key="k")["ContentLength"] == 10 * MIB


def test_conditional_completion(s3: Client, bucket: str) -> None:
    upload, parts = upload_parts(s3, bucket, "k")
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"already")["ETag"]
    complete = {"Bucket": bucket, "Key": "k", "UploadId": upload, "MultipartUpload": {"Parts": parts}}
    assert code_of(s3.complete_multipart_upload, **complete, IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert code_of(s3.complete_multipart_upload, **complete, IfMatch='"x"') == ("PreconditionFailed", 412)
    s3.complete_multipart_upload(**complete, IfMatch=etag)


def test_completion_repeated_because_its_answer_was_lost(s3: Client, bucket: str) -> None:
    upload, parts = upload_parts(s3, bucket, "k")
    complete = {"Bucket": bucket, "Key": "k", "UploadId": upload, "MultipartUpload": {"Parts": parts}}
    first = s3.complete_multipart_upload(**complete)
    assert s3.complete_multipart_upload(**complete)["ETag"] == first["ETag"]
    assert s3.complete_multipart_upload(**complete, IfNoneMatch="*")["ETag"] == first["ETag"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"something else since")
    assert code_of(s3.complete_multipart_upload, **complete) == ("NoSuchUpload", 404)


def test_a_part_put_again_replaces_the_first(s3: Client, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    part = {"Bucket": bucket, "Key": "k", "UploadId": upload, "PartNumber": 7}
    s3.upload_part(**part, Body=b"first")
    etag = s3.upload_part(**part, Body=b"second")["ETag"]
    named = {"Parts": [{"PartNumber": 7, "ETag": etag}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload=named)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"second"


def test_an_aborted_upload_is_gone(s3: Client, bucket: str) -> None:
    upload, parts = upload_parts(s3, bucket, "k")
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    s3.abort_multipart_upload(**where)
    for call, more in [
        (s3.abort_multipart_upload, {}),
        (s3.list_parts, {}),
        (s3.upload_part, {"PartNumber": 1, "Body": b"x"}),
        (s3.upload_part, {"PartNumber": 1, "Body": bytes(MIB)}),
        (s3.complete_multipart_upload, {"MultipartUpload": {"Parts": parts}}),
    ]:
        assert code_of(call, **where, **more) == ("NoSuchUpload", 404)
    assert code_of(s3.list_parts, **{**where, "UploadId": "no such"}) == ("NoSuchUpload", 404)


@pytest.mark.parametrize("number", ["", "0", "-3", "10001", "1.0", "x", "%2B1"])
def test_part_numbers_are_bounded(gateway: RunningGateway, s3: Client, bucket: str, number: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"whole")
    for method, query in (("PUT", f"uploadId={upload}&"), ("PUT", ""), ("GET", "")):
        head = gateway.head(method, f"/{bucket}/k?{query}partNumber={number}")
        answer = gateway.exchange(head)
        assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"whole"


def test_a_part_without_its_upload_does_not_become_the_object(
    gateway: RunningGateway, s3: Client, bucket: str
) -> None:
    answer = gateway.exchange(gateway.head("PUT", f"/{bucket}/k?partNumber=1", body=b"x") + b"x")
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert code_of(s3.head_object, Bucket=bucket, Key="k")[1] == 404


@pytest.mark.parametrize("upload", ["0" * 32, "no such"])
def test_a_missing_bucket_comes_before_a_missing_upload(s3: Client, upload: str) -> None:
    where = {"Bucket": "nosuchbucket", "Key": "k", "UploadId": upload}
    for call, more in [
        (s3.abort_multipart_upload, {}),
        (s3.list_parts, {}),
        (s3.upload_part, {"PartNumber": 1, "Body": b"x"}),
        (s3.complete_multipart_upload, {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": "e"}]}}),
    ]:
        assert code_of(call, **where, **more) == ("NoSuchBucket", 404)


def test_pages_of_parts(s3: Client, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    for number in (1, 3, 5, 7, 9):
        s3.upload_part(**where, PartNumber=number, Body=bytes(number))
    pages = list(s3.get_paginator("list_parts").paginate(**where, PaginationConfig={"PageSize": 2}))
    assert [[part["PartNumber"] for part in page["Parts"]] for page in pages] == [[1, 3], [5, 7], [9]]
    assert [part["Size"] for page in pages for part in page["Parts"]] == [1, 3, 5, 7, 9]
    assert s3.list_parts(**where, PartNumberMarker=7)["Parts"][0]["PartNumber"] == 9


def test_pages_of_uploads(s3: Client, bucket: str) -> None:
    begun = []
    for key in ("a", "a", "b/1", "b/2", "c d"):
        begun.append((key, s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]))
    paginator = s3.get_paginator("list_multipart_uploads")
    pages = list(paginator.paginate(Bucket=bucket, PaginationConfig={"PageSize": 2}))
    shown = [(row["Key"], row["UploadId"]) for page in pages for row in page["Uploads"]]
    assert shown == sorted(begun)
    assert [len(page["Uploads"]) for page in pages] == [2, 2, 1]
    rolled = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [row["Key"] for row in rolled["Uploads"]] == ["a", "a", "c d"]
    assert [row["Prefix"] for row in rolled["CommonPrefixes"]] == ["b/"]
    assert len(s3.list_multipart_uploads(Bucket=bucket, Prefix="b/")["Uploads"]) == 2
    for marker in ("nonsense", "é" * 32, "0" * 31):
        said = {"Bucket": bucket, "KeyMarker": "a", "UploadIdMarker": marker}
        assert code_of(s3.list_multipart_uploads, **said) == ("InvalidArgument", 400)
