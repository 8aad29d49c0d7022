"""What a scrape of a running gateway shows, and that the figures move as they should."""

import re
import time
from collections.abc import Iterator

import pytest
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics
from running_gateway import MIB, Client, RunningGateway, code_of

from outlast.catalog.records import DrillReported, DrillSet
from outlast.providers.wrap.fault import Shape

LOCAL = "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n{}\r\n"


class Scrape:
    """The samples of one scrape."""

    def __init__(self, gateway: RunningGateway) -> None:
        answer = gateway.exchange(LOCAL.format("").encode())
        assert answer.status == 200
        self.text = answer.body.decode()
        self._samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in parser.text_string_to_metric_families(self.text)
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        """Of one series; 0 if it is not there."""
        return self._samples.get((f"outlast_{name}", tuple(sorted(labels.items()))), 0.0)

    def sum(self, name: str, **labels: str) -> float:
        """Over all series that have these labels."""
        return sum(
            value
            for (found, have), value in self._samples.items()
            if found == f"outlast_{name}" and set(labels.items()) <= set(have)
        )


class Difference:
    """How far figures have moved since `Difference` was made."""

    def __init__(self, gateway: RunningGateway) -> None:
        self._gateway = gateway
        self._before = Scrape(gateway)

    def now(self) -> "Difference":
        """Look again."""
        self._after = Scrape(self._gateway)
        return self

    def value(self, name: str, **labels: str) -> float:
        return self._after.value(name, **labels) - self._before.value(name, **labels)

    def sum(self, name: str, **labels: str) -> float:
        return self._after.sum(name, **labels) - self._before.sum(name, **labels)


@pytest.fixture
def moved(gateway: RunningGateway) -> Difference:
    return Difference(gateway)


@pytest.fixture
def own() -> Iterator[tuple[RunningGateway, Client]]:
    """A gateway of one's own, whose providers may fail."""
    with RunningGateway() as running:
        client = running.client()
        client.create_bucket(Bucket="mine")
        yield running, client


def test_a_put_and_a_get_are_counted(gateway: RunningGateway, s3: Client, bucket: str) -> None:
    moved = Difference(gateway)
    for _ in range(3):
        s3.put_object(Bucket=bucket, Key="k", Body=bytes(1000))
    s3.get_object(Bucket=bucket, Key="k")["Body"].read()
    moved.now()
    put, get = {"operation": "PutObject"}, {"operation": "GetObject"}
    assert moved.value("s3_requests_total", **put, status="200") == 3
    assert moved.value("s3_requests_total", **get, status="200") == 1
    assert moved.value("s3_received_bytes_total", **put) >= 3000
    assert moved.value("s3_sent_bytes_total", **get) == 1000
    assert moved.value("s3_request_seconds_count", **put) == 3
    assert moved.value("s3_request_seconds_bucket", **put, le="+Inf") == 3
    assert moved.value("s3_request_seconds_sum", **put) > 0
    assert moved.sum("s3_errors_total") == 0
    assert moved.value("catalog_slot") == 3
    assert moved.value("log_commit_seconds_count") == 3
    assert moved.value("log_batch_records_sum") == 3
    assert moved.sum("log_decisions_total") == 3
    assert moved.value("log_decisions_total", path="fast") == 3
    assert moved.value("log_rounds_total", kind="fast") == 3
    assert moved.sum("log_reads_total") > 0


def test_what_the_store_holds_is_shown(own: tuple[RunningGateway, Client]) -> None:
    gateway, s3 = own
    s3.put_object(Bucket="mine", Key="small", Body=bytes(100))
    s3.put_object(Bucket="mine", Key="large", Body=bytes(3 * MIB))
    s3.put_object(Bucket="mine", Key="gone", Body=bytes(3 * MIB))
    s3.delete_object(Bucket="mine", Key="gone")
    s3.create_multipart_upload(Bucket="mine", Key="k")
    shown = Scrape(gateway)
    assert shown.value("buckets") == 1
    assert shown.value("objects") == 2
    assert shown.value("object_bytes") == 100 + 3 * MIB
    assert shown.value("multipart_uploads") == 1
    assert [shown.value("extents", state=state) for state in ("whole", "degraded", "dead")] == [1, 0, 1]
    for provider in ("p0", "p1", "p2"):
        assert 3 * MIB <= 2 * shown.value("provider_stored_bytes", provider=provider) < 8 * MIB
    assert (shown.value("ready"), shown.value("restored_timestamp_seconds")) == (1, 0)


@pytest.mark.slow
def test_what_is_degraded_and_restored_is_shown(own: tuple[RunningGateway, Client]) -> None:
    gateway, s3 = own
    gateway.world.faults["p2"].shape = Shape.REFUSE
    while gateway.world.guards["p2"].health.available:
        s3.put_object(Bucket="mine", Key="k", Body=bytes(MIB))
    s3.put_object(Bucket="mine", Key="k", Body=bytes(MIB))
    assert Scrape(gateway).value("extents", state="degraded") >= 1
    gateway.heal()
    store = gateway.world.store
    for extent in store.catalog.state.degraded_extents():
        gateway.run(store.restorer.restore(extent))
    shown = Scrape(gateway)
    assert shown.value("extents", state="degraded") == 0
    assert abs(shown.value("restored_timestamp_seconds") - time.time()) < 60


def test_drills_are_shown(own: tuple[RunningGateway, Client]) -> None:
    gateway, _ = own
    commit = gateway.world.store.catalog.commit
    now = int(time.time() * 1000)
    assert Scrape(gateway).value("drill_ended_timestamp_seconds") == 0
    gateway.run(commit(DrillSet("p1", "slow", now + 60_000)))
    assert Scrape(gateway).value("drill_active", provider="p1") == 1
    gateway.run(commit(DrillSet("p1", "", now)))
    gateway.run(commit(DrillReported("p1", ("p1",), now, now + 1000, True, b"{}")))
    shown = Scrape(gateway)
    assert shown.value("drill_active", provider="p1") == 0
    assert shown.value("drill_ended_timestamp_seconds") == (now + 1000) / 1000
    assert shown.value("drill_kept") == 1


def test_a_large_object_is_counted_at_the_providers_and_in_the_stream(
    gateway: RunningGateway, s3: Client, bucket: str, moved: Difference
) -> None:
    size = 9 * MIB
    s3.put_object(Bucket=bucket, Key="k", Body=bytes(size))
    assert len(s3.get_object(Bucket=bucket, Key="k")["Body"].read()) == size
    moved.now()
    assert moved.value("s3_received_bytes_total", operation="PutObject") >= size
    assert moved.value("s3_sent_bytes_total", operation="GetObject") == size
    for provider in ("p0", "p1"):
        assert moved.value("provider_sent_bytes_total", provider=provider, verb="put") >= size / 2
        assert moved.value("provider_requests_total", provider=provider, verb="put") >= 1
        assert moved.value("provider_request_seconds_count", provider=provider, verb="put") >= 1
    assert moved.sum("provider_received_bytes_total", verb="get") >= size
    assert gateway.run(used(gateway)) == 0


async def used(gateway: RunningGateway) -> int:
    return gateway.world.store.context.budget.used


def test_errors_are_counted_by_code(
    gateway: RunningGateway, s3: Client, bucket: str, moved: Difference
) -> None:
    assert code_of(s3.get_object, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
    gateway.exchange(f"GET /{bucket}/k HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    moved.now()
    assert moved.value("s3_errors_total", operation="GetObject", code="NoSuchKey") == 1
    assert moved.value("s3_requests_total", operation="GetObject", status="404") == 1
    assert moved.value("s3_errors_total", operation="unknown", code="AccessDenied") == 1


def test_a_request_is_in_flight_until_it_ends_however_it_ends(
    gateway: RunningGateway, bucket: str, moved: Difference
) -> None:
    with gateway.connection() as raw:
        raw.send(gateway.head("PUT", f"/{bucket}/k", body=bytes(MIB)) + bytes(1000))
        wait_until(lambda: Scrape(gateway).value("s3_requests_in_flight", operation="PutObject") == 1)
        raw.finish()
        assert raw.answer().code == "IncompleteBody"
    moved.now()
    assert moved.value("s3_requests_in_flight", operation="PutObject") == 0
    assert moved.value("s3_errors_total", operation="PutObject", code="IncompleteBody") == 1


def test_an_answer_that_is_cut_off_has_no_status(
    gateway: RunningGateway, s3: Client, bucket: str, monkeypatch: pytest.MonkeyPatch, moved: Difference
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=bytes(9 * MIB))

    async def broken(*arguments: object) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr("outlast.gateway.s3.get_object._send", broken)
        with gateway.connection() as raw:
            raw.send(gateway.head("GET", f"/{bucket}/k"))
            assert len(raw.answer().body) < 9 * MIB
    get = {"operation": "GetObject"}
    wait_until(lambda: moved.now().value("s3_errors_total", **get, code="BodyCut") == 1)
    assert moved.value("s3_requests_total", **get, status="none") == 1
    assert moved.value("s3_requests_total", **get, status="200") == 0


def wait_until(holds) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_provider_that_refuses_is_shown_down(own: tuple[RunningGateway, Client]) -> None:
    gateway, s3 = own
    before = Scrape(gateway)
    assert before.value("provider_state", provider="p1", state="healthy") == 1
    gateway.world.faults["p1"].shape = Shape.REFUSE
    for number in range(5):
        s3.put_object(Bucket="mine", Key=f"k{number}", Body=bytes(300_000))
    after = Scrape(gateway)
    assert after.value("provider_state", provider="p1", state="healthy") == 0
    assert after.value("provider_state", provider="p1", state="down") == 1
    assert after.value("provider_state", provider="p0", state="healthy") == 1
    assert after.value("provider_breaker_opened_total", provider="p1") == 1
    assert after.value("provider_failed_calls_total", provider="p1", cause="refused") >= 1
    assert after.value("provider_behind_slots", provider="p1") >= 1
    assert after.sum("s3_errors_total") == 0
    gateway.heal()
    wait_until(lambda: Scrape(gateway).value("provider_state", provider="p1", state="healthy") == 1)


@pytest.mark.slow
def test_a_late_provider_is_hedged(own: tuple[RunningGateway, Client]) -> None:
    gateway, s3 = own
    s3.put_object(Bucket="mine", Key="k", Body=bytes(300_000))
    for _ in range(5):
        s3.get_object(Bucket="mine", Key="k")["Body"].read()
    before = Scrape(gateway)
    for name in ("p0", "p1"):  # one of them is asked
        gateway.world.faults[name].shape = Shape.SLOW  # not down, so that the other may be slow after it
        assert len(s3.get_object(Bucket="mine", Key="k")["Body"].read()) == 300_000
        gateway.heal()
    after = Scrape(gateway)
    fired = after.value("hedges_fired_total") - before.value("hedges_fired_total")
    assert fired >= 1
    assert after.value("hedges_total", outcome="won") > before.value("hedges_total", outcome="won")
    assert after.sum("hedges_total") == after.value("hedges_fired_total")


def test_no_name_of_a_bucket_or_key_and_no_secret_gets_out(
    gateway: RunningGateway, s3: Client, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="planted-key", Body=b"planted-body")
    code_of(s3.get_object, Bucket="planted-bucket", Key="planted-key")
    code_of(s3.get_object, Bucket=bucket, Key="planted-key", VersionId="planted-version")
    gateway.exchange(b"PLANTED /planted?planted=1 HTTP/1.1\r\nHost: planted\r\n\r\n")
    text = Scrape(gateway).text
    for word in ("planted", bucket, gateway.key.id, gateway.key.secret, gateway.world.id.hex(), "://"):
        assert word.lower() not in text.lower()


def test_labels_are_few(gateway: RunningGateway, s3: Client, bucket: str) -> None:
    for number in range(50):
        s3.put_object(Bucket=bucket, Key=f"k{number}", Body=b"x")
    before = len(Scrape(gateway).text.splitlines())
    for number in range(50):
        s3.put_object(Bucket=bucket, Key=f"other{number}", Body=b"x")
    assert len(Scrape(gateway).text.splitlines()) == before


def test_openmetrics_is_given_to_who_asks_for_it(gateway: RunningGateway) -> None:
    accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5\r\n"
    answer = gateway.exchange(LOCAL.format(accept).encode())
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    families = {family.name for family in openmetrics.text_string_to_metric_families(answer.body.decode())}
    assert "outlast_s3_requests" in families
    plain = gateway.exchange(LOCAL.format("").encode())
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_the_build_is_told(gateway: RunningGateway) -> None:
    assert re.search(r'outlast_build_info\{.*version="\d+\.\d+', Scrape(gateway).text)
