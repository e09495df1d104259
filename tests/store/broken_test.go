package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

var every = flag.Bool("store.every", false, "whether TestBroken breaks each call in each way, instead of every second in one")

// writing are the calls that change files.
const writing = "pwrite64,write,writev,ftruncate,fallocate,fdatasync,fsync,link,linkat,rename,renameat,renameat2,unlink,unlinkat,copy_file_range,sendfile"

// ways are what happens at a call.
var ways = []string{"signal=SIGKILL", "error=EIO", "error=ENOSPC"}

// breakable is an act with what it begins from and what must be there when it was done at last: from fewest to count entries,
// and so many files set aside.
type breakable struct {
	act                  string
	begin                func(t *testing.T, dir string)
	fewest, count, aside int
}

var cases = []breakable{
	{act: "create", begin: func(*testing.T, string) {}},
	{act: "convert", begin: older, fewest: 7, count: 7},
	{act: "commit", begin: func(t *testing.T, dir string) { fill(t, dir, 3) }, fewest: 3, count: 3 + 2*commits},
	{act: "backup", begin: func(t *testing.T, dir string) { fill(t, dir, 3) }, fewest: 3, count: 3},
	{act: "replace", begin: damaged, fewest: 3, count: 3, aside: 1},
	{act: "restore", begin: func(t *testing.T, dir string) {
		fill(t, dir, 3)
		move(t, dir, storeFile, restoredFile)
		fill(t, dir, 9)
	}, fewest: 3, count: 3, aside: 1},
}

// TestBroken breaks each act at each of its calls, and does it once more without that.
func TestBroken(t *testing.T) {
	t.Parallel()
	for _, c := range cases {
		t.Run(c.act, func(t *testing.T) {
			t.Parallel()
			broken, step := 0, 2
			if *every {
				step = 1
			}
			for k, call := range strings.Split(writing, ",") { // strace counts each by itself
				for n, hit := 1, true; hit; n += step {
					hit = false
					for w, way := range ways {
						if *every || w == (k+n/2)%len(ways) {
							hit = c.breakAt(t, fmt.Sprintf("inject=%s:%s:when=%d", call, way, n)) || hit
						}
					}
					if hit {
						broken++
					}
				}
			}
			t.Logf("broken at %d calls", broken)
			if broken < 3 {
				t.Error("too few calls were broken")
			}
		})
	}
}

// breakAt does the act with a fault, then without, and reports whether the fault has happened.
func (c breakable) breakAt(t *testing.T, inject string) bool {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, trace := t.TempDir(), filepath.Join(t.TempDir(), "trace")
	c.begin(t, dir)
	said := perform(t, exec.Command(harness.Program(t, "strace"),
		"-f", "-qq", "-o", trace, "-e", "trace="+writing, "-e", inject, self), dir, c.act)
	log, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(log, []byte("INJECTED")) && !bytes.Contains(log, []byte("killed by SIGKILL")) {
		if said != nil {
			t.Errorf("%s: without a fault: %v", inject, said)
		}
		return false
	}
	least := c.fewest
	if acked, err := os.ReadFile(filepath.Join(dir, ackFile)); err == nil {
		least, _ = strconv.Atoi(string(acked))
	}
	if c.act == "commit" {
		look(t, dir, inject, least, c.count)
		least += commits
	}
	if err := perform(t, exec.Command(self), dir, c.act); err != nil {
		t.Errorf("%s: afterwards: %v", inject, err)
	}
	look(t, dir, inject, max(least, c.fewest), c.count)
	tidy(t, dir, inject, c.aside)
	return true
}

// perform does an act in a folder and returns what it says when it has failed.
func perform(t *testing.T, cmd *exec.Cmd, dir, act string) error {
	t.Helper()
	cmd.Dir, cmd.Env = dir, append(os.Environ(), actVariable+"="+act, "GOMAXPROCS=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// look compares the cookie with the entries, and both with what must be there.
func look(t *testing.T, dir, inject string, least, most int) {
	t.Helper()
	s, err := store.Open(filepath.Join(dir, storeFile))
	if err != nil {
		t.Fatalf("%s: %v", inject, err)
	}
	err = s.View(func(tx *store.Tx) error {
		n := 0
		for e := range tx.Entries(schema.UUID{}) {
			if n++; e.UUID != (schema.UUID{15: byte(n)}) {
				t.Errorf("%s: entry %d is %s", inject, n, e.UUID)
			}
		}
		if cookie, _ := strconv.Atoi(string(tx.State().Cookie())); cookie != n || n < least || n > most {
			t.Errorf("%s: %d entries, the cookie counts %d; wanted %d to %d", inject, n, cookie, least, most)
		}
		return nil
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Errorf("%s: %v", inject, err)
	}
}

// tidy looks for what was left behind.
func tidy(t *testing.T, dir, inject string, aside int) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		switch name := file.Name(); {
		case strings.HasPrefix(name, storeFile+".aside-"):
			found++
		case name != storeFile && name != backupFile && name != ackFile:
			t.Errorf("%s: %s is left", inject, name)
		}
	}
	// An interrupted restore begins from the start, and sets aside what it had put there.
	if found < aside || found > 2*aside {
		t.Errorf("%s: %d files are set aside", inject, found)
	}
}

// damaged leaves a good backup beside a store that is none any more.
func damaged(t *testing.T, dir string) {
	fill(t, dir, 3)
	move(t, dir, storeFile, backupFile)
	fill(t, dir, 5)
	path := filepath.Join(dir, storeFile)
	if err := os.Truncate(path, int64(3*os.Getpagesize())); err != nil {
		t.Fatal(err)
	}
}

// older makes a store of the first layout.
func older(t *testing.T, dir string) {
	fill(t, dir, 7)
	seal := func(key string, value []byte) []byte {
		table := crc32.MakeTable(crc32.Castagnoli)
		return binary.BigEndian.AppendUint32(value, crc32.Update(crc32.Checksum([]byte(key), table), table, value))
	}
	text := func(b []byte, s string) []byte { return append(append(b, byte(len(s))), s...) }
	b, err := bolt.Open(filepath.Join(dir, storeFile), 0o600, &bolt.Options{NoFreelistSync: true})
	if err != nil {
		t.Fatal(err)
	}
	err = b.Update(func(tx *bolt.Tx) error {
		meta := tx.Bucket([]byte("meta"))
		state := append(text(text(nil, "view\nplace"), "7"), 1, 1, 1, 0)
		return errors.Join(meta.Put([]byte("version"), seal("version", []byte{1})), meta.Put([]byte("state"), seal("state", state)))
	})
	if err := errors.Join(err, b.Close()); err != nil {
		t.Fatal(err)
	}
}

func move(t *testing.T, dir, from, to string) {
	if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
		t.Fatal(err)
	}
}
