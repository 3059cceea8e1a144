package transfer

import (
	"sync"
	"sync/atomic"
)

// poolSize is the number of items that a pool holds from the start, as in vLLM.
const poolSize = 16

// A pool hands out items for reuse and takes each back once. It makes a new one
// when it is empty, and keeps all that it made. It is safe for concurrent use.
type pool[E any] struct {
	make func() E
	mu   sync.Mutex
	free []*item[E]
}

// An item is one pooled E. Its generation changes when it is released, so that
// handles of an earlier use no longer fit.
type item[E any] struct {
	value      E
	generation atomic.Uint64
}

// A lease is one use of an item. Copies of a lease are the same use.
type lease[E any] struct {
	item       *item[E]
	generation uint64
}

func (p *pool[E]) fill(n int) {
	for range n {
		p.free = append(p.free, &item[E]{value: p.make()})
	}
}

func (p *pool[E]) get() lease[E] {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.free) - 1
	if last < 0 {
		return lease[E]{item: &item[E]{value: p.make()}}
	}
	i := p.free[last]
	p.free[last] = nil
	p.free = p.free[:last]
	return lease[E]{item: i, generation: i.generation.Load()}
}

// end ends the use. It reports whether this was the first call of all the
// lease's copies, which then alone owns the item and must put it back.
func (l lease[E]) end() bool {
	return l.item != nil && l.item.generation.CompareAndSwap(l.generation, l.generation+1)
}

// put puts an item back whose use the caller has ended.
func (p *pool[E]) put(i *item[E]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, i)
}
