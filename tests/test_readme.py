"""The README does what it says: the commands and the Python of each path are run, in order, in one shell."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
PROGRAMS = Path(sys.executable).parent


TOUR, ANSWER = "## A two-minute tour", "## The answer in three commands"


def blocks(path: str = TOUR) -> list[tuple[str, str]]:
    """(language, text) of each block under a heading."""
    tour = README.split(path, 1)[1].split("\n## ", 1)[0]
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
        # With a provider estranged its exit status is 3, which the shell of a reader goes on after.
        text = re.sub(r"^(outlast status) +(# south is estranged)", r"\1 || [ $? = 3 ] \2", text, flags=re.M)
        lines.append(text if language == "sh" else f"python - <<'PYTHON'\n{text}PYTHON\n")
    return "\n".join(lines)


def walk(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in a shell that knows nothing but `outlast`."""
    environment = {
        **os.environ,
        "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        "OUTLAST_STATE_DIR": str(folder / "state"),
    }
    environment.pop("OUTLAST_CONFIG", None)
    return subprocess.run(
        ["bash", "-c", text],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.client
def test_the_tour_can_be_walked(tmp_path: Path) -> None:
    walked = walk(script(free_port()), tmp_path)
    assert walked.returncode == 0, walked.stderr
    assert walked.stdout.count("a picture") == 2
    assert "estranged" in walked.stdout
    assert "east: played to its end; the promise was kept" in walked.stdout
    assert "b'world'" in walked.stdout


def test_the_tour_has_commands_and_python() -> None:
    assert {language for language, _ in blocks()} == {"sh", "python"}
    assert len(blocks()) >= 5


@pytest.mark.slow
def test_a_stranger_has_the_answer_after_three_commands(tmp_path: Path) -> None:
    [(language, commands)] = blocks(ANSWER)
    assert language == "sh"
    assert len([line for line in commands.splitlines() if line.startswith("outlast ")]) == 3
    assert len(commands.splitlines()) == 3
    walked = walk(f"set -euo pipefail\n{commands}", tmp_path)
    assert walked.returncode == 0, walked.stderr
    verdicts = dict(re.findall(r"^(\S+) +(redundancy-less|read-loss) ", walked.stdout, re.MULTILINE))
    assert {verdicts[name] for name in ("north", "east", "south")} == {"redundancy-less"}
    [here] = [name for name in verdicts if name.startswith("gateway=")]
    assert verdicts[here] == "read-loss"  # all of them are on one machine, and it says so
    assert "Any one operator may fail: no request fails, and nothing is lost." in walked.stdout
    assert "What else would be noticed, or may be: software=disk" in walked.stdout
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Any one operator may fail" in page and "never drilled" in page
