"""The README's tour does what it says: its commands and its Python are run, in order, in one shell."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
PROGRAMS = Path(sys.executable).parent


def blocks() -> list[tuple[str, str]]:
    """(language, text) of each block of the tour."""
    tour = README.split("## A two-minute tour", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"```(sh|python)\n(.*?)```", tour, re.DOTALL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def script(port: int) -> str:
    """The blocks as one script: with a free port, waiting for `ready` as the reader is told to."""
    wait = f"outlast serve --port {port} > ready & gateway=$!\nuntil grep -q ready ready; do sleep 0.1; done"
    lines = ["set -euo pipefail", "trap 'kill $gateway; wait $gateway' EXIT", "gateway=0"]
    for language, text in blocks():
        text = text.replace("outlast serve &", wait).replace(":9000", f":{port}")
        lines.append(text if language == "sh" else f"python - <<'PYTHON'\n{text}PYTHON\n")
    return "\n".join(lines)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.client
def test_the_tour_can_be_walked(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        "OUTLAST_STATE_DIR": str(tmp_path / "state"),
    }
    environment.pop("OUTLAST_CONFIG", None)
    walked = subprocess.run(
        ["bash", "-c", script(free_port())],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert walked.returncode == 0, walked.stderr
    assert walked.stdout.count("a picture") == 2
    assert "estranged" in walked.stdout
    assert "east: played to its end; the promise was kept" in walked.stdout
    assert "b'world'" in walked.stdout


def test_the_tour_has_commands_and_python() -> None:
    assert {language for language, _ in blocks()} == {"sh", "python"}
    assert len(blocks()) >= 5
