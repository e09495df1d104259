package doctor

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mailreg/mailreg/handlers/backend/dovecot"
	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/registry/hook"
	"github.com/mailreg/mailreg/schema"
)

// Host is what Gather looks at.
type Host struct {
	// Root is the directory that everything lies below, an absolute path.
	Root string
	// Registry is that of the root, Daemon its daemon.
	Registry *registry.Registry
	Daemon   control.API
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Gather takes the snapshot. Its calls to the daemon end with ctx; the daemon is the last thing that is asked.
func Gather(ctx context.Context, h Host) *Snapshot {
	s := &Snapshot{Root: h.Root, Now: time.Now(), Own: uint32(os.Geteuid()), Files: map[string]File{}}
	if h.Now != nil {
		s.Now = h.Now()
	}
	s.Status = h.Registry.Status(ctx)
	s.View, _ = h.Registry.View() // why there is none is in the status
	s.gatherFiles()
	if data, err := os.ReadFile(under(s.Root, "/etc/postfix/main.cf")); err == nil {
		s.MainCF = string(data)
	}
	s.gatherSpool()
	for _, path := range []string{"/etc/mailreg", "/var/lib/mailreg", "/var/spool/dovecot", "/var/spool/cyrus", "/var/spool/postfix"} {
		s.gatherDisk(under(s.Root, path))
	}
	s.Running = running("/proc")
	s.gatherDaemon(ctx, h.Daemon)
	return s
}

// gatherFiles looks at the registry's own files and at those that settings name.
func (s *Snapshot) gatherFiles() {
	for _, pattern := range []string{"/etc/mailreg", "/etc/mailreg/*", "/etc/mailreg/*/*", "/var/lib/mailreg", "/var/lib/mailreg/state.json"} {
		paths, _ := filepath.Glob(under(s.Root, pattern)) // a root with a bracket in its name is looked at in part
		for _, path := range paths {
			s.stat(path)
		}
	}
	if s.View == nil {
		return
	}
	if path := s.View.String("ldap/secret"); path != "" {
		s.stat(path)
	}
	for _, ca := range caKeys {
		if path := s.View.String(ca.key); path != "" {
			f := s.stat(path)
			var data []byte
			if f.Err == nil {
				data, f.Err = os.ReadFile(path)
			}
			f.CAs = countCertificates(data)
			s.Files[path] = f
		}
	}
	for _, service := range []string{"postfix", "dovecot"} {
		if s.enabled(service) {
			s.Pairs = append(s.Pairs, s.pair("mail/"+service+"/ssl/certificate", "mail/"+service+"/ssl/key"))
		}
	}
}

// stat notes what a file is.
func (s *Snapshot) stat(path string) File {
	info, err := os.Stat(path)
	f := File{Err: plain(err)}
	if err == nil {
		f.Mode = info.Mode()
		if sys, ok := info.Sys().(*syscall.Stat_t); ok {
			f.UID = sys.Uid
		}
	}
	s.Files[path] = f
	return f
}

// plain takes the path out of an error of the file system: the finding names it.
func plain(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// pair reads a certificate and its key; without a key of its own the certificate's file holds it.
func (s *Snapshot) pair(variable, keyVariable string) Pair {
	p := Pair{Variable: variable, Path: s.View.String(variable), Key: s.View.String(keyVariable)}
	if p.Path == "" {
		return p
	}
	if p.Key == "" {
		p.Key = p.Path
	}
	s.stat(p.Key)
	if p.Cert, p.Err = hook.KeyPair(p.Path, p.Key); p.Cert == nil && p.Err == nil {
		p.Err = errors.New("it is of a kind that cannot be read")
	}
	return p
}

// countCertificates returns how many certificates a PEM file holds.
func countCertificates(data []byte) int {
	n := 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if _, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			n++
		}
	}
	return n
}

// gatherSpool looks at the fixed part of the mail homes; where that is the settings say.
func (s *Snapshot) gatherSpool() {
	s.Spool.Path = under(s.Root, "/var/spool/dovecot/private")
	if s.View != nil {
		s.Spool.Err = mailbox.Check(s.Root, s.View)
		backend := s.View.String("mail/mailbox/backend")
		if backend == "maildir" || backend == "auto" && !(dovecot.Installed() && dovecot.Configured(s.Root)) {
			s.Spool.Served = dovecot.NewClient(s.Root).RefuseServed()
		}
	}
	info, err := os.Stat(s.Spool.Path)
	if err != nil {
		return
	}
	entries, err := os.ReadDir(s.Spool.Path)
	s.Spool.Exists, s.Spool.Empty = true, err == nil && len(entries) == 0
	_, err = os.Stat(filepath.Join(s.Spool.Path, ".mailreg-layout"))
	s.Spool.Recorded = err == nil
	for _, name := range []string{".trash", ".quarantine"} {
		beside := filepath.Join(filepath.Dir(s.Spool.Path), name)
		if other, err := os.Stat(beside); err == nil && device(other) != device(info) {
			s.Spool.Apart = append(s.Spool.Apart, beside)
		}
	}
}

func device(info fs.FileInfo) uint64 {
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		return sys.Dev
	}
	return 0
}

// gatherDisk looks at the file system of a path; that of the folder that exists, when it does not yet.
func (s *Snapshot) gatherDisk(path string) {
	var st unix.Statfs_t
	err := unix.Statfs(path, &st)
	if errors.Is(err, fs.ErrNotExist) && path != "/" {
		s.gatherDisk(filepath.Dir(path))
		return
	}
	for _, known := range s.Disks {
		if known.Path == path {
			return
		}
	}
	if err == nil {
		size := uint64(st.Bsize)
		s.Disks = append(s.Disks, Disk{
			Path: path, Free: st.Bavail * size, Total: st.Blocks * size, FreeFiles: st.Ffree, Files: st.Files,
			Network: slices.Contains([]uint32{unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC}, uint32(st.Type)),
		})
	}
}

// running finds the masters of Dovecot and Postfix on this machine, whatever their config, with the number of files that
// they may open.
func running(proc string) map[string]uint64 {
	found := map[string]uint64{}
	comms, _ := filepath.Glob(filepath.Join(proc, "[0-9]*", "comm")) // the pattern is well formed, the only error there is
	for _, comm := range comms {
		name, err := os.ReadFile(comm)
		if err != nil {
			continue // it has ended
		}
		switch strings.TrimSpace(string(name)) {
		case "dovecot":
			found["dovecot"] = openFiles(filepath.Dir(comm))
		case "master":
			found["postfix"] = openFiles(filepath.Dir(comm))
		}
	}
	return found
}

// openFiles returns the soft limit of open files of a process (proc_pid_limits(5)), the largest number when it is unlimited.
func openFiles(process string) uint64 {
	data, _ := os.ReadFile(filepath.Join(process, "limits")) // one that has ended has no limits
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			if fields := strings.Fields(rest); len(fields) > 0 {
				if n, err := strconv.ParseUint(fields[0], 10, 64); err == nil {
					return n
				}
			}
		}
	}
	return ^uint64(0)
}

// gatherDaemon asks for the state and for all mail users.
func (s *Snapshot) gatherDaemon(ctx context.Context, api control.API) {
	if s.Daemon.Status, s.Daemon.Err = api.Status(ctx); s.Daemon.Err != nil {
		return
	}
	all, err := api.Entries(ctx, control.Selection{})
	if err != nil {
		s.Daemon.Err = fmt.Errorf("asking for all entries: %w", err)
		return
	}
	var entries []*schema.Entry
	for _, e := range all {
		entries = append(entries, e.Schema())
	}
	s.Daemon.Mailboxes = mailboxes(entries)
	s.Daemon.Advice, s.Daemon.Unadvised = api.Advise(ctx)
}
