"""Bodies: framing taken off, length, hash, chunk signatures, trailers and checksums verified."""

import asyncio
import hashlib
import hmac
import io
import threading
import zlib
from base64 import b64encode
from types import SimpleNamespace

import pytest
from botocore.httpchecksum import AwsChunkedWrapper, Crc32Checksum, CrtCrc64NvmeChecksum, Sha256Checksum
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from outlast.gateway.s3 import chunked
from outlast.gateway.s3 import payload as payload_module
from outlast.gateway.s3.checksums import expect
from outlast.gateway.s3.errors import S3Error
from outlast.gateway.s3.payload import decode_payload, decode_whole, stored_content_encoding
from outlast.gateway.s3.signature import Payload, PayloadKind
from outlast.gateway.s3.signing import ChunkChain

KEY, TIME, SCOPE, SEED = b"k" * 32, "20130524T000000Z", "20130524/us-east-1/s3/aws4_request", "5e" * 32
CRC32 = "x-amz-checksum-crc32"


def headers(**fields):
    return CIMultiDictProxy(
        CIMultiDict({name.replace("_", "-"): str(value) for name, value in fields.items()})
    )


def payload_of(kind, data=b""):
    signed_chunks = kind in (PayloadKind.SIGNED_CHUNKS, PayloadKind.SIGNED_CHUNKS_TRAILER)
    return Payload(
        kind,
        hashlib.sha256(data).hexdigest() if kind is PayloadKind.SIGNED else "",
        ChunkChain(KEY, TIME, SCOPE, SEED) if signed_chunks else None,
    )


def crc32(data):
    return b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def encode(kind, data, size=65_536):
    """The body of a client that streams `data` in chunks of `size`; trailers carry the CRC32."""
    previous, signed = SEED, kind is not PayloadKind.UNSIGNED_CHUNKS_TRAILER
    body = bytearray()
    for chunk in [data[at : at + size] for at in range(0, len(data), size)] + [b""]:
        text = "\n".join(
            ["AWS4-HMAC-SHA256-PAYLOAD", TIME, SCOPE, previous]
            + [hashlib.sha256(part).hexdigest() for part in (b"", chunk)]
        )
        previous = hmac.new(KEY, text.encode(), "sha256").hexdigest()
        body += (
            f"{len(chunk):x}".encode()
            + (f";chunk-signature={previous}".encode() if signed else b"")
            + b"\r\n"
        )
        body += chunk + (b"\r\n" if chunk else b"")
    if kind.trailer:
        trailer = f"{CRC32}:{crc32(data)}"
        body += f"{trailer}\r\n".encode()
        if signed:
            digest = hashlib.sha256(f"{trailer}\n".encode()).hexdigest()
            text = "\n".join(["AWS4-HMAC-SHA256-TRAILER", TIME, SCOPE, previous, digest])
            body += (
                f"x-amz-trailer-signature:{hmac.new(KEY, text.encode(), 'sha256').hexdigest()}\r\n".encode()
            )
    return bytes(body) + b"\r\n"


def request_for(kind, data, size=65_536):
    """(body, headers) of an upload of `data`."""
    if not kind.chunked:
        return data, headers(content_length=len(data))
    body = encode(kind, data, size)
    fields = {"content_length": len(body), "x_amz_decoded_content_length": len(data)}
    if kind.trailer:
        fields["x_amz_trailer"] = CRC32
    return body, headers(**fields)


async def pieces_of(body, size):
    for at in range(0, len(body), size):
        yield body[at : at + size]


async def read(stream):
    return b"".join([bytes(piece) async for piece in stream])


def stream_in(body, size, kind, received, data=b""):
    """Decode a body that comes `size` bytes at a time: the plaintext and the stream."""
    payload = payload_of(kind, data)
    stream = decode_payload(pieces_of(body, size), payload, received, expect(received, payload))
    return asyncio.run(read(stream)), stream


KINDS = list(PayloadKind)
CHUNKED = [kind for kind in KINDS if kind.chunked]


# ---------------------------------------------------------------- what was sent comes out


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [0, 1, 8192, 65_536, 200_001])
async def test_a_body_comes_out_as_it_was_sent_whole_or_streamed(kind, size):
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    body, received = request_for(kind, data)
    payload = payload_of(kind, data)
    assert decode_whole(body, payload, received, expect(received, payload)).data == data
    payload = payload_of(kind, data)
    stream = decode_payload(pieces_of(body, 3000), payload, received, expect(received, payload))
    assert stream.length == size
    assert await read(stream) == data
    assert stream.trailers == ({CRC32: crc32(data)} if kind.trailer else {})


@given(
    kind=st.sampled_from(CHUNKED),
    data=st.binary(max_size=300),
    chunk=st.integers(1, 99),
    step=st.integers(1, 400),
)
def test_it_does_not_matter_how_a_body_is_cut_into_chunks_and_segments(kind, data, chunk, step):
    body, received = request_for(kind, data, chunk)
    with pytest.MonkeyPatch.context() as patch:  # so that there are many chunks to be cut
        patch.setattr(chunked, "CHUNK_BYTES_MIN", 1)
        assert stream_in(body, step, kind, received)[0] == data


@pytest.mark.parametrize("kind", CHUNKED)
@pytest.mark.parametrize(("size", "refused"), [(8191, True), (8192, False)])
def test_only_the_last_chunk_may_be_small(kind, size, refused):
    data = bytes(2 * size + 100)
    body, received = request_for(kind, data, size)
    if refused:
        with pytest.raises(S3Error, match="InvalidChunkSizeError"):
            stream_in(body, 1000, kind, received)
    else:
        assert stream_in(body, 1000, kind, received)[0] == data


@pytest.mark.parametrize("checksum", [Crc32Checksum, CrtCrc64NvmeChecksum, Sha256Checksum])
@pytest.mark.parametrize("size", [0, 100, 3_000_000])
async def test_botocores_streamed_uploads_are_understood(checksum, size):
    name = "x-amz-checksum-" + checksum.__name__.removeprefix("Crt").removesuffix("Checksum").lower()
    data = b"ab" * (size // 2)
    body = AwsChunkedWrapper(io.BytesIO(data), checksum, name).read()
    received = headers(x_amz_decoded_content_length=size, x_amz_trailer=name)
    payload = payload_of(PayloadKind.UNSIGNED_CHUNKS_TRAILER)
    expected = expect(received, payload)
    assert await read(decode_payload(pieces_of(body, 70_000), payload, received, expected)) == data
    direct = checksum()
    direct.update(data)
    assert expected.checksum.value == direct.b64digest()


async def test_boto3s_put_is_understood(sent, verify):
    client, requests = sent
    client.put_object(
        Bucket="b", Key="k", Body=b"hello", ContentMD5=b64encode(hashlib.md5(b"hello").digest()).decode()
    )
    request = requests[0]
    auth = await verify(request.view)
    expected = expect(request.view.headers, auth.payload)
    assert decode_whole(request.body, auth.payload, request.view.headers, expected).data == b"hello"
    assert expected.checksum.value == crc32(b"hello")
    expected.check_md5(hashlib.md5(b"hello").digest())


async def test_a_large_chunk_is_passed_on_before_it_is_complete():
    """One chunk of any size: what has come is handed over, not held."""
    received = headers(x_amz_decoded_content_length=1 << 40, x_amz_trailer=CRC32)

    async def source():
        yield b"10000000000\r\n" + b"a" * 1000
        yield b"b" * 1000
        raise AssertionError("read too far")

    stream = aiter(decode_payload(source(), payload_of(PayloadKind.UNSIGNED_CHUNKS_TRAILER), received))
    assert bytes(await anext(stream)) == b"a" * 1000
    assert bytes(await anext(stream)) == b"b" * 1000
    await stream.aclose()


async def test_an_unsigned_plain_body_is_passed_on_without_a_copy():
    data = b"x" * 1000

    async def source():
        yield data

    stream = decode_payload(source(), payload_of(PayloadKind.UNSIGNED), headers(content_length=1000))
    assert await anext(aiter(stream)) is data


# ---------------------------------------------------------------- what was not sent does not


@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_body_is_refused_wherever_it_ends(kind):
    data = b"abc" * 9000
    body, received = request_for(kind, data, 9000)
    for length in [*range(0, 300), *range(300, len(body) - 2, 397)]:
        if body[:length].rstrip(b"\r\n") == body.rstrip(b"\r\n"):
            continue
        with pytest.raises(S3Error) as caught:
            decode_whole(body[:length], payload_of(kind, data), received)
        assert caught.value.code in ("IncompleteBody", "MalformedTrailerError", "SignatureDoesNotMatch")
        assert caught.value.status in (400, 403)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", [-1, 1])
def test_another_length_than_was_promised_is_refused(kind, wrong):
    body, received = request_for(kind, b"abc")
    name = "x-amz-decoded-content-length" if kind.chunked else "content-length"
    fields = CIMultiDict(received)
    fields[name] = str(3 + wrong)
    with pytest.raises(S3Error, match="IncompleteBody"):
        decode_whole(body, payload_of(kind, b"abc"), CIMultiDictProxy(fields))


@pytest.mark.parametrize("kind", KINDS)
def test_a_length_must_be_promised_and_be_a_number(kind):
    name = "x-amz-decoded-content-length" if kind.chunked else "content-length"
    with pytest.raises(S3Error, match="MissingContentLength"):
        decode_payload(pieces_of(b"", 1), payload_of(kind), headers())
    for value in ("-1", "+1", "1_0", "x", "", "\u0663", "1" * 30):
        with pytest.raises(S3Error, match="InvalidArgument"):
            decode_payload(pieces_of(b"", 1), payload_of(kind), CIMultiDictProxy(CIMultiDict({name: value})))


def test_another_body_than_was_signed_is_refused():
    with pytest.raises(S3Error, match="XAmzContentSHA256Mismatch"):
        decode_whole(b"abd", payload_of(PayloadKind.SIGNED, b"abc"), headers(content_length=3))
    with pytest.raises(S3Error, match="XAmzContentSHA256Mismatch"):
        stream_in(b"d" * 3_000_000, 65_536, PayloadKind.SIGNED, headers(content_length=3_000_000))


@pytest.mark.parametrize("kind", [PayloadKind.SIGNED_CHUNKS, PayloadKind.SIGNED_CHUNKS_TRAILER])
def test_no_changed_byte_of_signed_chunks_gets_through(kind):
    data = bytes(range(200))
    body, received = request_for(kind, data, 100)
    for at in range(len(body) - 2):
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        try:
            decoded = decode_whole(changed, payload_of(kind), received, expect(received))
        except S3Error:
            continue
        # What may differ is framing that means the same, as the case of a hexadecimal digit.
        assert decoded.data == data


def test_chunks_in_another_order_are_refused():
    data = b"a" * 8192 + b"b" * 8192
    body, received = request_for(PayloadKind.SIGNED_CHUNKS, data, 8192)
    first = len(b"2000;chunk-signature=") + 64 + 2 + 8192 + 2  # where the second chunk begins
    turned = body[first : 2 * first] + body[:first] + body[2 * first :]
    with pytest.raises(S3Error, match="SignatureDoesNotMatch"):
        decode_whole(turned, payload_of(PayloadKind.SIGNED_CHUNKS), received)


def test_a_checksum_in_a_trailer_that_does_not_match_is_refused():
    kind = PayloadKind.UNSIGNED_CHUNKS_TRAILER
    body, received = request_for(kind, b"abc")
    for size in (1, 1000):
        with pytest.raises(S3Error, match="BadDigest"):
            stream_in(body.replace(b"abc", b"abd"), size, kind, received)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"3\r\nabc\r\n0\r\n\r\n", "MalformedTrailerError"),
        (b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32\r\n\r\n", "MalformedTrailerError"),
        (b"3\r\nabc\r\n0\r\n:value\r\n\r\n", "MalformedTrailerError"),
        (b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32c:NSRBwg==\r\n\r\n", "MalformedTrailerError"),
        (b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg\r\n\r\n", "InvalidRequest"),
        (b"3\r\nabc\r\n0\r\n" + b"x" * 9000, "MalformedTrailerError"),
        (
            b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\nx-amz-trailer-signature:00\r\n\r\n",
            "MalformedTrailerError",
        ),
    ],
)
def test_a_malformed_trailer_is_refused(body, code):
    received = headers(x_amz_decoded_content_length=3, x_amz_trailer=CRC32)
    kind = PayloadKind.UNSIGNED_CHUNKS_TRAILER
    for size in (1, 10_000):
        with pytest.raises(S3Error, match=code):
            stream_in(body, size, kind, received)


@pytest.mark.parametrize(
    "body",
    [
        b"xyz\r\nabc\r\n0\r\n\r\n",
        b"3\nabc\n0\n\n",
        b"\r\n3\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"3\r\nabc0\r\n\r\n",
        b"-3\r\nabc\r\n0\r\n\r\n",
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b"3;chunk-signature=" + b"0" * 64 + b"\r\nabc\r\n0\r\n\r\n",
        b"3;name=value\r\nabc\r\n0\r\n\r\n",
        b"11111111111111111\r\nabc\r\n0\r\n\r\n",
        b"3" * 200,
        b"0" * 100_000,
    ],
)
def test_malformed_framing_is_refused(body):
    received = headers(x_amz_decoded_content_length=3, x_amz_trailer=CRC32)
    for size in (1, 7, 200_000):
        with pytest.raises(S3Error) as caught:
            stream_in(body, size, PayloadKind.UNSIGNED_CHUNKS_TRAILER, received)
        assert caught.value.code in ("InvalidRequest", "IncompleteBody")


async def test_a_line_that_does_not_end_is_not_waited_for():
    async def source():
        for _ in range(10):
            yield b"0" * 50
        raise AssertionError("read too far")

    received = headers(x_amz_decoded_content_length=3, x_amz_trailer=CRC32)
    with pytest.raises(S3Error, match="InvalidRequest"):
        await read(decode_payload(source(), payload_of(PayloadKind.UNSIGNED_CHUNKS_TRAILER), received))


def test_chunks_without_signatures_are_refused_where_they_must_have_them():
    body = b"3\r\nabc\r\n0\r\n\r\n"
    with pytest.raises(S3Error, match="InvalidRequest"):
        decode_whole(body, payload_of(PayloadKind.SIGNED_CHUNKS), headers(x_amz_decoded_content_length=3))


@given(kind=st.sampled_from(KINDS), body=st.binary(max_size=200), step=st.integers(1, 200))
def test_no_body_whatever_fails_otherwise(kind, body, step):
    received = headers(x_amz_decoded_content_length=5, content_length=5, x_amz_trailer=CRC32)
    try:
        data, _ = stream_in(
            body,
            step,
            kind,
            received if kind.trailer else headers(x_amz_decoded_content_length=5, content_length=5),
            b"12345",
        )
    except S3Error:
        return
    assert len(data) == 5


# ---------------------------------------------------------------- hashing beside the stream


async def test_hashing_of_a_large_body_runs_in_a_thread_and_what_waits_is_bounded(monkeypatch):
    threads, waiting = set(), 0

    class Watched:
        algorithm, value = "CRC32", ""

        def update(self, data):
            nonlocal waiting
            threads.add(threading.current_thread())
            waiting -= len(data)

    async def source():
        nonlocal waiting
        for _ in range(160):
            waiting += 65_536
            yield bytes(65_536)

    expected = SimpleNamespace(digest=Watched(), settle=lambda trailers: None)
    stream = decode_payload(
        source(), payload_of(PayloadKind.UNSIGNED), headers(content_length=160 * 65_536), expected
    )
    most = 0
    async for _ in stream:
        most = max(most, waiting)
    assert waiting == 0
    assert threading.main_thread() not in threads
    assert most <= 2 * payload_module._BATCH_BYTES + 2 * 65_536


@pytest.mark.parametrize("batch", [50_000, 200_000])
async def test_among_many_bodies_each_keeps_little_for_hashing(batch):
    waiting = most = 0

    class Watched:
        algorithm, value = "CRC32", ""

        def update(self, data):
            nonlocal waiting
            waiting -= len(data)

    async def source():
        nonlocal waiting
        for _ in range(200):
            waiting += 10_000
            yield bytes(10_000)

    expected = SimpleNamespace(digest=Watched(), settle=lambda trailers: None)
    unsigned, fields = payload_of(PayloadKind.UNSIGNED), headers(content_length=2_000_000)
    async for _ in decode_payload(source(), unsigned, fields, expected, lambda: batch):
        most = max(most, waiting)
    assert waiting == 0
    assert 10_000 < most <= 2 * batch + 10_000


async def test_a_bad_chunk_of_a_long_body_is_noticed_long_before_its_end():
    kind = PayloadKind.SIGNED_CHUNKS
    body = bytearray(encode(kind, bytes(6 << 20)))
    body[70_000] ^= 1
    read_bytes = 0

    async def source():
        nonlocal read_bytes
        for at in range(0, len(body), 65_536):
            read_bytes += 65_536
            yield bytes(body[at : at + 65_536])

    stream = decode_payload(source(), payload_of(kind), headers(x_amz_decoded_content_length=6 << 20))
    with pytest.raises(S3Error, match="SignatureDoesNotMatch"):
        await read(stream)
    assert read_bytes <= 4 << 20


async def test_a_reader_that_gives_up_leaves_nothing_behind():
    async def source():
        while True:
            yield bytes(1 << 20)

    before = asyncio.all_tasks()
    stream = aiter(decode_payload(source(), payload_of(PayloadKind.SIGNED), headers(content_length=1 << 30)))
    for _ in range(5):
        await anext(stream)
    await stream.aclose()
    for task in asyncio.all_tasks() - before:
        with pytest.raises(asyncio.CancelledError):
            await task


# ---------------------------------------------------------------- Content-Encoding


@pytest.mark.parametrize(
    ("values", "stored"),
    [
        ([], None),
        (["aws-chunked"], None),
        (["gzip"], "gzip"),
        (["aws-chunked,gzip"], "gzip"),
        (["gzip, AWS-Chunked , br"], "gzip, br"),
        (["gzip", "aws-chunked"], "gzip"),
        ([""], None),
    ],
)
def test_aws_chunked_is_not_stored_as_an_encoding(values, stored):
    received = CIMultiDictProxy(CIMultiDict([("Content-Encoding", value) for value in values]))
    assert stored_content_encoding(received) == stored
