package model_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

var stride = flag.Int("disk.stride", 0, "TestDisk breaks every so manieth call; 0 breaks one")

// commits is a story in which entries come, change, swap, go and come back; few enough that each commit can be broken.
func commits() []step {
	return []step{
		{"set", 1, 1},
		{"set", 2, 2},
		{"deliver", 0, 0},
		{"swap", 1, 2},
		{"wait", 0, 0},
		{"set", 3, 1}, // which somebody has
		{"remove", 2, 0},
		{"wait", 0, 0},
		{"out", 1, 0},
		{"cut all", 0, 0},
		{"wait", 0, 0},
		{"back", 1, 0},
		{"set", 3, 3},
		{"folder", 2, 1},
	}
}

// TestDisk breaks the daemon's store at its commits: killed before one is on the disk and behind it, and with a disk that is
// full or broken for a while. What comes of it in the end is the same.
func TestDisk(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, inject string }{
		// bbolt syncs the pages, then writes the page that makes them count, then syncs that: two calls for each commit. strace
		// counts for each thread by itself, so that several calls may break.
		{"killed at a sync", "inject=fdatasync:signal=SIGKILL:when=FIRST"},
		{"killed at a write", "inject=pwrite64:signal=SIGKILL:when=FIRST"},
		{"broken at a sync", "inject=fdatasync:error=EIO:when=FIRST"},
		{"full at a write", "inject=pwrite64:error=ENOSPC:when=FIRST..LAST"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			slapd := harness.NewSlapd(t, func(c *harness.SlapdConfig) { c.LDIF = folders })
			at, broken := 5, 0
			if *stride > 0 {
				at = *stride
			}
			for injected := true; injected; at += *stride {
				inject := strings.NewReplacer("FIRST", fmt.Sprint(at), "LAST", fmt.Sprint(at+1)).Replace(test.inject)
				injected = breakDisk(t, slapd, inject)
				if injected {
					broken++
				}
				if *stride == 0 {
					break
				}
			}
			t.Logf("%d of %d calls were broken", broken, at)
		})
	}
}

// breakDisk tells the story with a fault, and reports whether that has happened.
func breakDisk(t *testing.T, slapd *harness.Slapd, inject string) (injected bool) {
	t.Helper()
	setup := setup{layout: "uuid", daemon: true, strace: []string{"-e", "trace=fdatasync,pwrite64", "-e", inject}}
	setup.after = func(l *lab) {
		trace, err := os.ReadFile(l.trace)
		if err != nil {
			t.Fatal(err)
		}
		injected = bytes.Contains(trace, []byte("INJECTED")) || bytes.Contains(trace, []byte("killed by SIGKILL"))
	}
	for _, wrong := range tellStory(t, slapd, setup, commits()) {
		t.Errorf("%s: %s", inject, wrong)
	}
	return injected
}
