package cyrus

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
)

// Target is the name under which a Cyrus that does not answer is paused.
const Target = "cyrus"

// Config says how stores are kept. It is read anew for each change.
type Config struct {
	// Address is where Cyrus takes its administrator: the path of a unix socket, or HOST:PORT.
	Address string
	// User is the administrator, one of imapd.conf's admins; Secret is the path of a file with the password.
	User, Secret string
	// Proc is the directory in which Cyrus notes its processes (imapd.conf: proc_path); without one no session is ended.
	Proc string
	// Conf is the path of imapd.conf, for Cyrus's own programs.
	Conf string
	// Folders are made in each new store and subscribed to, such as Spam; a slash parts levels.
	Folders []string
	// Script is the Sieve script of a new store, none when it is empty; Sieve is the path of the socket by which Cyrus takes it.
	Script []byte
	Sieve  string
	// Reuse is backend.QuarantineForeign when empty.
	Reuse backend.Reuse
	// Keep is how long the trash keeps a store; 0 removes it at once.
	Keep time.Duration
	// Now is time.Now when nil.
	Now func() time.Time
	// Logger hears of what was quarantined, adopted and brought back; nil discards.
	Logger *slog.Logger
	// Fault, when set, is asked before each change of the server; its error ends the call there. For tests.
	Fault func(op, mailbox string) error
}

func (c Config) filled() Config {
	c.Reuse = cmp.Or(c.Reuse, backend.QuarantineForeign)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Backend keeps stores as one configuration says.
type Backend struct {
	cfg  Config
	host *Host
}

// Layout returns backend.ByAddress.
func (b *Backend) Layout() backend.Layout { return backend.ByAddress }
