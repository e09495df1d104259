package history_test

import (
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/registry/history"
)

// lines returns one line of the log for each ID from first to last, each with a value of that many bytes.
func lines(first, last, size int) string {
	var b strings.Builder
	for id := first; id <= last; id++ {
		value := strings.Repeat("x", size)
		text, _ := history.Encode([]history.Line{{ID: int64(id), Key: "k", New: &value}}) // a line of texts and numbers
		b.Write(text)
	}
	return b.String()
}

// read returns the IDs as Backward yields them; an error is a text.
func read(log string) []string {
	var got []string
	for line, err := range history.Log(log).Backward() {
		if err != nil {
			got = append(got, err.Error())
		} else {
			got = append(got, fmt.Sprint(line.ID))
		}
	}
	return got
}

func TestBackward(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	cases := []struct {
		name, text string
		want       []string
	}{
		{"empty", "", nil},
		{"one", lines(1, 1, 1), []string{"1"}},
		{"cut short", lines(1, 2, 1) + `{"id":3,"ti`, []string{"2", "1"}},
		{"nothing else", `{"id":3`, nil},
		{"whole but for its end", strings.TrimSuffix(lines(1, 2, 1), "\n"), []string{"2", "1"}},
		{"longer than a block", lines(1, 3, 200_000), []string{"3", "2", "1"}},
		{"just as long as a block", lines(1, 2, 64<<10-76), []string{"2", "1"}},
		{"broken", lines(1, 1, 1) + "{\n" + lines(2, 2, 1), []string{
			"2", fmt.Sprintf("%s: the line at byte %d: unexpected end of JSON input", log, len(lines(1, 1, 1))), "1",
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			write(t, log, c.text)
			if diff := cmp.Diff(c.want, read(log)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBackwardReadsRotatedParts(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	write(t, log, lines(9, 10, 1))
	write(t, log+".1", lines(7, 8, 1))
	write(t, log+"-20261120", lines(5, 6, 1))
	write(t, filepath.Join(dir, "logbook"), "{")
	packed, err := os.Create(log + ".3.gz")
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(packed)
	if _, err := z.Write([]byte(lines(3, 4, 1))); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, log+".4.gz", "no gzip")
	for i, name := range []string{".4.gz", ".3.gz", "-20261120", ".1"} {
		at := time.Unix(1_700_000_000+int64(i), 0)
		if err := os.Chtimes(log+name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	got := read(log)
	want := []string{"10", "9", "8", "7", "6", "5", "4", "3"}
	if len(got) != 9 || cmp.Diff(want, got[:8]) != "" || !strings.Contains(got[8], "log.4.gz") {
		t.Errorf("%q", got)
	}
	for line := range history.Log(log).Backward() { // who has seen enough reads no further
		if line.ID != 10 {
			t.Errorf("first line %d", line.ID)
		}
		break
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
