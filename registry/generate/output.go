package generate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/mailreg/mailreg/registry/settings"
	"github.com/mailreg/mailreg/registry/state"
	"github.com/mailreg/mailreg/registry/swap"
	"github.com/mailreg/mailreg/templates"
)

// Output is a generated file that a transaction looks at. Its two swap.Files are compared in content, mode and owner: what
// is equal is not touched, and its service hears nothing.
type Output struct {
	templates.Output
	// File is the file as it shall be, Live as it is.
	File, Live swap.File
	// Kept is a copy of a live file that is not what was last written; nil when nothing is to be kept.
	Kept *swap.File
	// Build says that the indexed map is to be built.
	Build bool
	// OldMap is the map, as a path below the root, that goes when the file goes; "" for none.
	OldMap string
}

// cooled is how much older than they are generated files claim to be. Postfix fears that a file changed just now is not
// whole and waits until it is more than a second old; ours come into being by a rename and always are.
const cooled = 3 * time.Second

// replacedDir holds, below the time and under their own paths, the files that commits have replaced and not written.
const replacedDir = "/var/lib/mailreg/replaced"

// Changed reports whether the file is to be replaced or removed.
func (o *Output) Changed() bool { return !o.File.Equal(o.Live) }

// render renders one output and compares it with the live file.
func (p *Plan) render(o templates.Output) error {
	data, used, err := p.Set.Render(o, p.world(p.View))
	if err != nil {
		return err
	}
	p.needSecrets(used.Keys)
	out := &Output{Output: o, File: swap.File{
		Path: p.path(o.Path), Data: data, Mode: fs.FileMode(o.Mode).Perm(), Time: p.Now.Add(-cooled),
	}}
	if out.File.UID, out.File.GID, err = owner(o); err != nil {
		// Accounts come with the service. Without it nobody reads the file; the first commit that finds it sets this right.
		if s := p.service(o.Service); s == nil || s.Installed() {
			return fmt.Errorf("%s: %w", o.Path, err)
		}
	}
	if out.Live, err = swap.Read(out.File.Path); err != nil {
		return err
	}
	if err := p.keep(out); err != nil {
		return err
	}
	was, written := p.State.Outputs[o.Path]
	rec := state.Record{
		Service: o.Service, Hash: state.Hash(data), Uses: uses(o, used), Former: was.Former, Found: was.Found && was.Hash == state.Hash(data),
	}
	rec.Manifest = o.Manifest
	if len(o.Parts) > 1 {
		rec.Parts = o.Parts
	}
	if (!written || was.Found) && out.Kept != nil {
		rec.Former, rec.Found = p.below(out.Kept.Path), false
	} else if !written {
		rec.Found = !out.Live.Remove
	}
	if o.Table != "" && p.service(o.Service) == nil {
		return fmt.Errorf("%s: nobody knows how to build the map of a file of service %s", o.Path, o.Service)
	}
	if s := p.service(o.Service); s != nil && o.Table != "" {
		rec.Map = s.Map(o.Path, o.Table)
		// A map that was lost, or is older than its source, is built again although the source is the same.
		out.Build = out.Changed() || p.stale(out.File.Path, p.path(rec.Map))
	}
	p.State.Outputs[o.Path] = rec
	p.add(out)
	return nil
}

// add takes an output into the transaction when there is something to do for it.
func (p *Plan) add(o *Output) {
	if o.Changed() {
		p.Files = append(p.Files, o.Path)
	}
	if o.Changed() || o.Build {
		p.Outputs = append(p.Outputs, o)
	}
}

// stale reports whether an indexed map is missing or older than its source.
func (p *Plan) stale(source, indexed string) bool {
	m, err := os.Stat(indexed)
	if err != nil {
		return true
	}
	s, err := os.Stat(source)
	return err != nil || m.ModTime().Before(s.ModTime())
}

// remove takes away an output that is no longer wanted.
func (p *Plan) remove(o templates.Output, rec state.Record) error {
	out := &Output{Output: o, File: swap.File{Path: p.path(o.Path), Remove: true}, OldMap: rec.Map}
	var err error
	if out.Live, err = swap.Read(out.File.Path); err != nil {
		return err
	}
	if err := p.keep(out); err != nil {
		return err
	}
	delete(p.State.Outputs, o.Path)
	p.add(out)
	return nil
}

// giveBack takes away an output, and restores what was there before it.
func (p *Plan) giveBack(path string, rec state.Record) error {
	if rec.Found {
		delete(p.State.Outputs, path)
		return nil
	}
	o := templates.Output{Path: path, Service: rec.Service}
	if rec.Former == "" {
		return p.remove(o, rec)
	}
	former, err := swap.Read(p.path(rec.Former))
	if err != nil {
		return err
	}
	if former.Remove {
		p.warn("the file that %s has replaced is gone: there is no %s", path, rec.Former)
		return p.remove(o, rec)
	}
	former.Path = p.path(path)
	out := &Output{Output: o, File: former, OldMap: rec.Map}
	if out.Live, err = swap.Read(former.Path); err != nil {
		return err
	}
	if err := p.keep(out); err != nil {
		return err
	}
	delete(p.State.Outputs, path)
	p.add(out)
	return nil
}

// keep notices a live file that is not what was last written, and has it copied before it is replaced.
func (p *Plan) keep(o *Output) error {
	if o.Live.Remove || !o.Changed() {
		return nil
	}
	// Not kept: what we wrote ourselves, and what somebody made equal to it by hand. What we have only found to be right
	// already is not ours.
	rec, written := p.State.Outputs[o.Path]
	ours := written && !rec.Found
	live := state.Hash(o.Live.Data)
	if ours && (live == rec.Hash || live == state.Hash(o.File.Data) && !o.File.Remove) {
		return nil
	}
	path, err := p.keptPath(o.Path)
	if err != nil {
		return fmt.Errorf("keeping %s: %w", o.Path, err)
	}
	kept := o.Live
	kept.Path = p.path(path)
	o.Kept = &kept
	if !ours {
		p.warn("%s was not written by mailreg; the former file is kept as %s", o.Path, path)
	} else {
		p.warn("%s was edited by hand; the edited file is kept as %s", o.Path, path)
	}
	return nil
}

// keptPath returns where a replaced file goes: below the time, with a number when one of the same second is there.
func (p *Plan) keptPath(of string) (string, error) {
	stamp := p.Now.Format("20060102T150405Z")
	for n := 1; ; n++ {
		path := filepath.Join(replacedDir, stamp, of)
		if n > 1 {
			path = filepath.Join(replacedDir, fmt.Sprintf("%s-%d", stamp, n), of)
		}
		if _, err := os.Lstat(p.path(path)); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
			return path, err
		}
	}
}

func (p *Plan) warn(format string, args ...any) {
	p.Warnings = append(p.Warnings, fmt.Sprintf(format, args...))
}

// world is what a rendering may look at.
func (p *Plan) world(v *settings.View) templates.World {
	return templates.World{
		Root: p.Root, Settings: withSecrets{v, p}, ReadFile: os.ReadFile, Version: p.version,
		Directory: func() (templates.Directory, error) { return v.Profile() },
	}
}

// version asks a service for its version once. A part of it, as in "dovecot/sieve", has that of the service when it is
// installed as well.
func (p *Plan) version(server string) string {
	if known, ok := p.versions[server]; ok {
		return known
	}
	if p.versions == nil {
		p.versions = map[string]string{}
	}
	name, part, partly := strings.Cut(server, "/")
	s := p.service(name)
	if s == nil || !s.Installed() {
		return ""
	}
	if partly {
		if has, ok := s.(interface{ Part(name string) bool }); ok && has.Part(part) {
			p.versions[server] = p.version(name)
		}
	} else {
		p.versions[server] = s.Version()
	}
	return p.versions[server]
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
