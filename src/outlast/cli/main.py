"""The table of commands, and the program's entry."""

from importlib import metadata
from typing import Annotated

import typer

from outlast.base.memory import keep_freed_memory
from outlast.cli import bucket, inspect, key, provider
from outlast.cli.cat import cat
from outlast.cli.collect import collect
from outlast.cli.cp import cp
from outlast.cli.demo.command import demo
from outlast.cli.doctor import doctor
from outlast.cli.drill import drill
from outlast.cli.init import init
from outlast.cli.ls import ls
from outlast.cli.recover import recover
from outlast.cli.repair import repair
from outlast.cli.report import report
from outlast.cli.rm import rm
from outlast.cli.serve import serve
from outlast.cli.simulate import simulate
from outlast.cli.status import status
from outlast.cli.what_if import what_if

app = typer.Typer(
    name="outlast",
    help="Object storage that outlives any one provider.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def outlast(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Object storage that outlives any one provider: S3 in front, many independent providers behind."""
    if version:
        typer.echo(metadata.version("outlast"))
        raise typer.Exit


everyday = (init, serve, status, doctor, ls, cp, cat, rm)
bad_days = (repair, collect, what_if, report, drill, simulate, recover, demo)
for verb in (*everyday, *bad_days):
    app.command()(verb)
app.add_typer(bucket.app, name="bucket")
app.add_typer(key.app, name="key")
app.add_typer(provider.app, name="provider")
app.add_typer(inspect.app, name="inspect")


def main() -> None:
    """Run the command that the command line names."""
    keep_freed_memory()
    app(prog_name="outlast")
