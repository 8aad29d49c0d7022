"""What people are told about a trouble: each has a name and a remedy that exists."""

import re
from pathlib import Path

import pytest

from outlast.base.errors import Cause, Denied, Full, Unavailable
from outlast.providers import trouble
from outlast.providers.marker import Damaged, Marker

CLI = Path(__file__).parents[2] / "docs/reference/cli.md"
OURS = Marker(b"s" * 16, "a", b"i" * 16)
PRESENT = (
    None,
    Damaged("empty"),
    Damaged("of a later version", later=True),
    Marker(b"t" * 16, "a", b"i" * 16),
    Marker(b"s" * 16, "b", b"i" * 16),
    Marker(b"s" * 16, "a", b"j" * 16),
    Marker(b"s" * 16, "a", b"i" * 16, b"n" * 8),
)
MET = [trouble.of_error(Unavailable("a", "get", "", cause)) for cause in Cause]
MET += [trouble.of_error(Denied("a", verb)) for verb in ("get", "head", "list", "put", "create", "delete")]
MET += [trouble.of_error(Full("a", "put"))]
MET += [found for present in PRESENT if (found := trouble.of_marker(OURS, present)) is not None]
MET += [trouble.versioned, trouble.of_lost_log("its log is gone")]


@pytest.mark.parametrize("met", MET, ids=lambda met: met.kind)
def test_a_remedy_names_only_commands_that_there_are(met: trouble.Trouble) -> None:
    commands = re.findall(r"^## outlast (\S+)", CLI.read_text(), re.MULTILINE)
    assert met.what and met.remedy
    for name in re.findall(r"outlast ([a-z][a-z-]*)", met.remedy):
        assert name in commands
    assert "goes on without it" not in met.remedy, "whether it does depends on the others"


@pytest.mark.parametrize("cause", [Cause.PERMISSION, Cause.READ_ONLY, Cause.CLOCK])
def test_only_a_refused_credential_is_a_matter_of_credentials(cause: Cause) -> None:
    assert "credential" in trouble.of_error(Denied("a", "put")).remedy
    found = trouble.of_error(Denied("a", "put", "", cause))
    assert (found.kind, "credential" in found.remedy) == (cause, False)


def test_a_directory_that_is_not_there_is_not_a_matter_of_firewalls() -> None:
    found = trouble.of_error(Unavailable("a", "get", "", Cause.UNMOUNTED))
    assert "firewall" not in found.remedy and "mount" in found.remedy
