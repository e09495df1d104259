package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"github.com/mailreg/mailreg/registry/swap"
	"github.com/mailreg/mailreg/templates"
)

// output is a generated file that a transaction looks at. Its two swap.Files are compared in content, mode and owner: what
// is equal is not touched, and its service hears nothing.
type output struct {
	templates.Output
	file, live swap.File  // as it shall be, and as it is
	kept       *swap.File // the copy of a live file that is not what was last written
	build      bool       // whether the indexed map is to be built
	oldMap     string     // the map that goes when the file goes
}

// cooled is how much older than they are generated files claim to be. Postfix fears that a file changed just now is not
// whole and waits until it is more than a second old; ours come into being by a rename and always are.
const cooled = 3 * time.Second

func (o *output) changed() bool { return !o.file.Equal(o.live) }

// render renders one output and compares it with the live file.
func (t *transaction) render(o templates.Output) error {
	data, used, err := t.set.Render(o, t.world(t.view))
	if err != nil {
		return err
	}
	out := &output{Output: o, file: swap.File{
		Path: t.r.path(o.Path), Data: data, Mode: fs.FileMode(o.Mode).Perm(), Time: t.r.now().Add(-cooled),
	}}
	if out.file.UID, out.file.GID, err = owner(o); err != nil {
		// Accounts come with the service. Without it nobody reads the file; the first commit that finds it sets this right.
		if s := t.r.service(o.Service); s == nil || s.Installed() {
			return fmt.Errorf("%s: %w", o.Path, err)
		}
	}
	if out.live, err = swap.Read(out.file.Path); err != nil {
		return err
	}
	if err := t.keep(out); err != nil {
		return err
	}
	rec := record{Service: o.Service, Hash: hash(data), Uses: uses(o, used)}
	if o.Table != "" && t.r.service(o.Service) == nil {
		return fmt.Errorf("%s: nobody knows how to build the map of a file of service %s", o.Path, o.Service)
	}
	if s := t.r.service(o.Service); s != nil && o.Table != "" {
		rec.Map = s.Map(o.Path, o.Table)
		// A map that was lost, or is older than its source, is built again although the source is the same.
		out.build = out.changed() || t.stale(out.file.Path, t.r.path(rec.Map))
	}
	t.state.Outputs[o.Path] = rec
	t.add(out)
	return nil
}

// add takes an output into the transaction when there is something to do for it.
func (t *transaction) add(o *output) {
	if o.changed() {
		t.out.Files = append(t.out.Files, o.Path)
	}
	if o.changed() || o.build {
		t.outputs = append(t.outputs, o)
	}
}

// stale reports whether an indexed map is missing or older than its source.
func (t *transaction) stale(source, indexed string) bool {
	m, err := os.Stat(indexed)
	if err != nil {
		return true
	}
	s, err := os.Stat(source)
	return err != nil || m.ModTime().Before(s.ModTime())
}

// remove takes away an output that is no longer wanted.
func (t *transaction) remove(o templates.Output, rec record) error {
	out := &output{Output: o, file: swap.File{Path: t.r.path(o.Path), Remove: true}, oldMap: rec.Map}
	var err error
	if out.live, err = swap.Read(out.file.Path); err != nil {
		return err
	}
	if err := t.keep(out); err != nil {
		return err
	}
	delete(t.state.Outputs, o.Path)
	t.add(out)
	return nil
}

// keep notices a live file that is not what was last written, and has it copied before it is replaced.
func (t *transaction) keep(o *output) error {
	// Not kept: what we wrote ourselves, what is not replaced, and what somebody made equal by hand.
	written := t.state.Outputs[o.Path].Hash
	if o.live.Remove || !o.changed() || hash(o.live.Data) == written || hash(o.live.Data) == hash(o.file.Data) && !o.file.Remove {
		return nil
	}
	path, err := t.keptPath(o.Path)
	if err != nil {
		return fmt.Errorf("keeping %s: %w", o.Path, err)
	}
	kept := o.live
	kept.Path = t.r.path(path)
	o.kept = &kept
	if written == "" {
		t.warn("%s was not written by mailreg; the former file is kept as %s", o.Path, path)
	} else {
		t.warn("%s was edited by hand; the edited file is kept as %s", o.Path, path)
	}
	return nil
}

// keptPath returns where a replaced file goes: below the time, with a number when one of the same second is there.
func (t *transaction) keptPath(of string) (string, error) {
	stamp := t.r.now().Format("20060102T150405Z")
	for n := 1; ; n++ {
		path := filepath.Join(replacedDir, stamp, of)
		if n > 1 {
			path = filepath.Join(replacedDir, fmt.Sprintf("%s-%d", stamp, n), of)
		}
		if _, err := os.Lstat(t.r.path(path)); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
			return path, err
		}
	}
}

func (t *transaction) warn(format string, args ...any) {
	t.out.Warnings = append(t.out.Warnings, fmt.Sprintf(format, args...))
}

// world is what a rendering may look at.
func (t *transaction) world(v *View) templates.World {
	return templates.World{Root: t.r.root, Settings: v, ReadFile: os.ReadFile, Version: t.version}
}

// version asks a service for its version once.
func (t *transaction) version(server string) string {
	if known, ok := t.versions[server]; ok {
		return known
	}
	if s := t.r.service(server); s != nil && s.Installed() {
		t.versions[server] = s.Version()
	}
	return t.versions[server]
}

// owner returns the numbers of an output's owner and group; whoever runs this where the manifest names none, beside an
// error, and when it is not root, who alone can give files away.
func owner(o templates.Output) (uid, gid int, err error) {
	uid, gid = os.Geteuid(), os.Getegid()
	if uid != 0 {
		return uid, gid, nil
	}
	if o.Owner != "" {
		if uid, err = strconv.Atoi(o.Owner); err != nil {
			u, err := user.Lookup(o.Owner)
			if err != nil {
				return os.Geteuid(), gid, fmt.Errorf("the owner: %w", err)
			}
			uid, _ = strconv.Atoi(u.Uid) // a number on every Unix
		}
	}
	if o.Group != "" {
		if gid, err = strconv.Atoi(o.Group); err != nil {
			g, err := user.LookupGroup(o.Group)
			if err != nil {
				return uid, os.Getegid(), fmt.Errorf("the group: %w", err)
			}
			gid, _ = strconv.Atoi(g.Gid) // a number on every Unix
		}
	}
	return uid, gid, nil
}
