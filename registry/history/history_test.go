package history_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/registry/history"
)

func TestUndo(t *testing.T) {
	one, two := "1", "2"
	text, err := history.Encode([]history.Line{{ID: 7, Layer: "normal", Key: "a", Old: &one, New: &two}, {ID: 7, Layer: "normal", Key: "b", New: &one}})
	if err != nil {
		t.Fatal(err)
	}
	text, err = history.Undo(8, text)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":8,"time":"0001-01-01T00:00:00Z","uid":0,"pid":0,"layer":"normal","key":"a","old":"2","new":"1","undoes":7,"failed":true}
{"id":8,"time":"0001-01-01T00:00:00Z","uid":0,"pid":0,"layer":"normal","key":"b","old":"1","undoes":7,"failed":true}
`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
	if _, err := history.Undo(8, []byte("{\n")); err == nil {
		t.Error("half a line was understood")
	}
}

func TestAppendTwiceIsOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	log := history.Log(path)
	add := func(text string, offset int64) {
		t.Helper()
		if err := log.Reserve(offset, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := log.Append(offset, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	add("first\n", 0)
	size, err := log.Size()
	if size != 6 || err != nil {
		t.Fatalf("size %d, %v", size, err)
	}
	add("second\n", size)
	add("second\n", size)
	if err := os.Truncate(path, 0); err != nil { // as logrotate does
		t.Fatal(err)
	}
	add("third\n", 13)
	data, err := os.ReadFile(path)
	if string(data) != "third\n" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := history.Log(filepath.Dir(path)).Reserve(0, []byte("x")); err == nil || !strings.Contains(err.Error(), "writing the transaction log") {
		t.Errorf("a folder: %v", err)
	}
}
