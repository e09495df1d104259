package breaker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/mailreg/mailreg/listener/breaker"
	"github.com/mailreg/mailreg/schema"
)

func id(n byte) schema.UUID { return schema.UUID{15: n} }

// doubling pauses 1 s, 2 s, 4 s, ...
func doubling() backoff.BackOff {
	return &backoff.ExponentialBackOff{InitialInterval: time.Second, Multiplier: 2, MaxInterval: time.Minute}
}

func TestOneProbeAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(doubling)
		if !b.Admits("a", id(1)) {
			t.Error("a target that is up admits nobody")
		}
		if !b.Down("a", id(1), "refused", time.Now()) || b.Down("a", id(2), "refused", time.Now()) {
			t.Error("news once, and only once")
		}
		for n := byte(1); n <= 3; n++ {
			b.Wait("a", uint64(n), id(n))
		}
		if b.Admits("a", id(1)) || !b.Admits("b", id(1)) || len(b.Probes()) != 0 {
			t.Error("the pause does not hold, or for others too")
		}
		time.Sleep(time.Second)
		probes := b.Probes()
		if len(probes) != 1 || probes[0].UUID != id(1) || len(b.Probes()) != 0 || !b.Admits("a", id(1)) || b.Admits("a", id(2)) {
			t.Errorf("probes %v", probes)
		}
		b.Down("a", id(3), "refused", time.Now()) // not the one that tries it
		if b.Admits("a", id(3)) || !b.Admits("a", id(1)) {
			t.Error("another call has ended the probe")
		}
		b.Down("a", id(1), "refused", time.Now())
		b.Wait("a", 1, id(1))
		if next, ok := b.Next(); !ok || time.Until(next) != 2*time.Second {
			t.Errorf("next %v", time.Until(next))
		}
		b.Hurry()
		if probes := b.Probes(); len(probes) != 1 {
			t.Error("a person cannot hurry it")
		}
		if _, up := b.Answered("a", id(2)); up {
			t.Error("up because of a call that did not try it")
		}
		if waiting, up := b.Answered("a", id(1)); !up || len(waiting) != 2 || len(b.States()) != 0 {
			t.Error(waiting, up)
		}
	})
}

func TestProbeThatIsNotCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(doubling)
		b.Down("a", id(1), "refused", time.Now())
		b.Wait("a", 1, id(1))
		b.Wait("a", 2, id(2))
		time.Sleep(time.Second)
		b.Probes()
		b.Release(id(1))
		if probes := b.Probes(); len(probes) != 1 || probes[0].UUID != id(2) {
			t.Error(probes)
		}
		b.ReleaseAll(func(schema.UUID) bool { return true })
		if b.Probes(); len(b.States()) != 0 {
			t.Error("a target that nothing waits for is still down")
		}
	})
}
