package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mailreg/mailreg/cmd/mailreg/screen"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema/plain"
)

// watchPause is the time between two looks, watchLimit how long one may take before the daemon counts as silent.
const (
	watchPause = time.Second
	watchLimit = 10 * time.Second
)

// watchStatus shows the state again and again until ctx ends, which is what the caller wants in the end. On a terminal that
// is one picture; else the state is printed whenever it has changed. A daemon that goes away later is waited for.
func (a *app) watchStatus(ctx context.Context) (err error) {
	v, done := a.viewer()
	defer func() { err = done(err) }()
	tick := time.NewTicker(watchPause)
	defer tick.Stop()
	for first := true; ; first = false {
		within, cancel := context.WithTimeoutCause(ctx, watchLimit, fmt.Errorf("the daemon took longer than %s", watchLimit))
		status, err := a.daemon().Status(within)
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && first:
			return err
		}
		if err := v(status, err); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// view shows a state, or why there is none.
type view func(control.Status, error) error

// viewer returns what shows states on this output, and what is to be called in the end with the error so far.
func (a *app) viewer() (v view, done func(error) error) {
	if terminal := a.terminal(); terminal != nil && !a.json {
		p := screen.Picture{
			Out: terminal, Size: func() (int, int) { return size(terminal) },
			Colour: a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb",
		}
		opened := false
		return func(s control.Status, failed error) error {
				if !opened { // not before there is something to show
					opened = true
					if err := p.Open(); err != nil {
						return err
					}
				}
				return p.Draw(picture(s, failed))
			}, func(err error) error {
				if !opened {
					return err
				}
				if closed := p.Close(); err == nil {
					err = closed
				}
				return err
			}
	}
	return a.printer(), func(err error) error { return err }
}

// picture is the whole of what is seen.
func picture(s control.Status, failed error) []screen.Line {
	now := time.Now()
	lines := screen.Status(s, now)
	if failed != nil {
		lines = []screen.Line{{Text: plain.Line(failed.Error()), Mood: screen.Bad}}
	}
	return append(lines, screen.Line{}, screen.Line{Text: now.Format(time.TimeOnly) + "  Ctrl-C ends", Mood: screen.Quiet})
}

// printer prints each state that differs from the one before: as one line of JSON, or as text with an empty line behind it.
func (a *app) printer() view {
	var last string
	return func(s control.Status, failed error) error {
		if failed != nil {
			if last != failed.Error() {
				last = failed.Error()
				a.warnf("%s", oneLine(last))
			}
			return nil
		}
		line, err := json.Marshal(s)
		if err != nil || string(line) == last {
			return err
		}
		last = string(line)
		if a.json {
			a.printf("%s\n", line)
		} else {
			a.showStatus(s)
			a.printf("\n")
		}
		if buffered, ok := a.stdout.(*bufio.Writer); ok {
			return buffered.Flush()
		}
		return nil
	}
}

// terminal returns the terminal that results go to, nil when they go elsewhere.
func (a *app) terminal() *os.File {
	if a.results != nil {
		if _, err := unix.IoctlGetTermios(int(a.results.Fd()), unix.TCGETS); err == nil {
			return a.results
		}
	}
	return nil
}

// size returns the columns and rows of a terminal, 0 when it does not say.
func size(terminal *os.File) (columns, rows int) {
	window, err := unix.IoctlGetWinsize(int(terminal.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0
	}
	return int(window.Col), int(window.Row)
}
