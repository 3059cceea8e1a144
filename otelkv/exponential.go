// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"math"
	"slices"
	"sync/atomic"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// exponentialScale is the scale of the counts: thirty-two buckets for each doubling, each
// two per cent wide. A point with too many buckets gets a lower scale (OTel data model,
// "ExponentialHistogram").
const exponentialScale = 5

const bucketsPerOctave = 1 << exponentialScale

// octaveBias makes the numbers of all octaves of float64 positive. The lowest octave has
// the least subnormal number, 2^-1074.
const octaveBias = 17 * octavesPerGroup

const octavesPerGroup = 64

// An exponentialCell is the state of a histogram series in exponential buckets. The
// histogramCell of the series has the sum. An octave is allocated with its first sample.
type exponentialCell struct {
	zero   atomic.Uint64
	groups [33]atomic.Pointer[[octavesPerGroup]atomic.Pointer[octave]]

	unknown atomic.Bool // the series got totals of other buckets

	start int64    // of the count, in Unix nanoseconds
	base  baseline // what the series had counted before
}

// An octave is the buckets from one power of two to the next.
type octave [bucketsPerOctave]atomic.Uint64

// A baseline is what a histogram had counted when its exponential buckets started.
type baseline struct {
	counts []uint64
	count  uint64
	sum    float64
}

// record adds a sample that is not negative.
func (c *exponentialCell) record(sample float64) {
	if sample == 0 {
		c.zero.Add(1)
		return
	}
	index := exponentialIndex(sample)
	number := uint(index>>exponentialScale + octaveBias) //nolint:gosec // The bias makes it positive.
	group := c.groups[number/octavesPerGroup].Load()
	if group == nil {
		c.groups[number/octavesPerGroup].CompareAndSwap(nil, new([octavesPerGroup]atomic.Pointer[octave]))
		group = c.groups[number/octavesPerGroup].Load()
	}
	o := group[number%octavesPerGroup].Load()
	if o == nil {
		group[number%octavesPerGroup].CompareAndSwap(nil, new(octave))
		o = group[number%octavesPerGroup].Load()
	}
	o[index&(bucketsPerOctave-1)].Add(1)
}

// exponentialIndex returns the index of the bucket of a positive sample. Bucket i has the
// samples above 2^(i/32), up to and including 2^((i+1)/32).
func exponentialIndex(sample float64) int {
	scaled := 0
	if sample < 0x1p-1022 { // subnormal
		sample *= 0x1p64
		scaled = 64 << exponentialScale
	}
	// A bucket includes its upper end. With the bits of the next smaller number, an end
	// that is a power of two needs no special case.
	before := math.Float64bits(sample) - 1
	mantissa := before & (1<<52 - 1)
	bucket := firstBucket[mantissa>>46]
	for bucketEnds[bucket&(bucketsPerOctave-1)] <= mantissa {
		bucket++
	}
	return (int(before>>52)-1023)<<exponentialScale + int(bucket) - scaled //nolint:gosec // It has 11 bits.
}

// bucketEnds are the upper ends of the buckets from one to two, 2^(1/32) to 2^(32/32), as
// mantissas, rounded down.
var bucketEnds = [bucketsPerOctave]uint64{
	0x0059b0d3158574, 0x00b5586cf9890f, 0x011301d0125b50, 0x0172b83c7d517a,
	0x01d4873168b9aa, 0x02387a6e756238, 0x029e9df51fdee1, 0x0306fe0a31b715,
	0x0371a7373aa9ca, 0x03dea64c123422, 0x044e086061892d, 0x04bfdad5362a27,
	0x05342b569d4f81, 0x05ab07dd485429, 0x06247eb03a5584, 0x06a09e667f3bcc,
	0x071f75e8ec5f73, 0x07a11473eb0186, 0x082589994cce12, 0x08ace5422aa0db,
	0x093737b0cdc5e4, 0x09c49182a3f090, 0x0a5503b23e255c, 0x0ae89f995ad3ad,
	0x0b7f76f2fb5e46, 0x0c199bdd85529c, 0x0cb720dcef9069, 0x0d5818dcfba487,
	0x0dfc97337b9b5e, 0x0ea4afa2a490d9, 0x0f50765b6e4540, 0x10000000000000,
}

// firstBucket has the first possible bucket for each value of a mantissa's first six bits.
var firstBucket = [64]uint8{
	0, 0, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 7, 8, 9, 9,
	10, 10, 11, 12, 12, 13, 13, 14, 14, 15, 15, 16, 16, 17, 17, 18,
	18, 19, 19, 20, 20, 21, 21, 21, 22, 22, 23, 23, 24, 24, 25, 25,
	25, 26, 26, 27, 27, 27, 28, 28, 29, 29, 29, 30, 30, 30, 31, 31,
}

// countExponentially makes the series count in exponential buckets too, from now on. The
// collecting lock is held, unless nothing was recorded to the series yet.
func (s *series) countExponentially(now int64) {
	if s.cell == nil || s.cell.exponential.Load() != nil {
		return
	}
	c := &exponentialCell{start: s.start}
	s.foldInterval()
	c.base.sum = s.cell.total.sum
	for i := range s.cell.buckets {
		n := s.cell.buckets[i].Load()
		c.base.counts = append(c.base.counts, n)
		c.base.count += n
	}
	if c.base.count > 0 {
		c.start = now
	}
	s.cell.exponential.CompareAndSwap(nil, c)
	s.state.set(withExponential)
}

// exponentialCounts are counts in exponential buckets, of one series or several.
type exponentialCounts struct {
	unknown bool // only other buckets of some samples are known
	zero    uint64
	octaves []octaveCounts // ascending
}

type octaveCounts struct {
	number int // with its bias
	counts [bucketsPerOctave]uint64
}

// read returns the counts of the cell.
func (c *exponentialCell) read() exponentialCounts {
	if c.unknown.Load() {
		return exponentialCounts{unknown: true}
	}
	all := exponentialCounts{zero: c.zero.Load()}
	for i := range c.groups {
		group := c.groups[i].Load()
		if group == nil {
			continue
		}
		for j := range group {
			o := group[j].Load()
			if o == nil {
				continue
			}
			counts := octaveCounts{number: i*octavesPerGroup + j}
			for k := range o {
				counts.counts[k] = o[k].Load()
			}
			all.octaves = append(all.octaves, counts)
		}
	}
	return all
}

// octave returns the counts of an octave, which it creates if there are none.
func (c *exponentialCounts) octave(number int) *[bucketsPerOctave]uint64 {
	at, found := slices.BinarySearchFunc(c.octaves, number, func(o octaveCounts, number int) int { return o.number - number })
	if !found {
		c.octaves = slices.Insert(c.octaves, at, octaveCounts{number: number})
	}
	return &c.octaves[at].counts
}

// add adds other counts.
func (c *exponentialCounts) add(other exponentialCounts) {
	c.zero += other.zero
	for _, o := range other.octaves {
		sum := c.octave(o.number)
		for i, n := range o.counts {
			sum[i] += n
		}
	}
}

// without returns the counts less earlier counts of the same cell.
func (c exponentialCounts) without(earlier exponentialCounts) exponentialCounts {
	if c.unknown {
		return c
	}
	rest := exponentialCounts{zero: c.zero - earlier.zero, octaves: slices.Clone(c.octaves)}
	for _, o := range earlier.octaves {
		left := rest.octave(o.number)
		for i, n := range o.counts {
			left[i] -= n
		}
	}
	return rest
}

// fill sets the counts of a point, with the greatest scale that the aggregation allows.
func (c *exponentialCounts) fill(p *metricdata.ExponentialHistogramDataPoint[float64], a *sdkmetric.AggregationBase2ExponentialHistogram) {
	p.ZeroCount, p.Count = c.zero, c.zero
	lowest, highest := math.MaxInt, math.MinInt
	c.each(func(index int, n uint64) {
		lowest, highest = min(lowest, index), max(highest, index)
		p.Count += n
	})
	p.Scale = min(exponentialScale, a.MaxScale)
	if lowest > highest {
		return
	}
	shift := int(exponentialScale - p.Scale)
	for highest>>shift-lowest>>shift >= max(1, int(a.MaxSize)) && p.Scale > minExponentialScale {
		shift, p.Scale = shift+1, p.Scale-1
	}
	p.PositiveBucket.Offset = int32(lowest >> shift) //nolint:gosec // It is between -2^16 and 2^16.
	p.PositiveBucket.Counts = make([]uint64, highest>>shift-lowest>>shift+1)
	c.each(func(index int, n uint64) { p.PositiveBucket.Counts[index>>shift-lowest>>shift] += n })
}

// minExponentialScale is the least scale that the SDK uses. With it, three buckets have all
// of float64.
const minExponentialScale = -10

// each calls f for every bucket with samples.
func (c *exponentialCounts) each(f func(index int, n uint64)) {
	for i := range c.octaves {
		o := &c.octaves[i]
		for j, n := range o.counts {
			if n > 0 {
				f((o.number-octaveBias)<<exponentialScale+j, n)
			}
		}
	}
}
