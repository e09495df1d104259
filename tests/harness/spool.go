package harness

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Spool is the mail spool below a root, looked at as files.
type Spool struct {
	t T
	// Dir is ROOT/var/spool/dovecot.
	Dir string
}

// NewSpool returns the spool of a root.
func NewSpool(t T, root string) Spool {
	return Spool{t: t, Dir: filepath.Join(root, "var/spool/dovecot")}
}

// HomeByID returns the mail home of an entry in layout uuid, as a path below the spool.
func HomeByID(uuid string) string { return "private/by-id/" + uuid }

// HomeByAddress returns the mail home of an address in layout address, as a path below the spool.
func HomeByAddress(address string) string {
	local, domain, _ := strings.Cut(strings.ToLower(address), "@")
	return "private/" + domain + "/" + local
}

// Deliver writes a message into the inbox of a home that exists.
func (s Spool) Deliver(home, subject string) {
	s.t.Helper()
	name := strings.ReplaceAll(subject, "/", "_") + ".1.test"
	inbox := filepath.Join(s.Dir, home, "Maildir")
	unread := filepath.Join(inbox, "tmp", name)
	var owner syscall.Stat_t
	err := errors.Join(
		os.WriteFile(unread, letter("sender@client.test", "you@example.test", subject), 0o600),
		syscall.Stat(inbox, &owner),
		os.Chown(unread, int(owner.Uid), int(owner.Gid)),
		os.Rename(unread, filepath.Join(inbox, "new", name)),
	)
	if err != nil {
		s.t.Fatalf("delivering %q: %v", subject, err)
	}
}

// Messages returns where each message of the spool is: paths below the spool by subject. Set-aside stores count.
func (s Spool) Messages() map[string][]string {
	s.t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(s.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		folder := filepath.Base(filepath.Dir(path))
		if d.IsDir() || folder != "new" && folder != "cur" || !strings.Contains(path, "/Maildir/") {
			return nil
		}
		subject, err := readSubject(path)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(s.Dir, path)
		found[subject] = append(found[subject], below)
		return err
	})
	if err != nil {
		s.t.Fatalf("reading the spool: %v", err)
	}
	return found
}

// Homes returns the mail homes that are in place, as paths below the spool.
func (s Spool) Homes() []string {
	s.t.Helper()
	homes, err := filepath.Glob(filepath.Join(s.Dir, "private/*/*/Maildir"))
	if err != nil {
		s.t.Fatalf("reading the spool: %v", err)
	}
	var below []string
	for _, maildir := range homes {
		home, err := filepath.Rel(s.Dir, filepath.Dir(maildir))
		if err != nil {
			s.t.Fatalf("reading the spool: %v", err)
		}
		// Links to homes are not homes.
		if !strings.HasPrefix(home, "private/by-address/") && !strings.HasPrefix(home, "private/.") {
			below = append(below, home)
		}
	}
	return below
}

func readSubject(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if subject, ok := strings.CutPrefix(lines.Text(), "Subject: "); ok {
			return subject, nil
		}
	}
	return "", lines.Err()
}

// Subjects returns the subjects of the messages in the inbox of a home. A home without inbox is an error.
func (s Spool) Subjects(home string) ([]string, error) {
	var subjects []string
	for _, folder := range []string{"new", "cur"} {
		dir := filepath.Join(s.Dir, home, "Maildir", folder)
		files, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			subject, err := readSubject(filepath.Join(dir, file.Name()))
			if err != nil {
				return nil, err
			}
			subjects = append(subjects, subject)
		}
	}
	return subjects, nil
}
