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
