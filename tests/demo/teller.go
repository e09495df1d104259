package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// teller prints the story and is the harness's T: what goes wrong ends the story, and everything is cleaned up.
type teller struct {
	// interrupt ends when somebody interrupts the demo, ctx also at its end.
	interrupt, ctx context.Context
	cancel         context.CancelFunc
	out            io.Writer

	mu                  sync.Mutex // guards what follows
	failed, interrupted bool
	cleanups            []func()

	begin, chapterBegin time.Time
	number              int
}

func newTeller(interrupt context.Context, out io.Writer) *teller {
	ctx, cancel := context.WithCancel(interrupt)
	return &teller{interrupt: interrupt, ctx: ctx, cancel: cancel, out: out, begin: time.Now()}
}

// tell runs the story to its end or to its first failure, cleans up, and reports whether all went well. An interrupt
// ends the story at the next thing that it would tell.
func (t *teller) tell(story func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		story()
	}()
	<-done
	t.cancel()
	for _, clean := range slices.Backward(t.cleanups) {
		clean()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.failed && !t.interrupted
}

// chapter begins a new part and closes the last one with the time that it took.
func (t *teller) chapter(title string) {
	t.close()
	if t.ctx.Err() != nil {
		t.Fatalf("before the next chapter")
	}
	t.number++
	t.chapterBegin = time.Now()
	fmt.Fprintf(t.out, "\n%d. %s\n", t.number, title)
}

func (t *teller) close() {
	if t.number > 0 {
		fmt.Fprintf(t.out, "   [%s]\n", since(t.chapterBegin))
	}
}

// end closes the story.
func (t *teller) end() {
	t.close()
	fmt.Fprintf(t.out, "\nAll of it was checked. The whole took %s.\n", since(t.begin))
}

// say prints lines of the present chapter.
func (t *teller) say(format string, args ...any) {
	for line := range strings.Lines(fmt.Sprintf(format, args...)) {
		fmt.Fprintf(t.out, "   %s\n", strings.TrimSuffix(line, "\n"))
	}
}

// expect ends the story when something is not as it is told.
func (t *teller) expect(ok bool, format string, args ...any) {
	if !ok {
		t.Fatalf("not as it should be: "+format, args...)
	}
}

func since(begin time.Time) time.Duration { return time.Since(begin).Round(time.Millisecond) }

// Helper is there for harness.T.
func (t *teller) Helper() {}

// Logf prints what the harness has to say, such as logs after a failure.
func (t *teller) Logf(format string, args ...any) { t.say(format, args...) }

// Errorf reports a failure; the story goes on. After an interrupt, which the commands of the story feel as well, it is the
// expected end and leaves nothing behind.
func (t *teller) Errorf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.interrupt.Err() != nil {
		t.interrupted = true
		t.say("INTERRUPTED: "+format, args...)
		return
	}
	t.failed = true
	t.say("FAILED: "+format, args...)
}

// Fatalf reports a failure and ends the story.
func (t *teller) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	runtime.Goexit()
}

// Failed reports whether something went wrong.
func (t *teller) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}

// Cleanup registers a step of the clean-up; the last one runs first.
func (t *teller) Cleanup(clean func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cleanups = append(t.cleanups, clean)
}

// Context ends with an interrupt and before the clean-up.
func (t *teller) Context() context.Context { return t.ctx }
