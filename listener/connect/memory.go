package connect

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// The pauses before a password that was refused is offered again. They double; ten attempts take more than an hour, so that
// a directory that locks accounts has no reason to, and a server that did not yet know us is not given up.
const (
	firstLogin = 30 * time.Second
	lastLogin  = 15 * time.Minute
)

// Memory is what is remembered of the addresses from one connection to the next. Nil remembers nothing. Its clock is
// monotonic; its methods may be called from several goroutines.
type Memory struct {
	mu sync.Mutex
	at map[string]*remembered // by URL
}

// remembered is what is known of one address.
type remembered struct {
	// err is why it could not be used, nil when it can.
	err error
	// passed is until when others go first.
	passed time.Time
	// login is the password that was refused last, failures how often in a row, next when it may be offered again.
	login    [sha256.Size]byte
	failures int
	next     time.Time
	refused  error
	// oneShot is set when a search that goes on for ever was refused.
	oneShot bool
}

// NewMemory returns an empty memory.
func NewMemory() *Memory { return &Memory{at: map[string]*remembered{}} }

// PassOver notes that an address was reached and did not serve us, so that others go first for a while, and returns the
// error that says so. When there are others, the error is a Delayer without delay: they need not wait for what this one had
// better (listener.Delayer).
func (s Server) PassOver(url string, err error) error {
	m := s.Memory
	if m == nil {
		return err
	}
	pause := firstLogin
	if slow, ok := errors.AsType[interface {
		error
		Delay() time.Duration
	}](err); ok {
		pause = max(pause, slow.Delay())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	r := m.of(url)
	r.err, r.passed = err, now.Add(pause)
	for _, other := range s.URLs {
		if other != url && !now.Before(m.of(other).passed) {
			return atOnce{err}
		}
	}
	return err
}

// atOnce is an error without delay.
type atOnce struct{ error }

// Unwrap returns the error.
func (e atOnce) Unwrap() error { return e.error }

// Delay is none.
func (e atOnce) Delay() time.Duration { return 0 }

// OneShot reports whether an address has refused a search that goes on for ever, so that it is asked for what there is, again
// and again.
func (m *Memory) OneShot(url string) bool {
	if m == nil {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.of(url).oneShot
}

// SetOneShot notes how an address is asked next.
func (m *Memory) SetOneShot(url string, oneShot bool) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.of(url).oneShot = oneShot
}

// Notes says of each address that could not be used when it was tried last, why.
func (m *Memory) Notes() []string {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var notes []string
	for _, url := range slices.Sorted(maps.Keys(m.at)) {
		if err := m.at[url].err; err != nil {
			notes = append(notes, fmt.Sprintf("directory server %s is not used: %v", url, err))
		}
	}
	return notes
}

// of returns what is known of an address; m.mu is held.
func (m *Memory) of(url string) *remembered {
	r := m.at[url]
	if r == nil {
		r = &remembered{}
		m.at[url] = r
	}
	return r
}

// order returns the addresses in the order in which they are tried: those that are passed over go last.
func (m *Memory) order(urls []string) []string {
	if m == nil {
		return urls
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	var first, last []string
	for _, url := range urls {
		if now.Before(m.of(url).passed) {
			last = append(last, url)
		} else {
			first = append(first, url)
		}
	}
	return append(first, last...)
}

// tried notes what came of an attempt to connect. An address that is passed over serves connections all the same.
func (m *Memory) tried(url string, err error) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.of(url); err != nil || !time.Now().Before(r.passed) {
		r.err = err
	}
}

// mayLogIn returns why a password is not to be offered to an address now, nil when it is.
func (m *Memory) mayLogIn(url, password string) error {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.of(url)
	if wait := time.Until(r.next); r.failures > 0 && wait > 0 && r.login == sha256.Sum256([]byte(password)) {
		return fmt.Errorf("%w; the same password is not offered again for %s", r.refused, wait.Round(time.Second))
	}
	return nil
}

// loggedIn notes the answer to a password.
func (m *Memory) loggedIn(url, password string, refused error) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.of(url)
	login := sha256.Sum256([]byte(password))
	if refused == nil || login != r.login {
		r.failures = 0
	}
	if refused == nil {
		return
	}
	pause := min(firstLogin<<min(r.failures, 10), lastLogin)
	r.login, r.refused, r.failures, r.next = login, refused, r.failures+1, time.Now().Add(pause)
}
