package registry_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/registry/generate"
	"github.com/mailreg/mailreg/templates"
)

var parallelRounds = flag.Int("parallel.rounds", 10, "how many rounds TestParallelWriters takes")

const (
	writers  = 50
	shared   = 20 // outputs, each of which all writers change
	asWriter = "MAILREG_TEST_WRITER"
)

// summedSet ends each output in a line with the checksum of the rest: a reader sees whether it has all of it.
type summedSet struct{ fakeSet }

func (s summedSet) Render(o templates.Output, w templates.World) ([]byte, templates.Uses, error) {
	data, used, err := s.fakeSet.Render(o, w)
	return append(data, fmt.Sprintf("%x\n", sha256.Sum256(data))...), used, err
}

// whole reports whether data is an output of summedSet from its beginning to its end.
func whole(data []byte) bool {
	const sum = 2*sha256.Size + 1
	if len(data) < sum {
		return false
	}
	body, tail := data[:len(data)-sum], data[len(data)-sum:]
	return bytes.Equal(tail, fmt.Appendf(nil, "%x\n", sha256.Sum256(body)))
}

// summedHost is a host with the outputs that all writers share.
func summedHost(t *testing.T, root string) *host {
	h := openHost(t, root)
	h.set.outputs, h.set.text = nil, map[string]string{}
	for i := range shared {
		path := sharedPath(i)
		h.set.outputs = append(h.set.outputs, templates.Output{Path: path, Service: "smtpd", Mode: 0o644})
		h.set.text[path] = fmt.Sprintf("w/%02d/*", i)
	}
	h.config.Load = func() (generate.Renderer, error) { return summedSet{h.set}, nil }
	h.reg = registry.New(h.config)
	return h
}

func sharedPath(i int) string { return fmt.Sprintf("/etc/smtpd/shared-%02d", i) }

// turn is what a writer changes in a round: a key of its own in three of the outputs, and one that all fight for.
func turn(writer, round int) []string {
	words := []string{fmt.Sprintf("w/00/all=%d in round %d", writer, round)}
	for i := range 3 {
		words = append(words, fmt.Sprintf("w/%02d/%02d=round %d", (writer+7*i)%shared, writer, round))
	}
	return words
}

// TestParallelWriters has many write at once, some of them in processes of their own, while others read: no update is lost,
// no file is of yesterday, and nobody ever sees half a file.
func TestParallelWriters(t *testing.T) {
	h := summedHost(t, t.TempDir())
	h.commit(registry.CommitOptions{})
	for round := range *parallelRounds {
		over, stop := context.WithCancel(t.Context())
		var readers, wait sync.WaitGroup
		for reader := range 2 {
			readers.Go(func() { h.readAll(over, reader) })
		}
		for writer := range writers {
			wait.Go(func() { h.write(writer, round) })
		}
		wait.Wait()
		stop()
		readers.Wait()
		h.compareShared(round)
	}
}

func (h *host) write(writer, round int) {
	words := turn(writer, round)
	if writer%10 == 0 {
		cmd := child(h.root, "", words...)
		cmd.Env = append(cmd.Env, asWriter+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			h.Errorf("%v: %s", err, out)
		}
		return
	}
	if _, err := h.reg.Change(h.Context(), edit(words...)); err != nil {
		h.Error(err)
	}
}

// readAll reads outputs and settings until the round is over.
func (h *host) readAll(over context.Context, i int) {
	for ; over.Err() == nil; i++ {
		data, err := os.ReadFile(h.path(sharedPath(i % shared)))
		if err != nil || !whole(data) {
			h.Errorf("a reader sees %q, %v", data, err)
			return
		}
		if _, err := h.reg.View(); err != nil {
			h.Errorf("a reader: %v", err)
			return
		}
	}
}

// compareShared compares settings and files after a round.
func (h *host) compareShared(round int) {
	h.Helper()
	view, err := h.reg.View()
	if err != nil {
		h.Fatal(err)
	}
	for writer := range writers {
		for _, word := range turn(writer, round)[1:] {
			key, value, _ := strings.Cut(word, "=")
			if got := view.String(key); got != value {
				h.Errorf("the update of %s is lost: %q, want %q", key, got, value)
			}
		}
	}
	for i := range shared {
		var b strings.Builder
		for _, pair := range view.Prefix(fmt.Sprintf("w/%02d/", i)) {
			fmt.Fprintf(&b, "%s=%q\n", pair.Key, pair.Value)
		}
		want(h, sharedPath(i), b.String()+fmt.Sprintf("%x\n", sha256.Sum256([]byte(b.String()))), h.read(sharedPath(i)))
	}
	if diffs, err := h.reg.Diff(h.Context(), nil); err != nil || len(diffs) > 0 {
		h.Errorf("diff: %v, %v", diffs, err)
	}
}
