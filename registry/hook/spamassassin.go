package hook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// SpamAssassin is the SpamAssassin of a root: config below ROOT/etc/spamassassin; the options of its daemon stand in
// ROOT/etc/default/spamd.
type SpamAssassin struct{ daemon }

// NewSpamAssassin returns the SpamAssassin below root, an absolute path.
func NewSpamAssassin(root string) *SpamAssassin {
	return &SpamAssassin{daemon{
		root: root, name: "spamassassin", dir: "/etc/spamassassin", program: "spamassassin",
		processes: []string{"spamd", "perl"}, units: []string{"spamd.service", "spamassassin.service"}, pidFile: "/run/spamd.pid",
	}}
}

// spamdOptions is where Debian keeps the daemon's command line; Debian 11 and before knew the other name.
var spamdOptions = []string{"/etc/default/spamd", "/etc/default/spamassassin"}

// Files returns the config files outside of Dir.
func (*SpamAssassin) Files() []string { return spamdOptions }

// Version returns the release, such as "4.0.1".
func (*SpamAssassin) Version() string {
	r, err := run(context.Background(), "spamassassin", "--version")
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(r.Stdout, "\n")
	return strings.TrimPrefix(line, "SpamAssassin version ")
}

// RestartOnly says that a reload does not serve: on SIGHUP spamd starts itself again, from the outside a restart.
func (*SpamAssassin) RestartOnly() bool { return true }

// spamVerdict is how SpamAssassin begins its messages.
var spamVerdict = sync.OnceValue(compile(`^[A-Z][a-z]{2} +[0-9]+ [0-9:.]+ \[[0-9]+\] warn: (config: )?`))

// Check has SpamAssassin read the staged files, with the rules that are installed and no network.
func (s *SpamAssassin) Check(ctx context.Context, stage string) (warnings []string, err error) {
	if entries, err := os.ReadDir(stage); err != nil || len(entries) == 0 {
		return nil, nil // only options of the daemon, or nothing
	}
	if find("spamassassin") == "" {
		return missing("spamassassin", s.name), nil
	}
	// Nobody's preferences: a check must not make files in a home.
	r, err := run(ctx, "spamassassin", "--lint", "--local", "--nocreate-prefs", "--prefspath=/dev/null", "--siteconfigpath="+stage)
	var messages []string
	for line := range strings.Lines(r.Stderr) {
		line = strings.ReplaceAll(spamVerdict().ReplaceAllString(strings.TrimSpace(line), ""), stage, s.dir)
		if line != "" && !strings.HasPrefix(line, "lint: ") {
			messages = append(messages, line)
		}
	}
	if err == nil || len(messages) == 0 {
		return messages, err
	}
	return nil, errors.New(strings.Join(messages, "; "))
}

// Act starts spamd after stopping the one that runs.
func (s *SpamAssassin) Act(ctx context.Context, action string) error {
	s.start = append([]string{"spamd", "--daemonize", "--pidfile=" + s.below(s.pidFile), "--siteconfigpath=" + s.below(s.dir)}, s.options()...)
	return s.act(ctx, action, 0)
}

// options returns the words of OPTIONS="..." in the file that holds spamd's command line.
func (s *SpamAssassin) options() []string {
	for _, file := range spamdOptions {
		data, err := os.ReadFile(s.below(file))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			if value, ok := strings.CutPrefix(strings.TrimSpace(line), "OPTIONS="); ok {
				return strings.Fields(strings.Trim(value, `"'`))
			}
		}
	}
	return nil
}

// Verify asks spamd for a sign of life (the protocol of spamd, PING).
func (s *SpamAssassin) Verify(ctx context.Context) error {
	if err := s.started(ctx); err != nil {
		return err
	}
	address := spamdAddress(s.options())
	if err := probe(ctx, address, questionDialogue("PING SPAMC/1.2\r\n", "SPAMD/")); err != nil {
		return fmt.Errorf("spamd at %s: %w", address, err)
	}
	return nil
}

// spamdAddress returns where a spamd with these options can be reached (spamd(8)).
func spamdAddress(options []string) string {
	host, port := "127.0.0.1", "783"
	for i, option := range options {
		name, value, joined := strings.Cut(option, "=")
		next := value
		if !joined && i+1 < len(options) && !strings.HasPrefix(options[i+1], "-") {
			next = options[i+1]
		}
		switch {
		case name == "--socketpath":
			return filepath.Clean(next)
		case name == "-p" || name == "--port":
			port = next
		case name == "-i" || name == "--listen" || name == "--listen-ip" || name == "--ip-address":
			host = cmp.Or(next, host)
		}
	}
	if strings.HasPrefix(host, "/") {
		return host
	}
	return reachable(host, port)
}
