import numpy as np
import pytest

from inspector.parts import Frame, Series, Waveform
from stations.buffers import FrameBuffer, SeriesBuffer, WaveformBuffer

MS = 1_000_000


def block(start_ms: float, n: int = 100, rate_hz: float = 1000.0, value: float = 0.0) -> Waveform:
    return Waveform(round(start_ms * MS), rate_hz, np.arange(n, dtype=np.float32) + value, "FS")


def filled(*blocks: Waveform, seconds: float = 10.0) -> WaveformBuffer:
    buffer = WaveformBuffer(seconds)
    for one in blocks:
        buffer.append(one)
    return buffer


def test_a_cut_joins_blocks_to_the_sample():
    cut = filled(block(0, value=0), block(100, value=100), block(200, value=200)).cut(50 * MS, 249 * MS)
    assert cut is not None
    assert cut.start_ns == 50 * MS
    assert cut.samples.tolist() == list(range(50, 250))


def test_a_cut_never_bridges_a_gap_and_keeps_the_longest_piece():
    buffer = filled(block(0), block(100, value=100), block(260, n=40))
    cut = buffer.cut(0, 300 * MS)
    assert cut is not None
    assert (cut.start_ns, len(cut.samples)) == (0, 200)
    assert buffer.take_drops(0, 300 * MS) == 1
    assert buffer.take_drops(0, 300 * MS) == 0


def test_a_drop_is_told_with_the_part_in_which_it_fell():
    buffer = filled(block(0), block(100), block(400))
    assert buffer.take_drops(0, 300 * MS) == 0
    assert buffer.take_drops(0, 500 * MS) == 2


def test_jitter_of_stamps_is_no_gap():
    buffer = filled(block(0), block(100.4), block(199.8))
    cut = buffer.cut(0, 400 * MS)
    assert cut is not None
    assert len(cut.samples) == 300
    assert buffer.take_drops(0, 400 * MS) == 0


def test_a_block_that_runs_backward_is_dropped_and_counted():
    buffer = filled(block(0), block(100), block(50))
    assert buffer.end_ns == 200 * MS
    assert buffer.take_drops(0, 400 * MS) == 1


def test_a_waiting_part_that_was_overtaken_counts_what_left():
    buffer = filled(*(block(100 * k) for k in range(30)), seconds=1.0)
    assert buffer.cut(0, 500 * MS) is None
    assert buffer.take_drops(0, 500 * MS) > 0


def test_another_rate_is_another_piece():
    cut = filled(block(0), block(100, n=50, rate_hz=500.0)).cut(0, 200 * MS)
    assert cut is not None
    assert cut.sample_rate_hz == 1000.0


def test_the_nearest_picture_within_limits():
    buffer = FrameBuffer(10.0)
    for t_ms in (0, 40, 80):
        buffer.append(Frame(t_ms * MS, np.zeros((2, 2), np.uint8)))
    near = buffer.nearest(55 * MS, 0, 100 * MS)
    assert near is not None
    assert near.t_ns == 40 * MS
    assert buffer.nearest(500 * MS, 400 * MS, 600 * MS) is None


def test_series_keep_their_stamps_and_their_gaps():
    buffer = SeriesBuffer(60.0)
    for k in [*range(10), 20]:
        buffer.append(Series(np.array([k * 100 * MS]), np.array([np.nan if k == 3 else float(k)]), "bar"))
    cut = buffer.cut(200 * MS, 2000 * MS)
    assert cut is not None
    assert cut.t_ns.tolist() == [k * 100 * MS for k in (*range(2, 10), 20)]
    assert np.isnan(cut.values[1])
    assert buffer.take_drops(0, 2000 * MS) == 10


@pytest.mark.parametrize("stamps", [[0], [-1], [5, 4]])
def test_series_that_run_backward_are_dropped(stamps):
    buffer = SeriesBuffer(60.0)
    buffer.append(Series(np.array([0]), np.array([1.0]), "bar"))
    buffer.append(Series(np.array(stamps), np.ones(len(stamps)), "bar"))
    assert buffer.end_ns == 0
    assert buffer.take_drops(-10, 10) == 1
