import itertools
import threading

from inspector.clock import WALL_PAIR_NS, WALL_PAIRS, MonotonicClock

S = 1_000_000_000
WALL_NS = 1_790_000_000 * S


class Computer:
    """A computer's two clocks: NTP moves one of them."""

    def __init__(self):
        self.mono_ns = 500 * S
        self.ahead_ns = 0

    def monotonic(self):
        return self.mono_ns

    def wall(self):
        return WALL_NS + self.mono_ns + self.ahead_ns

    def clock(self):
        return MonotonicClock(self.wall, self.monotonic)


def test_wall_time_follows_ntp_and_no_stamp_moves():
    computer = Computer()
    clock = computer.clock()
    stamps, walls = [], []
    for second in range(120):
        computer.mono_ns += S
        computer.ahead_ns = -3600 * S if second >= 60 else second * 100_000  # slewed by 100 ppm, then set back by an hour
        stamps.append(clock.now_ns())
        walls.append(clock.wall_utc_ns(stamps[-1]))
    assert all(later - earlier == S for earlier, later in itertools.pairwise(stamps))
    for second, (stamp_ns, wall_ns) in enumerate(zip(stamps, walls, strict=True)):
        ahead_ns = -3600 * S if second >= 60 else second * 100_000
        if not 60 <= second < 60 + WALL_PAIR_NS // S:
            assert abs(wall_ns - (WALL_NS + stamp_ns + ahead_ns)) <= 2_000_000
    assert [clock.wall_utc_ns(stamp_ns) for stamp_ns in stamps] == walls


def test_pairs_are_taken_even_where_nobody_asks_for_wall_time_and_are_bounded():
    computer = Computer()
    clock = computer.clock()
    first_ns = clock.now_ns()
    for _ in range(WALL_PAIRS + 100):
        computer.mono_ns += WALL_PAIR_NS
        clock.now_ns()
    assert len(clock._pairs) == WALL_PAIRS
    assert clock.wall_utc_ns(first_ns) == WALL_NS + first_ns


def test_the_future_has_the_wall_time_of_now():
    computer = Computer()
    clock = computer.clock()
    assert clock.wall_utc_ns(computer.mono_ns + 5 * S) == computer.wall() + 5 * S


def test_threads_take_one_pair_together():
    computer = Computer()
    clock = computer.clock()
    computer.mono_ns += WALL_PAIR_NS
    threads = [threading.Thread(target=clock.now_ns) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(clock._pairs) == 2


def test_real_time_passes():
    clock = MonotonicClock()
    start_ns = clock.now_ns()
    clock.sleep_until_ns(start_ns + 2_000_000)
    assert clock.now_ns() >= start_ns + 2_000_000
    assert start_ns >= clock.epoch_ns
