"""Signature verification against botocore as the signer, and against everybody who is not the signer."""

import dataclasses
import time
from types import SimpleNamespace
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from outlast.gateway.s3.errors import S3Error
from outlast.gateway.s3.signature import PayloadKind, RequestView, authenticate
from outlast.gateway.s3.signing import signing_key
from outlast.gateway.s3.uri import parse_query


def changed(view, **fields):
    """The view with other headers (`headers=`: name -> value, None removes) or other fields."""
    if (headers := fields.pop("headers", None)) is not None:
        new = CIMultiDict(view.headers)
        for name, value in headers.items():
            new.popall(name, None)
            if value is not None:
                new.add(name, value)
        fields["headers"] = CIMultiDictProxy(new)
    if "raw_query" in fields:
        fields["query"] = parse_query(fields["raw_query"])
    return dataclasses.replace(view, **fields)


def run(coroutine):
    """Run a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waited")


# ---------------------------------------------------------------- what must be accepted


KEYS = [
    "plain/key-0_1.txt~",
    "with space",
    "plus+plus",
    "percent%41",
    "a/../b/./c//d",
    "ünïcödé/日本/🦀",
    "q?&=#;:@$,!*'()[]",
    "nul\0tab\tline\n",
    'quote"back\\slash',
]


@pytest.mark.parametrize("key", KEYS)
async def test_boto3s_requests_for_any_key_are_accepted(key, sent, verify):
    client, requests = sent
    client.get_object(Bucket="bucket", Key=key)
    auth = await verify(requests[0].view)
    assert auth.access_key.id == "AKIAIOSFODNN7EXAMPLE"


@pytest.mark.parametrize("prefix", ["", "a b+c/%&=", "ünï/", "~*'()"])
async def test_boto3s_listings_with_any_prefix_are_accepted(prefix, sent, verify):
    client, requests = sent
    client.list_objects_v2(Bucket="bucket", Prefix=prefix, Delimiter="/", StartAfter="z y")
    client.get_bucket_acl(Bucket="bucket")  # a parameter without a value
    for request in requests:
        await verify(request.view)


@pytest.mark.parametrize("key", KEYS)
async def test_boto3s_presigned_urls_for_any_key_are_accepted(key, sent, verify, make_view):
    client, _ = sent
    parameters = {"Bucket": "bucket", "Key": key, "ResponseContentType": "text/plain; charset=utf-8"}
    auth = await verify(make_view("GET", client.generate_presigned_url("get_object", parameters), {}))
    assert auth.presigned


async def test_metadata_and_repeated_blanks_are_signed_as_botocore_does_it(signer, verify):
    headers = {"x-amz-meta-a": "  two  words\tand   more ", "Content-Type": "text/plain", "x-amz-meta-e": ""}
    await verify(signer.sign("PUT", body=b"x", headers=headers))


async def test_a_host_with_a_bucket_in_it_is_accepted(signer, verify):
    await verify(signer.sign(url="http://bucket.localhost:9000/key"))


unicode = st.text(st.characters(codec="utf-8"), max_size=12)


@given(path=unicode, pairs=st.lists(st.tuples(unicode, unicode), max_size=4))
def test_any_path_and_query_signed_by_botocore_are_accepted(path, pairs, signer, verify):
    url = "http://127.0.0.1:9000/b/" + quote(path, safe="/~")
    view = signer.sign(url=f"{url}?{urlencode(pairs, quote_via=quote)}" if pairs else url)
    assert run(verify(view)).payload.kind is PayloadKind.SIGNED


async def test_a_path_that_was_sent_less_encoded_than_signed_is_the_same_path(signer, verify):
    """Clients and proxies write `(`, `'` or lower-case escapes; S3 decodes and encodes before it verifies."""
    view = signer.sign(url="http://127.0.0.1:9000/bucket/%28a%27%29%2Bb%C3%BC")
    for same in ("/bucket/(a')+b%c3%bc", "/bucket/%28a'%29%2bbü", "/%62ucket/%28a%27%29%2Bb%C3%BC"):
        await verify(changed(view, raw_path=same))


async def test_the_time_may_be_in_a_date_header(signer, verify):
    view = signer.sign(headers={"Date": "is replaced"})
    assert "X-Amz-Date" not in view.headers
    await verify(view)


@pytest.mark.parametrize("seconds", [-899, 0, 899])
async def test_clocks_may_differ_by_up_to_15_minutes(seconds, signer, verify):
    await verify(signer.sign(), now=time.time() + seconds)
    await verify(signer.presign(expires=3600), now=time.time() + seconds)


async def test_blanks_between_the_fields_of_the_header_and_their_order_do_not_matter(signer, verify):
    view = signer.sign()
    authorization = view.headers["Authorization"]
    scheme, fields = authorization.split(" ", 1)
    await verify(changed(view, headers={"Authorization": authorization.replace(", ", ",")}))
    turned = ",  ".join(reversed(fields.split(", ")))
    await verify(changed(view, headers={"Authorization": f"{scheme} {turned}"}))


# ---------------------------------------------------------------- what must be refused


async def refused(code, awaitable):
    with pytest.raises(S3Error) as caught:
        await awaitable
    assert caught.value.code == code, caught.value
    return caught.value


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"raw_path": "/bucket/other"},
        {"raw_path": "/bucket/key/"},
        {"raw_path": "//bucket/key"},
        {"raw_path": "/bucket/KEY"},
        {"raw_query": "acl"},
        {"raw_query": "a=1&b=3"},
        {"raw_query": "a=1&b=2&b=2"},
        {"raw_query": "a=1&b=2&c"},
        {"headers": {"Host": "127.0.0.1:9001"}},
        {"headers": {"x-amz-meta-a": "c"}},
        {"headers": {"x-amz-meta-a": None}},
        {"headers": {"x-amz-content-sha256": "0" * 64}},
        {"headers": {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}},
    ],
    ids=str,
)
async def test_a_request_changed_after_signing_is_refused(change, signer, verify):
    view = signer.sign(url="http://127.0.0.1:9000/bucket/key?a=1&b=2", headers={"x-amz-meta-a": "b"})
    await verify(view)
    error = await refused("SignatureDoesNotMatch", verify(changed(view, **change)))
    assert error.status == 403
    assert "CanonicalRequest" in error.extra


async def test_a_second_value_added_to_a_signed_header_is_refused(signer, verify):
    view = signer.sign(headers={"x-amz-meta-a": "b"})
    headers = CIMultiDict(view.headers)
    headers.add("x-amz-meta-a", "c")
    view = dataclasses.replace(view, headers=CIMultiDictProxy(headers))
    await refused("SignatureDoesNotMatch", verify(view))


@pytest.mark.parametrize("name", ["x-amz-copy-source", "X-Amz-Meta-Added", "x-amz-acl"])
async def test_an_amz_header_that_is_not_signed_is_refused(name, signer, verify):
    for view in (signer.sign(), signer.presign("PUT")):
        error = await refused("AccessDenied", verify(changed(view, headers={name: "v"})))
        assert error.extra["HeadersNotSigned"] == name.lower()


async def test_a_request_without_any_signature_is_refused(make_view, verify):
    await refused("AccessDenied", verify(make_view("GET", "http://h/b/k?acl", {})))


async def test_the_secret_of_somebody_else_is_refused(signer):
    async def other(id):
        return SimpleNamespace(id=id, secret="not this one")

    await refused("SignatureDoesNotMatch", authenticate(signer.sign(), other, time.time()))


async def test_an_unknown_access_key_is_refused(signer):
    async def nobody(id):
        return None

    error = await refused("InvalidAccessKeyId", authenticate(signer.sign(), nobody, time.time()))
    assert error.extra == {"AWSAccessKeyId": "AKIAIOSFODNN7EXAMPLE"}


@pytest.mark.parametrize("seconds", [-902, 902, 1e9])
async def test_a_clock_that_is_wrong_by_more_than_15_minutes_is_refused(seconds, signer, verify):
    error = await refused("RequestTimeTooSkewed", verify(signer.sign(), now=time.time() + seconds))
    assert error.extra["MaxAllowedSkewMilliseconds"] == "900000"


async def test_a_presigned_url_is_refused_before_and_after_its_time(signer, verify):
    view = signer.presign(expires=60)
    await verify(view, now=time.time() + 58)
    error = await refused("AccessDenied", verify(view, now=time.time() + 62))
    assert "expired" in error.message
    error = await refused("AccessDenied", verify(view, now=time.time() - 1000))
    assert "not valid yet" in error.message


@pytest.mark.parametrize("expires", [604_801, 10**9])
async def test_a_presigned_url_is_not_valid_for_more_than_a_week(expires, signer, verify):
    await refused("AuthorizationQueryParametersError", verify(signer.presign(expires=expires)))
    await verify(signer.presign(expires=604_800), now=time.time() + 600_000)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA512"),
        ("X-Amz-Expires", "-1"),
        ("X-Amz-Expires", "1.5"),
        ("X-Amz-Expires", "\u0663"),
        ("X-Amz-Date", "20130524T000000"),
        ("X-Amz-Date", "20130231T000000Z"),
        ("X-Amz-Credential", "AKIA/20130524/us-east-1/s3"),
        ("X-Amz-Credential", "AKIA/20130524/us-east-1/ec2/aws4_request"),
        ("X-Amz-Credential", "AKIA/20130524/us-east-1/s3/aws5_request"),
        ("X-Amz-Credential", "/20130524/us-east-1/s3/aws4_request"),
        ("X-Amz-SignedHeaders", "ho st"),
        ("X-Amz-SignedHeaders", ""),
        ("X-Amz-SignedHeaders", ";host"),
    ],
)
async def test_malformed_presigned_parameters_are_refused_by_name(name, value, signer, verify):
    view = signer.presign()
    pairs = [(n, value if n == name else v) for n, v in view.query.pairs]
    view = changed(view, raw_query=urlencode(pairs))
    await refused("AuthorizationQueryParametersError", verify(view))


@pytest.mark.parametrize("name", ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"])
async def test_a_presigned_url_needs_each_parameter_once(name, signer, verify):
    view = signer.presign()
    fields = view.raw_query.split("&")
    field = next(f for f in fields if f.startswith(f"X-Amz-{name}="))
    without = changed(view, raw_query="&".join(f for f in fields if f != field))
    await refused("AuthorizationQueryParametersError", verify(without))
    twice = changed(view, raw_query=f"{view.raw_query}&{field}")
    await refused("AuthorizationQueryParametersError", verify(twice))


MALFORMED = "AuthorizationHeaderMalformed"
CREDENTIAL = "Credential=A/20130524/r/s3/aws4_request"
ZEROS = "0" * 64


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=", "InvalidRequest"),
        ("AWS4-ECDSA-P256-SHA256 Credential=A/20130524/s3/aws4_request, Signature=00", "NotImplemented"),
        ("Basic dXNlcjpwYXNz", "InvalidArgument"),
        ("Bearer token", "InvalidArgument"),
        ("", "InvalidArgument"),
        ("AWS4-HMAC-SHA256", MALFORMED),
        ("AWS4-HMAC-SHA256 Credential=, SignedHeaders=, Signature=", MALFORMED),
        (f"AWS4-HMAC-SHA256 SignedHeaders=host, Signature={ZEROS}", MALFORMED),
        (f"AWS4-HMAC-SHA256 {CREDENTIAL}, Signature={ZEROS}", MALFORMED),
        (f"AWS4-HMAC-SHA256 Credential=A, SignedHeaders=host, Signature={ZEROS}", MALFORMED),
        (f"AWS4-HMAC-SHA256 {CREDENTIAL}, SignedHeaders=host, SignedHeaders=a, Signature={ZEROS}", MALFORMED),
        (f"AWS4-HMAC-SHA256 {CREDENTIAL}, SignedHeaders=host, Signature={ZEROS}0", MALFORMED),
    ],
)
async def test_authorization_headers_out_of_form_are_refused(authorization, code, signer, verify):
    view = changed(signer.sign(), headers={"Authorization": authorization})
    await refused(code, verify(view))


async def test_signature_version_2_in_the_query_is_refused_clearly(make_view, verify):
    url = "http://h/b/k?AWSAccessKeyId=A&Expires=1&Signature=x"
    error = await refused("InvalidRequest", verify(make_view("GET", url, {})))
    assert "AWS4-HMAC-SHA256" in error.message


async def test_two_signatures_at_once_are_refused(signer, verify):
    view = changed(signer.sign(), raw_query=signer.presign().raw_query)
    await refused("InvalidArgument", verify(view))


async def test_a_wrong_region_is_refused_and_the_right_one_told(signer, verify):
    view = signer.sign(region="mars-1")
    await verify(view)
    error = await refused("AuthorizationHeaderMalformed", verify(view, region="us-east-1"))
    assert error.extra == {"Region": "us-east-1"}


async def test_a_credential_of_another_day_is_refused(signer, verify):
    view = signer.sign()
    today = view.headers["X-Amz-Date"][:8]
    authorization = view.headers["Authorization"].replace(today, "20130524")
    await refused(MALFORMED, verify(changed(view, headers={"Authorization": authorization})))


async def test_a_host_that_is_not_signed_is_refused(signer, verify):
    view = signer.sign()
    authorization = view.headers["Authorization"].replace("host;", "")
    error = await refused("AccessDenied", verify(changed(view, headers={"Authorization": authorization})))
    assert error.extra["HeadersNotSigned"] == "host"


async def test_temporary_credentials_are_refused(signer, verify):
    await refused("InvalidToken", verify(signer.sign(headers={"x-amz-security-token": "t"})))
    view = signer.presign(url="http://h/b/k?X-Amz-Security-Token=t")
    await refused("InvalidToken", verify(view))


async def test_a_request_without_a_time_is_refused(signer, verify):
    await refused("AccessDenied", verify(changed(signer.sign(), headers={"X-Amz-Date": None})))


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "InvalidRequest"),
        ("", "InvalidArgument"),
        ("0" * 63, "InvalidArgument"),
        ("UNSIGNED", "InvalidArgument"),
        ("(a hash)", "InvalidArgument"),
        ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "NotImplemented"),
    ],
)
async def test_a_payload_hash_that_says_nothing_is_refused(value, code, signer, verify):
    await refused(code, verify(changed(signer.sign(), headers={"X-Amz-Content-SHA256": value})))


@pytest.mark.parametrize("kind", [kind for kind in PayloadKind if kind is not PayloadKind.SIGNED])
async def test_the_kind_of_the_payload_is_told(kind, signer, verify):
    payload = (await verify(signer.sign("PUT", payload_hash=kind.value))).payload
    assert payload.kind is kind
    assert (payload.chain is not None) == (kind.value.startswith("STREAMING-AWS4"))
    assert payload.kind.chunked == kind.value.startswith("STREAMING-")
    assert payload.kind.trailer == kind.value.endswith("-TRAILER")


# ---------------------------------------------------------------- whatever comes


def head(view):
    return view.method, view.raw_path, view.query.pairs, sorted(view.headers.items())


@given(data=st.data())
def test_no_change_of_one_character_gets_through(data, signer, verify):
    view = signer.sign("PUT", "http://127.0.0.1:9000/bucket/key?uploads&a=b", b"x", {"x-amz-meta-a": "b"})
    part = data.draw(st.sampled_from(["method", "raw_path", "raw_query", "header"]))
    name = data.draw(st.sampled_from(sorted(view.headers)))
    text = view.headers[name] if part == "header" else getattr(view, part)
    at = data.draw(st.integers(0, len(text) - 1))
    new = text[:at] + data.draw(st.characters(min_codepoint=33, max_codepoint=126)) + text[at + 1 :]
    try:
        altered = changed(view, headers={name: new}) if part == "header" else changed(view, **{part: new})
    except S3Error:
        return  # not even UTF-8
    unsigned = part == "header" and name.lower() not in f"{view.headers['Authorization']};authorization"
    if unsigned or head(altered) == head(view):
        return
    with pytest.raises(S3Error):
        run(verify(altered))


fuzz = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=60) | st.from_regex(
    r"(AWS4-HMAC-SHA256|AWS)? ?(Credential|SignedHeaders|Signature|X-Amz-[A-Z]{3})?=[/,;=%&a-f0-9]{0,80}",
    fullmatch=True,
)


@given(authorization=fuzz, date=fuzz, hashed=fuzz, path=fuzz, query=fuzz)
def test_no_request_whatever_fails_otherwise(authorization, date, hashed, path, query, verify):
    headers = CIMultiDict({"Authorization": authorization, "x-amz-date": date, "Host": "h"})
    headers["x-amz-content-sha256"] = hashed
    try:
        view = RequestView("GET", f"/{path}", query, CIMultiDictProxy(headers), parse_query(query))
        run(verify(view))
    except S3Error:
        return
    raise AssertionError("accepted")


@given(credential=fuzz, date=fuzz, expires=fuzz, signed=fuzz, signature=fuzz)
def test_no_presigned_url_whatever_fails_otherwise(credential, date, expires, signed, signature, verify):
    fields = ["X-Amz-Algorithm=AWS4-HMAC-SHA256", f"X-Amz-Credential={credential}", f"X-Amz-Date={date}"]
    fields += [f"X-Amz-Expires={expires}", f"X-Amz-SignedHeaders={signed}", f"X-Amz-Signature={signature}"]
    try:
        query = "&".join(fields)
        headers = CIMultiDictProxy(CIMultiDict({"Host": "h"}))
        run(verify(RequestView("GET", "/b/k", query, headers, parse_query(query))))
    except S3Error:
        return
    raise AssertionError("accepted")


# ---------------------------------------------------------------- what is remembered


def test_a_signing_key_belongs_to_one_secret_day_and_region():
    keys = {signing_key(s, d, r) for s in ("a", "b") for d in ("20130524", "20130525") for r in ("x", "y")}
    assert len(keys) == 8


async def test_a_new_secret_under_the_same_id_is_the_one_that_counts(signer, verify):
    view = signer.sign()
    await verify(view)

    async def replaced(id):
        return SimpleNamespace(id=id, secret="new")

    await refused("SignatureDoesNotMatch", authenticate(view, replaced, time.time()))
