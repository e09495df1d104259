package maildir

import (
	"context"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/confine"
)

// lastLoginName is where Dovecot keeps in a home when its user logged in last (mail/dovecot/last_login): pairs of lines, a
// name and seconds since 1970.
const lastLoginName = "last-login"

// Usage returns the messages of a store in cur and new of all folders, the bytes of their files, and when it was used last.
func (s *Spool) Usage(ctx context.Context, st backend.Store) (u backend.Usage, err error) {
	w, found, err := s.read(ctx)
	if err != nil || !found {
		return u, err
	}
	defer w.end()
	d, err := w.base.Walk(st.Place)
	if err != nil {
		return u, err
	}
	defer d.Close()
	u.LastLogin = lastLogin(d)
	err = d.Each(func(in *confine.Dir, name string, stat unix.Stat_t) {
		isDirectory := stat.Mode&unix.S_IFMT == unix.S_IFDIR
		switch folder := path.Base(in.Name()); {
		case isDirectory && (name == "cur" || name == "new"):
			if at := time.Unix(stat.Mtim.Unix()).UTC(); at.After(u.LastMail) {
				u.LastMail = at
			}
		case (folder == "cur" || folder == "new") && stat.Mode&unix.S_IFMT == unix.S_IFREG:
			u.Messages++
			u.Bytes += stat.Size
		}
	})
	return u, err
}

// lastLogin reads a file of the mail user's, which may hold anything.
func lastLogin(home *confine.Dir) time.Time {
	data, err := home.Read(lastLoginName, smallFile)
	if err != nil {
		return time.Time{}
	}
	var last int64
	lines := strings.Split(string(data), "\n")
	for i := 1; i < len(lines); i += 2 {
		if seconds, err := strconv.ParseInt(lines[i], 10, 33); err == nil {
			last = max(last, seconds)
		}
	}
	if last == 0 {
		return time.Time{}
	}
	return time.Unix(last, 0).UTC()
}
