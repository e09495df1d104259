package doctor

import (
	"crypto/x509"
	"io/fs"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// Snapshot is what the checks look at. Paths are as the system knows them, unless they come from the registry's status.
type Snapshot struct {
	Root string
	Now  time.Time
	// View is the settings, nil when they cannot be read; Status is the registry's, with the reasons.
	View   *registry.View
	Status registry.Status
	// Own is the user that this runs as.
	Own uint32
	// Files are those that the checks ask for, by path.
	Files map[string]File
	// Pairs are the certificates that settings name.
	Pairs []Pair
	// MainCF is Postfix's main.cf, "" without one.
	MainCF string
	// Spool is where mail homes lie.
	Spool Spool
	// Disks are the file systems that are written to.
	Disks []Disk
	// Running are the servers that run on this machine with whatever config, and how many files they may open.
	Running map[string]uint64
	// Daemon is the daemon of this root.
	Daemon Daemon
}

// File is what stat says of a file.
type File struct {
	// Err is why there is none, nil when there is.
	Err  error
	Mode fs.FileMode
	UID  uint32
	// CAs is the number of certificates in it, where that was asked for.
	CAs int
}

// Pair is a certificate with its key.
type Pair struct {
	// Variable names the certificate, Path and Key are the files.
	Variable, Path, Key string
	// Cert is the server's own; Err is why it cannot be used.
	Cert *x509.Certificate
	Err  error
}

// Spool is the folder of the mail homes, as far as it is looked at.
type Spool struct {
	// Path is the folder; Err is why it cannot be looked at. Exists, Empty and Recorded say that it is there, that nothing is
	// in it, and that it has a layout record.
	Path                    string
	Exists, Empty, Recorded bool
	// Apart are trash and quarantine that lie on another file system.
	Apart []string
	// Err is why the settings do not fit the spool.
	Err error
	// Served is why the chosen backend must not touch the spool.
	Served error
}

// Disk is a file system, by a path that lies on it.
type Disk struct {
	Path string
	// Free and Total are bytes, FreeFiles and Files inodes; no Files means that the file system does not count them.
	Free, Total, FreeFiles, Files uint64
	// Network reports whether it is that of another host (NFS, SMB), where locks and mmap do not hold between hosts.
	Network bool
}

// Daemon is what the daemon says.
type Daemon struct {
	Status control.Status
	// Err is why it says nothing.
	Err error
	// Mailboxes are the mail users of the replica.
	Mailboxes []schema.Mailbox
	// Advice is what it says about the directory server, Unadvised why it says nothing.
	Advice    []control.Advice
	Unadvised error
}

// enabled reports whether the files of a service are generated.
func (s *Snapshot) enabled(service string) bool {
	for _, one := range s.Status.Services {
		if one.Name == service {
			return one.Enabled
		}
	}
	return false
}
