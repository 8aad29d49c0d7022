"""The examples of the AWS documentation, as published.

From "Authenticating Requests" (Authorization header, query parameters), "Transferring Payload in Multiple
Chunks" and "Including Trailing Headers".
"""

import pytest

from outlast.gateway.s3.checksums import expect
from outlast.gateway.s3.errors import S3Error
from outlast.gateway.s3.payload import decode_whole
from outlast.gateway.s3.signature import PayloadKind

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
HOST = "https://examplebucket.s3.amazonaws.com"
CREDENTIAL = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
SIMPLE = "host;x-amz-content-sha256;x-amz-date"

EXAMPLES = {
    "get object": (
        "GET",
        "/test.txt",
        {"Range": "bytes=0-9"},
        EMPTY,
        "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ),
    "put object": (
        "PUT",
        "/test$file.text",
        {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
        "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    ),
    "get bucket lifecycle": (
        "GET",
        "/?lifecycle",
        {},
        EMPTY,
        SIMPLE,
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    ),
    "list objects": (
        "GET",
        "/?max-keys=2&prefix=J",
        {},
        EMPTY,
        SIMPLE,
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ),
}


def example_view(make_view, method, path, headers, payload_hash, signed, signature, host=HOST):
    fields = f"Credential={CREDENTIAL},SignedHeaders={signed},Signature={signature}"
    added = {
        "x-amz-content-sha256": payload_hash,
        "x-amz-date": "20130524T000000Z",
        "Authorization": f"AWS4-HMAC-SHA256 {fields}",
    }
    return make_view(method, host + path, {**headers, **added})


@pytest.mark.parametrize("name", EXAMPLES)
async def test_the_documented_request_is_accepted(name, make_view, verify, documentation_s):
    auth = await verify(example_view(make_view, *EXAMPLES[name]), documentation_s, "us-east-1")
    assert auth.payload.kind is PayloadKind.SIGNED
    assert auth.payload.sha256 == EXAMPLES[name][3]
    assert not auth.presigned


@pytest.mark.parametrize("name", EXAMPLES)
async def test_the_documented_request_with_one_digit_changed_is_refused(
    name, make_view, verify, documentation_s
):
    *example, signature = EXAMPLES[name]
    changed = signature[:-1] + ("0" if signature[-1] != "0" else "1")
    with pytest.raises(S3Error, match="SignatureDoesNotMatch"):
        await verify(example_view(make_view, *example, changed), documentation_s)


PRESIGNED = (
    f"{HOST}/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
    "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
    "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
    "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
)


async def test_the_documented_presigned_url_is_accepted_for_its_whole_day(make_view, verify, documentation_s):
    for later_s in (0, 86_400):
        auth = await verify(make_view("GET", PRESIGNED, {}), documentation_s + later_s)
        assert auth.presigned
        assert auth.payload.kind is PayloadKind.UNSIGNED
    with pytest.raises(S3Error, match="AccessDenied: Request has expired"):
        await verify(make_view("GET", PRESIGNED, {}), documentation_s + 86_401)


STREAMED = {
    "x-amz-storage-class": "REDUCED_REDUNDANCY",
    "Content-Encoding": "aws-chunked",
    "x-amz-decoded-content-length": "66560",
    "Content-Length": "66824",
}
SIGNED_CHUNKS = (
    "PUT",
    "/examplebucket/chunkObject.txt",
    STREAMED,
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"
    "x-amz-decoded-content-length;x-amz-storage-class",
    "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    "https://s3.amazonaws.com",
)
SIGNED_CHUNKS_TRAILER = (
    "PUT",
    "/examplebucket/chunkObject.txt",
    {**STREAMED, "x-amz-trailer": "x-amz-checksum-crc32c"},
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "content-encoding;host;x-amz-content-sha256;x-amz-date;"
    "x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer",
    "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    "https://s3.amazonaws.com",
)
CHUNKS = (
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
)
CHUNKS_BEFORE_TRAILER = (
    "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
    "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
    "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
)
CHECKSUM = b"x-amz-checksum-crc32c:sOO8/Q=="
TRAILER = b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"


def chunked(signatures, end=b"\r\n"):
    sizes = (65_536, 1024, 0)
    chunks = [
        f"{size:x};chunk-signature={signature}\r\n".encode() + b"a" * size + (b"\r\n" if size else b"")
        for size, signature in zip(sizes, signatures, strict=True)
    ]
    return b"".join(chunks) + end


async def test_the_documented_chunks_are_accepted(make_view, verify, documentation_s):
    view = example_view(make_view, *SIGNED_CHUNKS)
    auth = await verify(view, documentation_s)
    assert auth.payload.kind is PayloadKind.SIGNED_CHUNKS
    body = chunked(CHUNKS)
    assert len(body) == 66_824
    assert decode_whole(body, auth.payload, view.headers).data == b"a" * 66_560


@pytest.mark.parametrize("changed", range(3))
async def test_a_documented_chunk_with_another_signature_is_refused(
    changed, make_view, verify, documentation_s
):
    view = example_view(make_view, *SIGNED_CHUNKS)
    auth = await verify(view, documentation_s)
    signatures = list(CHUNKS)
    signatures[changed] = CHUNKS[changed - 1]
    with pytest.raises(S3Error, match="SignatureDoesNotMatch"):
        decode_whole(chunked(signatures), auth.payload, view.headers)


@pytest.mark.parametrize(
    "end",
    [
        CHECKSUM + b"\r\n" + TRAILER + b"\r\n\r\n",
        CHECKSUM + b"\r\n" + TRAILER + b"\r\n",
        b"\r\n" + CHECKSUM + b"\r\n" + TRAILER + b"\r\n",
        CHECKSUM + b"\n\r\n" + TRAILER + b"\r\n\r\n",
    ],
    ids=["as documented", "no last line end", "blank line before", "line feeds"],
)
async def test_the_documented_trailer_is_accepted_in_the_forms_that_clients_send(
    end, make_view, verify, documentation_s
):
    view = example_view(make_view, *SIGNED_CHUNKS_TRAILER)
    auth = await verify(view, documentation_s)
    expected = expect(view.headers, auth.payload)
    decoded = decode_whole(chunked(CHUNKS_BEFORE_TRAILER, end), auth.payload, view.headers, expected)
    assert decoded.data == b"a" * 66_560
    assert decoded.trailers == {"x-amz-checksum-crc32c": "sOO8/Q=="}
    assert expected.checksum.value == "sOO8/Q=="


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (CHECKSUM + b"\r\n\r\n", "SignatureDoesNotMatch"),
        (CHECKSUM.replace(b"sO", b"tO") + b"\r\n" + TRAILER + b"\r\n\r\n", "SignatureDoesNotMatch"),
        (CHECKSUM + b"\r\n" + TRAILER[:-1] + b"0\r\n\r\n", "SignatureDoesNotMatch"),
        (TRAILER + b"\r\n\r\n", "MalformedTrailerError"),
        (b"\r\n", "MalformedTrailerError"),
        (CHECKSUM + b"\r\nx-amz-meta-more:1\r\n" + TRAILER + b"\r\n\r\n", "MalformedTrailerError"),
        (CHECKSUM + b"\r\n" + CHECKSUM + b"\r\n" + TRAILER + b"\r\n\r\n", "MalformedTrailerError"),
    ],
    ids=["unsigned", "other value", "other signature", "no checksum", "nothing", "one more", "twice"],
)
async def test_another_trailer_than_the_documented_one_is_refused(
    end, code, make_view, verify, documentation_s
):
    view = example_view(make_view, *SIGNED_CHUNKS_TRAILER)
    auth = await verify(view, documentation_s)
    with pytest.raises(S3Error, match=code):
        decode_whole(chunked(CHUNKS_BEFORE_TRAILER, end), auth.payload, view.headers)
