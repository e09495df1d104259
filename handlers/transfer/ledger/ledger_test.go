package ledger

import (
	"os"
	"path/filepath"
	"testing"
)

// TestRead tells what there is, whatever else lies there: a draft, a file that was cut off.
func TestRead(t *testing.T) {
	root := t.TempDir()
	if all, err := Read(root); err != nil || len(all) != 0 {
		t.Errorf("of a host that has moved nobody: %+v, %v", all, err)
	}
	for name, text := range map[string]string{
		"out/2.json":   `{"address":{"Local":"b","Domain":"x.test"},"state":"copying","since":"2026-11-24T12:00:00Z"}`,
		"in/1.json":    `{"address":{"Local":"a","Domain":"x.test"},"state":"awaiting","since":"2026-11-24T11:00:00Z"}`,
		"in/.3.json":   `{}`,
		"in/4.json":    `{"address":`,
		"in/notes.txt": "hello",
	} {
		file := filepath.Join(root, "var/lib/mailreg/transfer", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, err := Read(root)
	if err == nil {
		t.Error("a file that was cut off is no error")
	}
	if len(all) != 2 || all[0].Address.String() != "a@x.test" || all[0].Direction != "in" || all[1].Direction != "out" || all[1].State != "copying" {
		t.Errorf("%+v", all)
	}
}
