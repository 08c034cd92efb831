"""Lines are the same and their stamps in order, wherever a stream of bytes is cut into pieces."""

import re
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from stations.protocols.serial_text import LONGEST_LINE_BYTES, Line, LineSplitter

STREAMS = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.sampled_from([b"\n", b"\r", b"\r\n", b"12.5\r\n", b"ST,+ 3,25 kg\r", b"x" * 700]),
    ),
    max_size=12,
).map(b"".join)
BYTE_NS = 86_806.0


def split(stream, cuts, gaps_ns):
    """Feed the stream cut as told; return lines, what was rejected, and when each byte was read."""
    rejected, lines, read_ns = [], [], []
    splitter = LineSplitter(BYTE_NS, rejected.append)
    now_ns = 1_000_000_000
    splitter.begin(now_ns)
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    for number, (start, end) in enumerate(pairwise(edges)):
        if start < end:
            now_ns += gaps_ns[number % len(gaps_ns)]
            lines += splitter.feed(stream[start:end], now_ns)
            read_ns += [now_ns] * (end - start)
    return lines, rejected, read_ns


@settings(deadline=None)
@given(STREAMS, st.lists(st.integers(0, 10_000), max_size=30), st.lists(st.integers(0, 900_000_000), min_size=1, max_size=5))
def test_lines_do_not_depend_on_where_the_stream_is_cut(stream, cuts, gaps_ns):
    lines, rejected, read_ns = split(stream, cuts, gaps_ns)
    _, rejected_whole, _ = split(stream, [], [1])
    whole = [match for match in re.finditer(rb"(?<=[\r\n])[^\r\n]+(?=[\r\n])", stream) if len(match[0]) <= LONGEST_LINE_BYTES]
    assert [line.data for line in lines] == [match[0] for match in whole]
    assert rejected == rejected_whole
    stamps = [line.t_ns for line in lines]
    assert stamps == sorted(stamps)
    for t_ns, match in zip(stamps, whole, strict=True):
        assert 1_000_000_000 <= t_ns <= read_ns[match.start()]


def test_a_line_shows_itself_without_filling_the_log():
    assert str(Line(0, b"\x02" + 200 * b"8")) == f"the line {chr(39)}\\x02{79 * '8'}{chr(39)}"
