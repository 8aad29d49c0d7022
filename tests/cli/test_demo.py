"""`outlast demo`: two providers lost, nothing lost; and it deletes nothing that is not its own."""

import socket
from typing import Any

import pytest

from outlast.cli.demo.gateway import free_port
from outlast.cli.demo.story import standard_library
from outlast.cli.demo.traffic import DemoPhase


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_request_fails_while_two_of_four_providers_are_lost(empty: Any) -> None:
    told = empty.json("demo", "--dir", str(empty.folder / "demo"), "--port", "0")
    assert told["first_failures"] == []
    assert (told["requests_failed"], told["wrong_answers"]) == (0, 0)
    assert told["failures_survived"] == 2
    assert told["objects"] > 500


def test_a_folder_of_somebody_else_is_left_alone(empty: Any) -> None:
    (empty.folder / "diary.txt").write_text("mine")
    assert "--dir" in empty.fails("demo", "--dir", str(empty.folder))
    assert (empty.folder / "diary.txt").read_text() == "mine"


def test_a_port_in_use_is_replaced_by_a_free_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port("127.0.0.1", port) != port


@pytest.mark.slow
def test_the_library_is_loaded_without_what_was_installed_into_it() -> None:
    keys = [key for key, _ in standard_library()]
    assert "os.py" in keys
    assert not [key for key in keys if "site-packages" in key or "__pycache__" in key]


def test_percentiles_are_those_of_the_sorted_latencies() -> None:
    phase = DemoPhase("p", 0.0, 1.0, latencies_s=[0.004, 0.001, 0.002, 0.003])
    assert phase.percentile_ms(0.5) == 3.0
    assert phase.percentile_ms(0.99) == 4.0
    assert DemoPhase("none", 0.0).percentile_ms(0.5) == 0.0
