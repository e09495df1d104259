package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/cmd/mailreg/man"
)

func TestManual(t *testing.T) {
	dir := t.TempDir()
	page := manual()
	if err := man.Write(dir, []man.Page{page}); err != nil {
		t.Fatal(err)
	}
	if len(page.Options) != 3 || page.Options[1].Term != "--root" || page.Options[1].Arg != "DIR" || page.Options[1].Text == "" {
		t.Errorf("options %+v", page.Options)
	}
	if !strings.HasPrefix(string(page.Render()), ".TH MAILREG\\-LISTENER 8 ") {
		t.Errorf("%s", page.Render())
	}
	if _, err := exec.LookPath("groff"); err != nil {
		return // the page is what the library makes of it
	}
	if out, err := exec.Command("groff", "-man", "-Tutf8", "-ww", "-z", filepath.Join(dir, page.File())).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("groff: %v\n%s", err, out)
	}
}
