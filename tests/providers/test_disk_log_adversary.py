"""Whatever happens at whatever system call: under a marker, no voter on a disk forgets how it has voted.

The disk is a model that keeps only what was synced. An adversary acts between any two system calls of a verb:
it removes any file, in any order; kills the process; cuts the power, leaving of what was not synced nothing,
all, a beginning, or zeros; lets another process vote; fills the disk. After that everything that was
acknowledged is asked for again, by processes that saw it and by processes that did not.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations, permutations

import pytest

from outlast.base.clock import SystemClock
from outlast.base.entropy import SeededEntropy
from outlast.base.errors import Cause, Estranged, Exists, Full, NotFound, ProviderError, Unavailable
from outlast.providers.disk import appends
from outlast.providers.disk.failures import failure
from outlast.providers.disk.frame import FILE_BYTES, HEADER_BYTES
from outlast.providers.disk.tree import Tree
from outlast.providers.marker import MARKER_KEY, Marker

from . import disk_model
from .disk_model import Killed, ModelDisk, ModelSystem

ROOT = "/disk"
FOLDER = f"{ROOT}/log/main"
MARKER = Marker(b"s" * 16, "disk", b"i" * 16)
NEXT_MARKER = replace(MARKER, incarnation=b"j" * 16)

# States of slots that are in the first segment and were voted in, of a segment that was never begun.
OLD, OLD_NEXT, NEW = "log/main/0000000000000001", "log/main/0000000000000001.1", "log/main/0000000000000101"
UNSEEN = "log/main/0000000000000002"
EVIDENCE = (
    f"{ROOT}/{MARKER_KEY}",
    f"{FOLDER}/segments",
    f"{FOLDER}/0000000000000000.journal",
    f"{FOLDER}/0000000000000100.journal",
)


@pytest.fixture(autouse=True)
def local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appends, "is_local", lambda path: True)
    monkeypatch.setattr(appends, "are_atomic", lambda system, path: True)


class World:
    """A disk, what was acknowledged on it under `MARKER`, and processes."""

    def __init__(self) -> None:
        self.disk = ModelDisk(ROOT)
        self.disk.durable[ROOT] = {}
        self.votes: dict[str, bytes] = {}
        """What was acknowledged to be there."""
        self.processes = 0
        first = self.process()
        self.mark(first, MARKER)
        for key in (OLD, OLD_NEXT):
            first.create(key, content(key, 0), MARKER)
            self.votes[key] = content(key, 0)
        self.witness = self.process()
        """A process that has seen what was there in the beginning."""
        assert self.witness.get(OLD, None, MARKER) == self.votes[OLD]

    def process(self, before: Callable[[str], None] = lambda call: None) -> Tree:
        self.processes += 1
        system = ModelSystem(self.disk, before)
        return Tree(system, "disk", ROOT, SystemClock(), SeededEntropy(self.processes))

    def mark(self, process: Tree, marker: Marker) -> None:
        segments = process.begin_log()
        assert segments is not None
        process.put(MARKER_KEY, replace(marker, segments=segments).encode(), None)

    def remove(self, path: str) -> None:
        try:
            self.disk.remove(path)
        except FileNotFoundError:
            pass  # not there yet, or gone already

    def vote(self, process: Tree, key: str, number: int) -> ProviderError | None:
        """Have a process create a state, and note it if that is acknowledged."""
        outcome = tried(lambda: process.create(key, content(key, number), MARKER))
        if outcome is None:
            assert key not in self.votes, "two have won"
            self.votes[key] = content(key, number)
        return outcome

    def check(self, *processes: Tree) -> None:
        """No process answers as if it had not voted. What is read has been voted for, and stays."""
        for process in (*processes, self.process(), self.witness):
            for key in (OLD, OLD_NEXT, NEW, UNSEEN):
                seen = tried(lambda key=key, process=process: process.get(key, None, MARKER))
                if isinstance(seen, bytes):
                    assert seen in (content(key, number) for number in range(9))
                    assert self.votes.setdefault(key, seen) == seen, "a vote has changed"
                elif isinstance(seen, NotFound):
                    assert key not in self.votes, f"{key} is forgotten"
                else:
                    assert isinstance(seen, Estranged | Unavailable), seen
        for process in (*processes, self.process(), self.witness):
            for key in (OLD, NEW):
                self.vote(process, key, 8)

    def works(self) -> None:
        """Nothing was lost, and the voter goes on."""
        for process in (self.process(), self.witness):
            for key in (OLD, OLD_NEXT, NEW, UNSEEN):
                seen = tried(lambda key=key, process=process: process.get(key, None, MARKER))
                assert isinstance(seen, bytes) or (isinstance(seen, NotFound) and key not in self.votes), seen
        assert isinstance(self.vote(self.process(), NEW, 7), Exists | None)
        assert isinstance(self.vote(self.witness, UNSEEN, 7), Exists | None)

    def taken_back(self) -> None:
        """The provider gets a new incarnation: from the first step on, what is left of the old is void."""
        segments = self.process().begin_log()
        self.check_void()
        self.process().put(OLD, content(OLD, 0), None)
        self.check_void()
        self.process().put(MARKER_KEY, replace(NEXT_MARKER, segments=segments).encode(), None)
        self.check_void()
        fresh = self.process()
        for key in (OLD, NEW):
            seen = tried(lambda key=key: fresh.create(key, content(key, 0), NEXT_MARKER))
            assert isinstance(seen, Exists | None)
            assert isinstance(fresh.get(key, None, NEXT_MARKER), bytes)

    def check_void(self) -> None:
        """Nothing can be done under `MARKER` any more."""
        for process in (self.process(), self.witness):
            for key in (OLD, NEW, UNSEEN):
                assert isinstance(tried(lambda: process.get(key, None, MARKER)), Estranged)  # noqa: B023  called here
                assert isinstance(tried(lambda: process.create(key, b"", MARKER)), Estranged)  # noqa: B023


def content(key: str, number: int) -> bytes:
    """A state of two sectors and a bit, as votes are."""
    return f"{key} by {number}|".encode() * 40


def tried(call: Callable[[], object]) -> object:
    """What the call returned, or the error as the provider raises it."""
    try:
        return call()
    except OSError as error:
        return failure("disk", "create", "key", ROOT, error)
    except ProviderError as error:
        return error


VERBS: dict[str, Callable[[World, Tree], object]] = {
    "create in a segment": lambda world, process: world.vote(process, UNSEEN, 1),
    "create that loses": lambda world, process: world.vote(process, OLD, 1),
    "create in a new segment": lambda world, process: world.vote(process, NEW, 1),
    "get": lambda world, process: tried(lambda: process.get(OLD, None, MARKER)),
    "get of nothing": lambda world, process: tried(lambda: process.get(UNSEEN, None, MARKER)),
    "get in no segment": lambda world, process: tried(lambda: process.get(NEW, None, MARKER)),
    "look": lambda world, process: tried(lambda: process.get(MARKER_KEY, None, MARKER)),
    "head": lambda world, process: tried(lambda: process.head(OLD)),
    "list": lambda world, process: tried(lambda: list(process.walk("log/", ""))),
}


WRITES = ("create in a segment", "create that loses", "create in a new segment")


def moments(verb: str, warm: bool) -> int:
    """How many system calls the verb makes; of a process that has used the log before if `warm`."""
    calls = 0

    def count(call: str) -> None:
        nonlocal calls
        calls += 1

    world = World()
    process = process_of(world, warm)
    process._system.before = count
    VERBS[verb](world, process)
    return calls


def process_of(world: World, warm: bool) -> Tree:
    process = world.process()
    if warm:
        assert process.get(OLD, None, MARKER) == world.votes[OLD]
    return process


def at_each_moment(verb: str, act: Callable[[World], None]) -> Iterator[tuple[World, Tree]]:
    """The world and the process after `act` was done before each system call of the verb in turn."""
    for warm in (False, True):
        for moment in range(moments(verb, warm) + 1):
            world = World()
            process = process_of(world, warm)
            left = [moment]

            def before(call: str, world: World = world, left: list[int] = left) -> None:
                left[0] -= 1
                if left[0] == -1:
                    act(world)

            process._system.before = before
            try:
                VERBS[verb](world, process)
                if left[0] >= 0:
                    act(world)  # the last moment is behind the verb
            except Killed:
                process = world.process()
            else:
                process._system.before = lambda call: None
            yield world, process


# ---------------------------------------------------------------- removal


@pytest.mark.parametrize("verb", VERBS)
def test_no_removed_file_at_no_moment_lets_a_voter_forget(verb: str) -> None:
    for path in EVIDENCE:
        for world, process in at_each_moment(verb, lambda world, path=path: world.remove(path)):
            world.check(process)
            world.taken_back()


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["create in a segment", "create in a new segment", "get of nothing"])
def test_files_removed_in_any_order_around_a_verb_let_no_voter_forget(verb: str) -> None:
    """Some are gone before, one goes in the middle, and the others one after another behind it."""
    for gone in range(len(EVIDENCE)):
        for before in combinations(EVIDENCE, gone):
            for path in sorted(set(EVIDENCE) - set(before)):

                def act(world: World, before: tuple[str, ...] = before, path: str = path) -> None:
                    for one in (*before, path):
                        world.remove(one)

                for world, process in at_each_moment(verb, act):
                    world.check(process)


@pytest.mark.parametrize("order", list(permutations(EVIDENCE)))
def test_an_emptying_in_any_order_lets_no_voter_forget_in_between(order: tuple[str, ...]) -> None:
    world = World()
    assert world.vote(world.process(), NEW, 0) is None
    user = world.process()
    assert user.get(NEW, None, MARKER) == world.votes[NEW]
    for path in order:
        world.remove(path)
        world.check(user)
    for process in (user, world.process()):
        assert isinstance(tried(lambda process=process: process.get(OLD, None, MARKER)), Estranged)
    world.taken_back()


def test_an_emptying_makes_the_check_of_the_marker_fail_from_the_first_file_of_the_log_on() -> None:
    for path in EVIDENCE[1:]:
        world = World()
        assert world.vote(world.process(), NEW, 0) is None
        user = world.process()
        assert isinstance(user.get(MARKER_KEY, None, MARKER), bytes)
        world.remove(path)
        for process in (user, world.process()):
            with pytest.raises(Estranged):
                process.get(MARKER_KEY, None, MARKER)


LOOKS = ("create in a segment", "create that loses", "create in a new segment", "get", "get of nothing")


@pytest.mark.parametrize("verb", LOOKS)
def test_what_is_done_when_the_marker_goes_does_not_count(verb: str) -> None:
    """The last three system calls of a verb are its second look: open, status, read."""
    for warm in (False, True):
        for moment in range(moments(verb, warm) - 3):
            world = World()
            process = process_of(world, warm)
            left = [moment]

            def before(call: str, world: World = world, left: list[int] = left) -> None:
                left[0] -= 1
                if left[0] == -1:
                    world.remove(EVIDENCE[0])

            process._system.before = before
            assert isinstance(VERBS[verb](world, process), Estranged)


# ---------------------------------------------------------------- crashes


def kill(world: World) -> None:
    raise Killed


@pytest.mark.parametrize("verb", WRITES)
def test_a_process_killed_at_any_moment_costs_nothing(verb: str) -> None:
    for world, _ in at_each_moment(verb, kill):
        world.check()
        world.works()


@pytest.mark.parametrize("names", [False, True])
@pytest.mark.parametrize("keep", disk_model.ends)
@pytest.mark.parametrize("verb", WRITES)
def test_power_lost_at_any_moment_costs_nothing_that_was_acknowledged(
    verb: str, keep: Callable[[bytes, bytes], bytes], names: bool
) -> None:
    def cut(world: World) -> None:
        world.disk.lose_power(names, keep)
        raise Killed

    for world, _ in at_each_moment(verb, cut):
        world.witness = world.process()  # nobody has survived
        world.check()
        world.works()


@pytest.mark.parametrize("keep", disk_model.ends)
def test_power_lost_just_after_an_acknowledgement_costs_nothing(
    keep: Callable[[bytes, bytes], bytes],
) -> None:
    for names in (False, True):
        world = World()
        assert world.vote(world.process(), NEW, 0) is None
        assert world.vote(world.process(), UNSEEN, 0) is None
        world.disk.lose_power(names, keep)
        world.witness = world.process()
        world.check()
        assert {OLD, OLD_NEXT, NEW, UNSEEN} <= set(world.votes)


@pytest.mark.parametrize("verb", ["create in a segment", "create in a new segment"])
def test_what_a_killed_process_left_half_done_is_made_durable_by_whoever_goes_on(verb: str) -> None:
    for world, _ in at_each_moment(verb, kill):
        for key in (UNSEEN, NEW):
            assert isinstance(world.vote(world.process(), key, 2), Exists | None)
            seen = world.process().get(key, None, MARKER)
            assert world.votes.setdefault(key, seen) == seen
        world.disk.lose_power(False, disk_model.nothing_more)
        world.witness = world.process()
        world.check()
        for key in (UNSEEN, NEW):
            assert world.witness.get(key, None, MARKER) == world.votes[key]


def test_a_reader_returns_nothing_that_a_power_cut_could_still_take_back() -> None:
    """A writer is killed before it has synced; a reader has seen the state; then the power goes."""
    for world, reader in at_each_moment("create in a segment", kill):
        seen = tried(lambda reader=reader: reader.get(UNSEEN, None, MARKER))
        world.disk.lose_power(False, disk_model.nothing_more)
        world.witness = world.process()
        again = tried(lambda world=world: world.witness.get(UNSEEN, None, MARKER))
        if isinstance(seen, bytes):
            assert again == seen


# ---------------------------------------------------------------- others, and no space


@pytest.mark.parametrize("verb", VERBS)
def test_another_process_that_votes_at_any_moment_is_one_of_two_of_whom_one_wins(verb: str) -> None:
    def vote(world: World) -> None:
        other = world.process()
        for key in (UNSEEN, NEW):
            world.vote(other, key, 2)

    for world, process in at_each_moment(verb, vote):
        world.check(process)
        for one in (process, world.process()):
            for key in (OLD, UNSEEN, NEW):
                assert one.get(key, None, MARKER) == world.votes[key]


@pytest.mark.parametrize("room", [0, 1, 7, 20, 44, 45, 46, 500, 2000])
@pytest.mark.parametrize("verb", WRITES)
def test_a_disk_that_is_full_at_any_moment_costs_nothing(verb: str, room: int) -> None:
    for warm in (False, True):
        for moment in range(moments(verb, warm) + 1):
            world = World()
            process = process_of(world, warm)
            left = [moment]

            def before(call: str, process: Tree = process, left: list[int] = left) -> None:
                left[0] -= 1
                if left[0] == -1:
                    process._system.room = room

            process._system.before = before
            outcome = VERBS[verb](world, process)
            assert isinstance(outcome, Full | Exists | None), outcome
            process._system.before = lambda call: None
            world.check()
            process._system.room = None
            world.check(process)
            world.works()


@pytest.mark.parametrize("tells_room", [True, False])
def test_what_is_freed_on_a_full_disk_is_not_taken_up_by_a_vote_that_does_not_fit(tells_room: bool) -> None:
    """Before, each attempt left as much of its beginning in the journal as there was room for."""
    world = World()
    process = world.process()
    calls: list[str] = []
    process._system.before = calls.append
    process._system.tells_room = tells_room
    process._system.room = 5_000
    segment = world.disk.find(EVIDENCE[2])

    def tries(slot: int, size: int) -> object:
        return tried(lambda: process.create(f"log/main/{slot:016x}", b"x" * size, MARKER))

    assert isinstance(tries(3, 100_000), Full)
    full = len(segment.content)
    for slot in range(4, 10):
        process._system.room += 5_000
        assert isinstance(tries(3, 100_000), Full)
        assert len(segment.content) == full
        assert process._system.room == (slot - 3) * 5_000 if tells_room else process._system.room == 0
        assert process._system.room + segment.reserved == (slot - 3) * 5_000
    for slot in range(4, 10):
        assert tries(slot, 1_000) is None, "a small vote fits"
        assert isinstance(tries(3, 100_000), Full), "the small one does not make the large one fit"
    process._system.room += 100_000
    assert tries(3, 100_000) is None
    calls.clear()
    assert tries(10, 1_000) is None
    assert not {"reserve", "free_bytes"} & set(calls), "nothing is reserved any more"
    world.works()


def test_a_vote_for_which_room_was_reserved_is_cut_short_if_others_take_the_room() -> None:
    world = World()
    process = world.process()
    process._system.room = 10
    assert isinstance(world.vote(process, UNSEEN, 1), Full)
    process._system.room = 5_000
    segment = world.disk.find(EVIDENCE[2])

    def before(call: str) -> None:
        if call == "write":
            segment.reserved = 0
            process._system.room = 700

    process._system.before = before
    assert isinstance(world.vote(process, UNSEEN, 1), Full)
    process._system.before = lambda call: None
    process._system.room = None
    world.check(process)
    world.works()


def test_a_failed_sync_makes_the_process_distrust_the_segment_and_no_other() -> None:
    world = World()
    process = world.process()
    assert world.vote(process, NEW, 0) is None

    def fail(call: str) -> None:
        if call == "sync_data":
            raise OSError(5, "Input/output error")

    process._system.before = fail
    assert isinstance(world.vote(process, UNSEEN, 1), Unavailable)
    process._system.before = lambda call: None
    for key in (OLD, UNSEEN):
        outcome = tried(lambda key=key: process.get(key, None, MARKER))
        assert isinstance(outcome, Unavailable) and outcome.cause is Cause.SERVER
    assert process.get(NEW, None, MARKER) == world.votes[NEW]
    world.check(process)


# ---------------------------------------------------------------- copies


def test_a_copy_of_the_disk_file_by_file_works_and_is_used_on() -> None:
    world = World()
    assert world.vote(world.process(), NEW, 0) is None
    user = world.process()
    assert user.get(NEW, None, MARKER) == world.votes[NEW]
    for path in world.disk.files():
        world.disk.put_back(path, bytes(world.disk.find(path).content))
    for process in (user, world.process()):
        assert process.get(NEW, None, MARKER) == world.votes[NEW]
    assert world.vote(user, UNSEEN, 1) is None
    world.check(user)
    world.works()


@pytest.mark.parametrize("path", EVIDENCE[1:])
def test_an_older_copy_of_a_file_is_noticed_by_whoever_knows_more(path: str) -> None:
    world = World()
    older = {one: bytes(world.disk.find(one).content) for one in EVIDENCE[:3]}
    user = world.process()
    assert world.vote(user, UNSEEN, 1) is None
    assert world.vote(user, NEW, 1) is None
    if path in older:
        world.disk.put_back(path, older[path])
        key = UNSEEN if path == EVIDENCE[2] else NEW
        assert isinstance(tried(lambda: user.get(key, None, MARKER)), Estranged)
        with pytest.raises(Estranged):
            user.get(MARKER_KEY, None, MARKER)


def test_an_older_copy_that_others_have_appended_to_is_noticed_by_whoever_knows_more() -> None:
    world = World()
    older = bytes(world.disk.find(EVIDENCE[2]).content)
    user = world.process()
    assert world.vote(user, UNSEEN, 1) is None
    world.disk.put_back(EVIDENCE[2], older)
    for slot in (3, 4, 5):
        key = f"log/main/{slot:016x}"
        assert tried(lambda: world.process().create(key, b"x" * 5000, MARKER)) is None  # noqa: B023  called here
    assert isinstance(tried(lambda: user.get(UNSEEN, None, MARKER)), Estranged)
    assert isinstance(tried(lambda: user.get(MARKER_KEY, None, MARKER)), Estranged)


# An earlier copy of the first segment has the first of the two states that are in it.
EARLIER_BYTES = FILE_BYTES + HEADER_BYTES + len(content(OLD, 0))


def write_over(world: World) -> None:
    """Write an earlier copy over the first segment, as `cp` does."""
    world.disk.write_over(EVIDENCE[2], bytes(world.disk.find(EVIDENCE[2]).content[:EARLIER_BYTES]))


def append_elsewhere(world: World, *sizes: int) -> None:
    """Have a process that knows nothing vote in the slots from 3 on."""
    other = world.process()
    for slot, size in enumerate(sizes, 3):
        assert tried(lambda: other.create(f"log/main/{slot:016x}", b"x" * size, MARKER)) is None  # noqa: B023  called here


def check_estranged(process: Tree, marker: Marker = MARKER) -> None:
    for key in (OLD, OLD_NEXT, UNSEEN, NEW, MARKER_KEY):
        assert isinstance(tried(lambda: process.get(key, None, marker)), Estranged), key  # noqa: B023  called here
    for key in (OLD, UNSEEN, NEW):
        assert isinstance(tried(lambda: process.create(key, b"", marker)), Estranged), key  # noqa: B023  called here


@pytest.mark.parametrize("noticed_at_once", [False, True])
def test_an_earlier_copy_written_over_a_segment_and_appended_to_is_noticed_by_whoever_knows_more(
    noticed_at_once: bool,
) -> None:
    for sizes in ((10,), (5_000,), (700, 700, 700)):
        world = World()
        user = process_of(world, True)
        write_over(world)
        if noticed_at_once:
            check_estranged(user)
        append_elsewhere(world, *sizes)
        check_estranged(user)
        assert world.process().get(OLD, None, MARKER) == world.votes[OLD], "who knows nothing notices nothing"


@pytest.mark.parametrize("own", [True, False])
def test_of_an_earlier_copy_only_the_last_record_has_to_be_missing(own: bool) -> None:
    """It is a vote of the process itself, or one that it has read."""
    world = World()
    user = process_of(world, True)
    earlier = bytes(world.disk.find(EVIDENCE[2]).content)
    assert world.vote(user if own else world.process(), UNSEEN, 1) is None
    assert user.get(UNSEEN, None, MARKER) == world.votes[UNSEEN]
    world.disk.write_over(EVIDENCE[2], earlier)
    append_elsewhere(world, 2_000)
    check_estranged(user)


def test_a_segment_that_was_cut_short_stays_lost_when_it_is_whole_again() -> None:
    """Somebody may have voted in between, and what is put back then is not all that there was."""
    world = World()
    user = process_of(world, True)
    whole = bytes(world.disk.find(EVIDENCE[2]).content)
    write_over(world)
    check_estranged(user)
    world.disk.write_over(EVIDENCE[2], whole)
    check_estranged(user)


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("head", "list")])
def test_an_earlier_copy_written_over_a_segment_at_any_moment_is_noticed_by_whoever_knows_more(
    verb: str,
) -> None:
    for moment in range(moments(verb, True)):
        world = World()
        process = process_of(world, True)
        left = [moment]

        def before(call: str, world: World = world, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == -1:
                write_over(world)
                append_elsewhere(world, 700, 700, 700)

        process._system.before = before
        VERBS[verb](world, process)
        assert left[0] < 0
        process._system.before = lambda call: None
        check_estranged(process)


def test_a_segment_of_the_same_size_as_before_is_looked_at_when_the_marker_is_checked() -> None:
    world = World()
    user = process_of(world, True)
    write_over(world)
    append_elsewhere(world, len(content(OLD_NEXT, 0)))
    with pytest.raises(Estranged):
        user.get(MARKER_KEY, None, MARKER)


def test_an_older_copy_in_which_another_slot_has_got_the_same_content_is_noticed() -> None:
    world = World()
    older = bytes(world.disk.find(EVIDENCE[2]).content)
    user = world.process()
    assert tried(lambda: user.create(UNSEEN, b"x" * 700, MARKER)) is None
    world.disk.put_back(EVIDENCE[2], older)
    append_elsewhere(world, 700)
    check_estranged(user)


def test_whoever_noticed_that_a_voter_forgot_uses_it_again_when_it_was_taken_back() -> None:
    for act in (
        write_over,
        lambda world: world.disk.put_back(
            EVIDENCE[2], bytes(world.disk.find(EVIDENCE[2]).content[:EARLIER_BYTES])
        ),
    ):
        world = World()
        user = process_of(world, True)
        act(world)
        check_estranged(user)
        world.mark(world.process(), NEXT_MARKER)
        check_estranged(user)
        for process in (user, world.process()):
            assert process.get(OLD, None, NEXT_MARKER) == world.votes[OLD]
            assert isinstance(tried(lambda: process.get(UNSEEN, None, NEXT_MARKER)), NotFound)  # noqa: B023  called here
        assert tried(lambda user=user: user.create(UNSEEN, b"x", NEXT_MARKER)) is None


@pytest.mark.parametrize("noticed_before", [False, True])
def test_whoever_noticed_that_a_voter_forgot_can_read_what_is_left_and_take_it_back(
    noticed_before: bool,
) -> None:
    world = World()
    user = process_of(world, True)
    write_over(world)
    if noticed_before:
        check_estranged(user)
    assert [entry.key for entry in user.walk("log/", "")] == [OLD]
    assert user.get(OLD, None, None) == world.votes[OLD]
    check_estranged(user)
    world.mark(user, NEXT_MARKER)
    assert user.get(OLD, None, NEXT_MARKER) == world.votes[OLD]
    assert tried(lambda: user.create(OLD_NEXT, b"x", NEXT_MARKER)) is None


def test_a_whole_earlier_copy_from_before_a_voter_was_taken_back_is_noticed_by_whoever_used_it_since() -> (
    None
):
    world = World()
    user = process_of(world, True)
    earlier = {path: bytes(world.disk.find(path).content) for path in EVIDENCE[:3]}
    world.mark(world.process(), NEXT_MARKER)
    assert user.get(OLD, None, NEXT_MARKER) == world.votes[OLD]
    for path, whole in earlier.items():
        world.disk.put_back(path, whole)
    check_estranged(user)


def test_a_vote_is_made_durable_though_another_file_of_that_name_was_there_meanwhile() -> None:
    """A copy comes into the place of the directory and goes again; another thread has used it."""
    world = World()
    path = EVIDENCE[2]
    process = process_of(world, True)
    copy = bytes(world.disk.find(path).content) + bytes(4096)

    def before(call: str) -> None:
        if call == "position":
            process._system.before = lambda call: None
            file = world.disk.find(path)
            world.disk.put_back(path, copy)
            assert process.get(OLD, None, MARKER) == world.votes[OLD]
            world.disk.set(path, file)

    process._system.before = before
    world.vote(process, UNSEEN, 1)
    world.disk.lose_power(False, disk_model.nothing_more)
    world.witness = world.process()
    world.check()


@pytest.mark.parametrize("moment", range(40))
def test_a_copy_put_back_while_a_vote_is_appended_makes_it_fail_or_has_it(moment: int) -> None:
    world = World()
    path = EVIDENCE[2]
    copy = bytes(world.disk.find(path).content)
    process = process_of(world, True)
    left = [moment]

    def before(call: str) -> None:
        left[0] -= 1
        if left[0] == -1 and bytes(world.disk.find(path).content) == copy:
            world.disk.put_back(path, copy)

    process._system.before = before
    world.vote(process, UNSEEN, 1)
    world.check(process)
