"""`outlast inspect slot|extent|object`: what each provider really holds, to find a cause."""

from typing import Annotated, Any

from outlast.base.errors import ConfigError, NoSuchKey, Tampered
from outlast.catalog.content import Inline
from outlast.catalog.records import Extent
from outlast.cli.address import parse_address
from outlast.cli.declare import Argument, UsageError
from outlast.cli.options import DEFAULT_CONFIG, Config, Json, StateDir
from outlast.cli.output import print_json, print_line, print_table
from outlast.cli.session import run, store_at
from outlast.maintenance.inspection import FragmentFound, SlotRow, fragments_found, record_counts, slot_rows
from outlast.quorum.ballot import Ballot
from outlast.quorum.state import Placed
from outlast.store import Store

# How many of an object's extents are checked; each is read completely.
extents_max = 16


def slot(
    number: Annotated[int, Argument(metavar="N", min=0, help="The slot's number, from 0.")],
    config: Config = DEFAULT_CONFIG,
    state_dir: StateDir = None,
    json: Json = False,
) -> None:
    """Show the states of one slot of the log at each voter."""

    async def work() -> None:
        async with store_at(config, state_dir) as store:
            rows = await slot_rows(store, number)
            shown = [_row(store, number, row) for row in rows]
        if json:
            print_json(shown)
            return
        print_table(
            ("voter", "place", "promised", "accepted", "value", "records"),
            [cells for row in shown for cells in _slot_cells(row)],
        )

    run(work(), json)


def extent(
    id: Annotated[str, Argument(metavar="ID", help="The extent's id, in hexadecimal.")],
    config: Config = DEFAULT_CONFIG,
    state_dir: StateDir = None,
    json: Json = False,
) -> None:
    """Read and check each fragment of one extent."""
    try:
        wanted = bytes.fromhex(id)
    except ValueError as error:
        raise UsageError(f"{id!r} is not hexadecimal") from error

    async def work() -> None:
        async with store_at(config, state_dir) as store:
            known = store.catalog.state.extent(wanted)
            if known is None:
                raise ConfigError(
                    f"the catalog has no extent {id}", "list an object's extents: outlast inspect object PATH"
                )
            shown = [_extent(known, await fragments_found(store, known))]
        print_json(shown[0]) if json else _print_extents(shown)

    run(work(), json)


def object_(
    path: Annotated[str, Argument(metavar="PATH", help="BUCKET/KEY.")],
    config: Config = DEFAULT_CONFIG,
    state_dir: StateDir = None,
    json: Json = False,
) -> None:
    """Show where an object lies, and read and check each fragment of its first extents."""
    address = parse_address(path)

    async def work() -> None:
        async with store_at(config, state_dir) as store:
            found = store.catalog.state.find(address.bucket, address.key)
            if found is None:
                raise NoSuchKey(address.key)
            pieces = list(found.pieces())
            inline = sum(len(piece.data) for piece in pieces if isinstance(piece, Inline))
            extents = list(
                {piece.extent.id: piece.extent for piece in pieces if not isinstance(piece, Inline)}.values()
            )
            shown = [_extent(one, await fragments_found(store, one)) for one in extents[:extents_max]]
        version = found.version
        if json:
            about = {"size": version.size, "etag": version.etag, "inline_bytes": inline}
            print_json({**about, "extents": len(extents), "shown": shown})
            return
        print_line(f"{address}: {version.size} bytes, ETag {version.etag}, {inline} of them in the catalog")
        _print_extents(shown)
        if len(extents) > extents_max:
            print_line(f"\n{len(extents) - extents_max} more extents; see one: outlast inspect extent ID")

    run(work(), json)


# ---------------------------------------------------------------- slots


def _row(store: Store, number: int, row: SlotRow) -> dict[str, Any]:
    return {
        "voter": row.voter,
        "error": row.error,
        "states": [_state(store, number, placed) for placed in row.states],
    }


def _state(store: Store, number: int, placed: Placed) -> dict[str, Any]:
    state = placed.state
    return {
        "place": placed.place,
        "promised": _ballot(state.promised),
        "accepted": None if state.accepted is None else _ballot(state.accepted),
        "value_bytes": None if state.value is None else len(state.value),
        "announced_bytes": None if state.announced is None else len(state.announced),
        "records": None if state.value is None else _records(store, number, state.value),
    }


def _records(store: Store, number: int, value: bytes) -> dict[str, int]:
    try:
        return record_counts(store, number, value)
    except Tampered:
        return {"not sealed by this store": 1}


def _ballot(ballot: Ballot) -> str:
    return f"{ballot.round}/{ballot.gateway.hex()[:8]}"


def _slot_cells(row: dict[str, Any]) -> list[tuple[str, ...]]:
    if row["error"] or not row["states"]:
        return [(row["voter"], "", row["error"] or "nothing", "", "", "")]
    return [
        (
            row["voter"],
            str(state["place"]),
            state["promised"],
            state["accepted"] or "",
            "" if state["value_bytes"] is None else f"{state['value_bytes']} bytes",
            ", ".join(f"{count} {kind}" for kind, count in (state["records"] or {}).items()),
        )
        for state in row["states"]
    ]


# ---------------------------------------------------------------- extents


def _extent(extent: Extent, fragments: list[FragmentFound]) -> dict[str, Any]:
    return {
        "id": extent.id.hex(),
        "size": extent.size,
        "needed": extent.k,
        "fragments": [
            {"index": one.index, "provider": one.provider, "counts": one.counts, "found": one.found}
            for one in fragments
        ],
    }


def _print_extents(shown: list[dict[str, Any]]) -> None:
    for extent in shown:
        fragments = extent["fragments"]
        print_line(
            f"\nextent {extent['id']}: {extent['size']} bytes,"
            f" readable from any {extent['needed']} of {len(fragments)} fragments"
        )
        print_table(
            ("fragment>", "provider", "catalog", "found"),
            [
                (str(one["index"]), one["provider"], "counts" if one["counts"] else "missing", one["found"])
                for one in fragments
            ],
        )
