package store

import (
	"context"
	"errors"
	"sync"

	bolterrors "go.etcd.io/bbolt/errors"
)

// loss is what has made an open store useless.
type loss struct {
	happened chan struct{}
	mu       sync.Mutex
	// err is guarded by mu.
	err error
}

func (l *loss) get() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *loss) set(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
		close(l.happened)
	}
}

// Watch returns when no later attempt to use the store can succeed, with the reason: whoever has met it, be it a question
// from outside, the store is damaged (ErrCorrupt), or its memory is gone. It returns nil when ctx ends before.
func (s *Store) Watch(ctx context.Context) error {
	select {
	case <-s.loss.happened:
		return s.loss.get()
	case <-ctx.Done():
		return nil
	}
}

// guarded is guarded for the open store, and remembers what cannot be mended.
func (s *Store) guarded(fn func() error) error {
	err := guarded(s.path, fn)
	if errors.Is(err, ErrCorrupt) || errors.Is(err, bolterrors.ErrInvalidMapping) {
		s.loss.set(err)
	}
	return err
}
