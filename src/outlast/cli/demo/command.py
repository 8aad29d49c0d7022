"""`outlast demo`: see a store lose two providers, one after the other, and lose nothing."""

import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

from outlast.base.clock import SystemClock
from outlast.base.entropy import SystemEntropy
from outlast.base.errors import ConfigError
from outlast.cli import FAILED
from outlast.cli.declare import Option
from outlast.cli.demo.gateway import free_port
from outlast.cli.options import Json
from outlast.cli.output import print_json, print_line, print_note
from outlast.cli.session import run

# What tells a folder of an earlier demonstration, which may be deleted, from any other.
SIGN = "this-is-an-outlast-demo"


def demo(
    folder: Annotated[
        Path,
        Option("--dir", help="Folder for the demonstration's store; an earlier one is replaced."),
    ] = Path("outlast-demo"),
    host: Annotated[str, Option(help="The address on which the gateway listens.")] = "127.0.0.1",
    port: Annotated[
        int, Option(min=0, max=65535, help="Its port; a free one is taken if this is in use.")
    ] = 9000,
    json: Json = False,
) -> None:
    """Load a real tree of files, lose two of four providers one after the other, lose nothing."""

    async def work() -> int:
        from outlast.cli.demo.story import (
            play,
        )  # here: the HTTP library is large, and only this verb needs it

        _prepare(folder)
        taken = free_port(host, port)
        say = print_note if json else print_line
        if taken != port:
            say(f"port {port} is in use: taking {taken}")
        told = await play(folder, host, taken, SystemClock(), SystemEntropy(), say)
        well = not told["requests_failed"] and not told["wrong_answers"]
        print_json(told) if json else _tell(told, folder, host, taken)
        return 0 if well else FAILED

    run(work(), json)


def _prepare(folder: Path) -> None:
    """An empty folder, by removing at most what an earlier demonstration left."""
    if folder.exists():
        if not (folder / SIGN).exists() and any(folder.iterdir()):
            raise ConfigError(
                f"{folder} is not empty and not an earlier demonstration", "name another with --dir"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / SIGN).touch()


def _tell(told: dict[str, Any], folder: Path, host: str, port: int) -> None:
    program = _program()
    print_line(
        f"\n{told['objects']} objects, {told['requests']} requests,"
        f" {told['failures_survived']} failures of providers seen,"
        f" requests failed: {told['requests_failed']}, wrong answers: {told['wrong_answers']}"
    )
    for failure in told["first_failures"]:
        print_line(f"  {failure}")
    print_line(
        f"""
Go on by yourself:
  {program} serve --config {folder}/outlast.toml --host {host} --port {port}
  AWS_ACCESS_KEY_ID={told["access_key_id"]} AWS_SECRET_ACCESS_KEY={told["secret_access_key"]} \\
  AWS_DEFAULT_REGION=us-east-1 aws --endpoint-url http://{host}:{port} s3 ls s3://{told["bucket"]}/
  {program} status --config {folder}/outlast.toml
Or wipe one of the directories in {folder} yourself, and then:
  {program} repair --config {folder}/outlast.toml"""
    )


def _program() -> str:
    """How the reader can call this very program: as it is called now, if that is short."""
    beside = Path(sys.executable).with_name("outlast")
    if not beside.exists():
        return f"{sys.executable} -m outlast"
    return str(beside.relative_to(Path.cwd())) if beside.is_relative_to(Path.cwd()) else str(beside)
