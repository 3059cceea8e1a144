package simplecpu

// Outcomes are totals of what was decided about stores in eager mode, since the
// source that counts them began. Stores of the lazy mode are not classified.
type Outcomes struct {
	// Stored is the number of stores that were made.
	Stored int64
	// DroppedCPUFull is the number that found no room in the pool.
	DroppedCPUFull int64
	// DroppedRequestGone is the number whose request had gone.
	DroppedRequestGone int64
	// DroppedNullBlock is the number for the null block, which holds no data.
	DroppedNullBlock int64
	// DroppedNotHashed is the number for blocks that have no hash.
	DroppedNotHashed int64
	// SkippedAlreadyCached is the number for blocks that the pool has.
	SkippedAlreadyCached int64
	// SkippedInFlight is the number for blocks that are being stored.
	SkippedInFlight int64
}

// outcomeCount is the number of fields of [Outcomes].
const outcomeCount = 7

// outcomeLabels returns the label values of the fields, in the fields' order.
func outcomeLabels() [outcomeCount]string {
	return [outcomeCount]string{
		"stored",
		"dropped_cpu_full",
		"dropped_request_gone",
		"dropped_null_block",
		"dropped_not_hashed",
		"skipped_already_cached",
		"skipped_in_flight",
	}
}

func (o Outcomes) values() [outcomeCount]int64 {
	return [outcomeCount]int64{
		o.Stored,
		o.DroppedCPUFull,
		o.DroppedRequestGone,
		o.DroppedNullBlock,
		o.DroppedNotHashed,
		o.SkippedAlreadyCached,
		o.SkippedInFlight,
	}
}

// ObserveOutcomes gives the totals as they are now. What they grew by since the
// last call is counted; an outcome that did not grow leaves nothing in the
// payload. A total that is lower than before comes from a source that began
// again, so all of it is counted. Negative totals are taken as zero.
func (t *Tracker) ObserveOutcomes(totals Outcomes) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.totals.values()
	for i, total := range totals.values() {
		delta := total - max(before[i], 0)
		if delta < 0 {
			delta = total
		}
		if delta > 0 {
			t.outcomes[i].Add(delta)
		}
	}
	t.totals = totals
}

// ResetOutcomes says that the source's totals begin again at zero. What was
// counted and not yet taken stays. Call [Tracker.ObserveOutcomes] before the
// source forgets its totals, or what it counted since the last call is lost.
func (t *Tracker) ResetOutcomes() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.totals = Outcomes{}
}
