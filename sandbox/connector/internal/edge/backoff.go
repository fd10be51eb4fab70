package edge

import (
	"math/rand/v2"
	"time"
)

// backoff doubles the bound of the delay with each attempt; the delay is drawn below it, so that many connectors do
// not come back at the same moment.
type backoff struct {
	attempts int
	// most attempts that count: the bound is at most 2^most seconds.
	most int
}

func (b *backoff) next() (delay time.Duration, bound time.Duration) {
	if b.attempts < b.most {
		b.attempts++
	}
	bound = time.Second << b.attempts
	return rand.N(bound), bound
}

func (b *backoff) reset() { b.attempts = 0 }
