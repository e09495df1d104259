package sieve

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/mailreg/mailreg/handlers/backend/maildir"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/registry/hook/program"
	"github.com/mailreg/mailreg/registry/hook/svbin"
)

// compileLimit is how long sievec may take for a few lines.
const compileLimit = 10 * time.Second

// Installer gives new stores of Dovecot their script.
type Installer struct {
	// Root is the directory below which the config of Dovecot lies.
	Root string

	mu sync.Mutex
	// text is what was compiled last, from where it lay then; binary is nil when that was not possible.
	text, from string
	binary     []byte
}

// Files returns the files of a new store whose home is at a path: the script default, the link that makes it the active one,
// and what sievec makes of it, so that the first mail need not wait for that. There are none when the settings want none, or
// keep scripts outside of the home. Without sievec, Dovecot compiles the script with the first mail.
func (i *Installer) Files(view *registry.View, home string) ([]maildir.File, error) {
	folder := view.String("mail/dovecot/folder/spam")
	script, active, ok := places(view.String("mail/dovecot/sieve/path"))
	if !view.Bool("mail/dovecot/sieve/spam") || folder == "" || folder == "none" || !ok {
		return nil, nil
	}
	text, err := Script(folder, view.String("mail/antispam/requiredhits"))
	if err != nil {
		return nil, err
	}
	files := []maildir.File{maildir.OriginalFile(text), {Name: script, Data: text}, {Name: active, Link: script}}
	if binary := i.compiled(string(text), filepath.Join(home, active)); binary != nil {
		files = append(files, maildir.File{Name: strings.TrimSuffix(active, ".sieve") + ".svbin", Data: binary})
	}
	return files, nil
}

// Spool keeps stores as directories.
type Spool interface {
	// Refit gives stores whose script nobody has changed the one that files names; see maildir.Spool.
	Refit(ctx context.Context, script, active string, files func(home string) ([]maildir.File, error)) (int, error)
}

// Wanted returns the script of a new store, "" when it has none.
func (i *Installer) Wanted(view *registry.View) (string, error) {
	files, err := i.Files(view, "/")
	for _, f := range files {
		if f.Link == "" && strings.HasSuffix(f.Name, ".sieve") {
			return string(f.Data), err
		}
	}
	return "", err
}

// Refresh gives the stores of a spool whose script is still the one that we gave them the one that a new store would have, and
// returns their number. While new ones have none, the others keep theirs.
func (i *Installer) Refresh(ctx context.Context, view *registry.View, spool Spool) (int, error) {
	script, active, ok := places(view.String("mail/dovecot/sieve/path"))
	if wanted, err := i.Wanted(view); err != nil || wanted == "" || !ok {
		return 0, err
	}
	return spool.Refit(ctx, script, active, func(home string) ([]maildir.File, error) { return i.Files(view, home) })
}

// places returns where mail/dovecot/sieve/path, "file:~/sieve;active=~/.dovecot.sieve", has the script default and the link to
// the active one, below the home; ok is false when it has them elsewhere.
func places(path string) (script, active string, ok bool) {
	folder, active, ok := strings.Cut(path, ";active=")
	folder, inFolder := strings.CutPrefix(folder, "file:~/")
	active, inHome := strings.CutPrefix(active, "~/")
	for _, name := range []string{folder, active} {
		ok = ok && name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/%;\x00")
	}
	return folder + "/default.sieve", active, ok && inFolder && inHome && strings.HasSuffix(active, ".sieve")
}

// compiled returns a script as sievec compiles it for its place, nil when that is not possible. All stores have the same
// script, so it is compiled once.
func (i *Installer) compiled(text, place string) []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.text != text {
		binary, from, err := i.compile(text)
		if err != nil {
			binary = nil
		}
		i.text, i.binary, i.from = text, binary, from
	}
	if i.binary == nil {
		return nil
	}
	moved, err := svbin.Move(i.binary, i.from, place)
	if err != nil {
		return nil
	}
	return moved
}

func (i *Installer) compile(text string) (binary []byte, from string, err error) {
	sievec, err := exec.LookPath("sievec")
	if err != nil {
		sievec = "/usr/bin/sievec"
	}
	dir, err := os.MkdirTemp("", "mailreg-sieve-")
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	from = filepath.Join(dir, "default.sieve")
	if err := os.WriteFile(from, []byte(text), 0o600); err != nil {
		return nil, "", err
	}
	out := filepath.Join(dir, "default.svbin")
	call := program.Call{
		Path: sievec, Args: []string{"-c", filepath.Join(i.Root, "etc/dovecot/dovecot.conf"), from, out},
		Env: append(os.Environ(), "LC_ALL=C"), Limit: compileLimit,
	}
	if _, err := call.Run(context.Background()); err != nil {
		return nil, "", err
	}
	binary, err = os.ReadFile(out)
	return binary, from, err
}
