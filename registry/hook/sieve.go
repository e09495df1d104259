package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mailreg/mailreg/registry/hook/svbin"
)

// sieveTable is the table type of Sieve scripts: the map that is built from one is its compiled form.
const sieveTable = "sieve"

// compiled returns the path of the compiled form of a script.
func compiled(script string) string { return strings.TrimSuffix(script, ".sieve") + ".svbin" }

// sieveVerdict is how sievec ends its messages.
const sieveVerdict = "sievec: Fatal: "

// checkSieve compiles the staged Sieve scripts, wherever they lie. Scripts are those that the transaction changes and those
// below the config directory.
func (d *Dovecot) checkSieve(ctx context.Context, stage string) (warnings []string, err error) {
	scripts, err := sieveFiles(strings.TrimSuffix(stage, d.Dir()))
	if err != nil || len(scripts) == 0 {
		return nil, err
	}
	if find("sievec") == "" {
		return missing("sievec", "Sieve"), nil
	}
	for _, script := range scripts {
		said, err := d.compile(ctx, stage, script)
		if err != nil && d.asBefore(stage, script) {
			said, err = []string{err.Error()}, nil // not this transaction's fault
		}
		if err != nil {
			return nil, err
		}
		warnings = append(warnings, said...)
	}
	return warnings, nil
}

// sieveFiles returns the scripts below a directory.
func sieveFiles(top string) (scripts []string, err error) {
	err = filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && strings.HasSuffix(path, ".sieve") {
			scripts = append(scripts, path)
		}
		return err
	})
	return scripts, err
}

// asBefore reports whether a staged script is the live one.
func (d *Dovecot) asBefore(stage, script string) bool {
	staged, err := os.ReadFile(script)
	live, liveErr := os.ReadFile(filepath.Join(d.root, strings.TrimPrefix(script, strings.TrimSuffix(stage, d.Dir()))))
	return err == nil && liveErr == nil && bytes.Equal(staged, live)
}

// compile has sievec compile a staged script with the staged settings, which say what extensions there are.
func (d *Dovecot) compile(ctx context.Context, stage, script string) (warnings []string, err error) {
	top := strings.TrimSuffix(stage, d.Dir())
	r, err := run(ctx, "sievec", "-c", filepath.Join(stage, "dovecot.conf"), script, compiled(script))
	live := strings.TrimPrefix(script, top)
	name := strings.TrimSuffix(filepath.Base(script), ".sieve")
	for line := range strings.Lines(r.Stderr) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, sieveVerdict+"failed to compile") {
			continue
		}
		line = live + strings.TrimPrefix(strings.ReplaceAll(line, top, ""), name)
		if err != nil {
			return nil, errors.New(line)
		}
		warnings = append(warnings, line)
	}
	return warnings, err
}

// buildSieve compiles a staged script for its place below the root.
func (d *Dovecot) buildSieve(ctx context.Context, stage, script string) (warnings []string, err error) {
	if find("sievec") == "" || !has(stage, "dovecot.conf") {
		return []string{filepath.Base(script) + " was not compiled: that needs sievec and a dovecot.conf"}, nil
	}
	if warnings, err = d.compile(ctx, stage, script); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(compiled(script))
	if err != nil {
		return nil, err
	}
	live := filepath.Join(d.root, strings.TrimPrefix(script, strings.TrimSuffix(stage, d.Dir())))
	moved, err := svbin.Move(data, script, live)
	if err != nil { // Dovecot compiles it itself then, with each delivery
		return append(warnings, fmt.Sprintf("%s was not compiled: %v", live, err)), os.Remove(compiled(script))
	}
	return warnings, os.WriteFile(compiled(script), moved, 0o600)
}
