package maildir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/confine"
	"github.com/mailreg/mailreg/schema"
)

// DefaultHome is the home of layout address below the root.
const DefaultHome = "/var/spool/dovecot/private/%Ld/%Ln"

const recordName = ".mailreg-layout"

// record is the layout that a spool got with its first store. Its time ends the claims of old that a first run honours.
type record struct {
	Version int            `json:"version"`
	Layout  backend.Layout `json:"layout"`
	// To is the layout to which the spool is being converted, "" when it is not.
	To   backend.Layout `json:"to,omitempty"`
	Time time.Time      `json:"time"`
}

// converting is the error of who would act on a spool that is being converted. It waits until the conversion is over.
func (r record) converting() error {
	if r.To == "" {
		return nil
	}
	return &schema.TargetDown{Target: "spool", Err: fmt.Errorf(
		"its layout is being converted from %s to %s; if nobody is at it, go on with: mailreg mailbox convert --layout %s", r.Layout, r.To, r.To)}
}

// homes names the places of a spool. All paths but base are below base.
type homes struct {
	layout backend.Layout
	// base holds the fixed part, the trash and the quarantine.
	base string
	// private is the name of the fixed part in base.
	private string
	// parts are the names below the fixed part, with %d, %n and %u in them; layout address only.
	parts []string
}

// parseHome reads a location such as /var/spool/dovecot/private/%Ld/%Ln.
func parseHome(layout backend.Layout, home string) (homes, error) {
	if !path.IsAbs(home) || path.Clean(home) != home {
		return homes{}, fmt.Errorf("mail/dovecot/location/home %q: want an absolute path in its shortest form", home)
	}
	names := strings.Split(home[1:], "/")
	first := slices.IndexFunc(names, func(name string) bool { return strings.Contains(name, "%") })
	if first < 1 {
		return homes{}, fmt.Errorf("mail/dovecot/location/home %q: want a directory and below it %%d, %%n or %%u", home)
	}
	h := homes{
		layout:  layout,
		base:    "/" + path.Join(names[:first-1]...),
		private: names[first-1],
	}
	all := ""
	for _, name := range names[first:] {
		part := strings.NewReplacer("%Ld", "%d", "%Ln", "%n", "%Lu", "%u").Replace(name)
		if left := strings.NewReplacer("%d", "", "%n", "", "%u", "").Replace(part); strings.Contains(left, "%") {
			return homes{}, fmt.Errorf("mail/dovecot/location/home %q: only %%d, %%n, %%u and their L forms are known", home)
		}
		if strings.HasPrefix(part, ".") {
			return homes{}, fmt.Errorf("mail/dovecot/location/home %q: %q begins with a dot", home, name)
		}
		h.parts = append(h.parts, part)
		all += part
	}
	if !strings.Contains(all, "%u") && !(strings.Contains(all, "%d") && strings.Contains(all, "%n")) {
		return homes{}, fmt.Errorf("mail/dovecot/location/home %q: two addresses would share a home", home)
	}
	return h, nil
}

// home returns the place of a store. Both parts are validated values, so it stays below the fixed part.
func (h homes) home(uuid schema.UUID, a schema.Address) string {
	if h.layout == backend.ByUUID {
		return path.Join(h.private, "by-id", uuid.String())
	}
	fill := strings.NewReplacer("%d", a.Domain, "%n", a.Local, "%u", a.String())
	return path.Join(h.private, fill.Replace(path.Join(h.parts...)))
}

// address returns the address that a place of layout address stands for, zero when it stands for none.
func (h homes) address(rel string) schema.Address {
	rest, ok := strings.CutPrefix(rel, h.private+"/")
	if !ok || h.layout == backend.ByUUID {
		return schema.Address{}
	}
	quoted := regexp.QuoteMeta(path.Join(h.parts...))
	pattern := strings.NewReplacer("%d", "(?P<d>[^/]+)", "%n", "(?P<n>[^/]+)", "%u", "(?P<u>[^/]+)").Replace(quoted)
	re, err := regexp.Compile("^" + pattern + "$")
	if err != nil {
		return schema.Address{}
	}
	match := re.FindStringSubmatch(rest)
	if match == nil {
		return schema.Address{}
	}
	part := func(name string) string {
		if i := re.SubexpIndex(name); i > 0 {
			return match[i]
		}
		return ""
	}
	text := part("u")
	if text == "" {
		text = part("n") + "@" + part("d")
	}
	a, err := schema.ParseAddress(text)
	if err != nil || h.home(schema.UUID{}, a) != rel {
		return schema.Address{}
	}
	return a
}

// checkLayout compares the layout asked for with the one that the spool has, and returns its record; a spool without
// record returns a zero one.
func checkLayout(base *confine.Dir, h homes) (record, error) {
	r, err := readRecord(base, h.private)
	if err != nil {
		return record{}, err
	}
	if r.Layout != "" && r.Layout != h.layout && r.To != h.layout {
		return record{}, &LayoutError{Spool: base.Path(h.private), Has: r.Layout, Wanted: h.layout}
	}
	if r.Version == 0 {
		return record{}, nil
	}
	return r, nil
}

// readRecord reads the record of a spool. One that holds stores but no record has layout address, unless they lie in by-id;
// then Version is 0.
func readRecord(base *confine.Dir, name string) (r record, err error) {
	private, err := base.Sub(name)
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, nil
	}
	if err != nil {
		return record{}, err
	}
	defer private.Close()
	data, err := private.Read(recordName, smallFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.Layout, err = guessLayout(private)
		return r, err
	case err != nil:
		return record{}, err
	}
	if err := json.Unmarshal(data, &r); err != nil || r.Version != 1 {
		return record{}, fmt.Errorf("layout record %s cannot be read", private.Path(recordName))
	}
	return r, nil
}

func guessLayout(private *confine.Dir) (backend.Layout, error) {
	names, err := private.Names()
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if strings.HasPrefix(name, ".") || name == "by-address" {
			continue
		}
		sub, err := private.Sub(name)
		if errors.Is(err, schema.ErrInvalid) {
			continue // no directory
		}
		if err != nil {
			return "", err
		}
		below, err := sub.Names()
		sub.Close()
		switch {
		case err != nil:
			return "", err
		case len(below) == 0:
		case name == "by-id":
			return backend.ByUUID, nil
		default:
			return backend.ByAddress, nil
		}
	}
	return "", nil
}

// LayoutError says that mail/dovecot/location/key asks for another layout than the spool has. The daemon does not start
// then; only the conversion changes a layout.
type LayoutError struct {
	Spool       string
	Has, Wanted backend.Layout
}

// Error names the spool, both layouts and the variable.
func (e *LayoutError) Error() string {
	return fmt.Sprintf("spool %s has layout %s, mail/dovecot/location/key asks for %s", e.Spool, e.Has, e.Wanted)
}
