import numpy as np

from collector.simulator import Chunks, Machine, Place, Region, Scattered, Stage
from collector.simulator._stage import generator
from collector.simulator._truth import Ledger

HIGH = Place(Region.HIGH_RAM, 0.0, 0.1)


def stage(seed: int = 1) -> Stage:
    return Stage(Machine(16 << 30, 4), seed, 0, generator(seed), Ledger())


def test_chunks_cover_their_place_once_on_aligned_borders() -> None:
    place = Place(Region.LOW_RAM)
    area = stage().machine.area(place)
    found = Chunks(place, 512).ranges(stage())
    assert found.gfn[0] == area.first_gfn
    assert np.array_equal(found.gfn[1:], (found.gfn + found.npages)[:-1])
    assert found.gfn[-1] + found.npages[-1] == area.end_gfn
    assert not np.any(found.gfn[1:] % 512)


def test_chunks_of_a_place_smaller_than_one_are_one() -> None:
    found = Chunks(Place(Region.BASE_RAM), 512).ranges(stage())
    assert (found.gfn.tolist(), found.npages.tolist()) == ([0], [160])


def test_scattered_ranges_are_disjoint_and_inside() -> None:
    area = stage().machine.area(HIGH)
    found = Scattered(HIGH, "x", singles=500, blocks=20).ranges(stage())
    order = np.argsort(found.gfn)
    ends = (found.gfn + found.npages)[order]
    assert sorted(np.unique(found.npages).tolist()) == [1, 512]
    assert (int(np.sum(found.npages == 1)), int(np.sum(found.npages == 512))) == (500, 20)
    assert np.all(found.gfn[order][1:] >= ends[:-1])
    assert found.gfn.min() >= area.first_gfn
    assert ends[-1] <= area.end_gfn


def test_one_name_and_seed_mean_the_same_pages() -> None:
    pattern = Scattered(HIGH, "x", singles=50)
    assert np.array_equal(pattern.ranges(stage()).gfn, pattern.ranges(stage()).gfn)
    assert not np.array_equal(pattern.ranges(stage(1)).gfn, pattern.ranges(stage(2)).gfn)
    other = Scattered(HIGH, "y", singles=50)
    assert not np.array_equal(pattern.ranges(stage()).gfn, other.ranges(stage()).gfn)


def test_a_small_place_gives_fewer_ranges() -> None:
    place = Place(Region.HIGH_RAM, 0.0, 0.0005)
    found = Scattered(place, "x", singles=100_000, blocks=100_000).ranges(stage())
    area = stage().machine.area(place)
    assert 0 < int(found.npages.sum()) <= area.npages
