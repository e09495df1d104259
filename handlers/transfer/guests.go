package transfer

import (
	"errors"
	"net/netip"
	"sync"
	"time"
)

// How much others may take of this host before and after they have proved that they have the secret. A host of ours has at
// most two connections for each user who leaves it at a time.
const (
	mostGuests  = 1024
	mostFromOne = 160
	// A host that cannot prove it is heard out so often in a row, and then once in each span.
	mostFailures = 10
	failureSpan  = 5 * time.Second
	// tellAgain is after how long a host is told of again that cannot prove it.
	tellAgain = time.Hour
	// mostKnown is from how many addresses on those are forgotten that have no connection.
	mostKnown = 4096
)

var (
	errTooMany  = errors.New("too many connections")
	errTooOften = errors.New("too many attempts without the secret")
)

// guests counts who is connected, and who has failed to prove that it has the secret. It does no I/O.
type guests struct {
	mu    sync.Mutex
	here  int
	known map[netip.Prefix]*guest
}

// guest is an address from which somebody has connected.
type guest struct {
	here int
	// failures is how often it has failed, less one for each span since; counted is when that was true.
	failures float64
	counted  time.Time
	// told is when a person was told last, and untold how many failures there have been since.
	told   time.Time
	untold int
}

// origin is what counts as one address: of IPv6, where a host has as many as it likes, the network.
func origin(from netip.Addr) netip.Prefix {
	from = from.Unmap()
	bits := 32
	if from.Is6() {
		bits = 64
	}
	p, _ := from.Prefix(bits) // fails for no address only, which is one as well
	return p
}

// enter lets a connection in, or says why not. Each that was let in has to leave.
func (g *guests) enter(from netip.Addr, now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	one := g.of(origin(from))
	switch one.settle(now); {
	case one.failures > mostFailures-1:
		return errTooOften
	case g.here >= mostGuests, one.here >= mostFromOne:
		return errTooMany
	}
	g.here++
	one.here++
	return nil
}

func (g *guests) leave(from netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.here--
	g.of(origin(from)).here--
}

// failed notes that a connection could not prove that it has the secret. times is how often that happened since a person was
// last told, 0 when it is not the time to tell.
func (g *guests) failed(from netip.Addr, now time.Time) (times int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	one := g.of(origin(from))
	one.settle(now)
	one.failures++
	one.untold++
	if !one.told.IsZero() && now.Sub(one.told) < tellAgain {
		return 0
	}
	times, one.told, one.untold = one.untold, now, 0
	return times
}

// settle forgives what the time has paid for.
func (o *guest) settle(now time.Time) {
	o.failures = max(0, o.failures-float64(now.Sub(o.counted))/float64(failureSpan))
	o.counted = now
}

// of returns what is known of an address. The caller has the lock.
func (g *guests) of(p netip.Prefix) *guest {
	one := g.known[p]
	if one != nil {
		return one
	}
	if len(g.known) >= mostKnown {
		for other, o := range g.known {
			if o.here == 0 {
				delete(g.known, other)
			}
		}
	}
	if g.known == nil {
		g.known = map[netip.Prefix]*guest{}
	}
	one = &guest{}
	g.known[p] = one
	return one
}
