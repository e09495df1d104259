package hook

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// semantics checks what doveconf does not look at: variables that this release does not know, and keys that are not those
// of their certificates.
func (d *Dovecot) semantics(ctx context.Context, stage string) error {
	r, err := run(ctx, "doveconf", "-c", filepath.Join(stage, "dovecot.conf"), "-n", "-P")
	if err != nil {
		return err
	}
	refused := append(checkPairs(r.Stdout), d.checkSockets(ctx, stage)...)
	texts := map[string]string{"dovecot.conf": r.Stdout}
	// The files of the directory drivers are not read by doveconf 2.3.
	err = filepath.WalkDir(stage, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || !strings.HasSuffix(path, ".conf.ext") {
			return err
		}
		data, err := os.ReadFile(path)
		texts[strings.TrimPrefix(path, stage+"/")] = string(data)
		return err
	})
	if err != nil {
		return err
	}
	version, _, _ := strings.Cut(strings.TrimPrefix(r.Stdout, "# "), " ") // its first line begins so
	for name, text := range texts {
		if problem := leftover(text, version); problem != "" {
			refused = append(refused, fmt.Errorf("%s: %s", filepath.Join(d.Dir(), name), problem))
		}
	}
	return errors.Join(refused...)
}

var (
	// certOrKey finds the certificates and keys in what "doveconf -n -P" prints: "ssl_cert = <FILE" in 2.3, "cert_file = FILE"
	// inside of ssl_server in 2.4.
	certOrKey = sync.OnceValue(compile(`^\s*(?:ssl_)?(?:server_|client_|alt_)?(cert|key)(?:_file)? = <?(/.+)$`))
	// expanding finds the settings in which variables are usual; elsewhere "%d" may be meant as it stands.
	expanding = sync.OnceValue(compile(`(?m)^\s*(\w*(?:home|path|location|dir|base|prefix|filter|attrs|args|format|dn|user)) = (.*)$`))
	// oldVariable finds the variables of Dovecot 2.3 that 2.4 takes for text, newVariable those of 2.4 that 2.3 does not know.
	oldVariable = sync.OnceValue(compile(`(^|[^%])(%[LU]?[undhr])\b`))
	newVariable = sync.OnceValue(compile(`(^|[^%])(%\{[^}]*\|[^}]*\})`))
)

// checkPairs looks at each key and the certificate before it.
func checkPairs(config string) (refused []error) {
	cert := ""
	for line := range strings.Lines(config) {
		found := certOrKey().FindStringSubmatch(strings.TrimRight(line, "\n"))
		switch {
		case found == nil:
		case found[1] == "cert":
			cert = found[2]
		case cert != "":
			if _, err := KeyPair(cert, found[2]); err != nil {
				refused = append(refused, err)
			}
			cert = ""
		}
	}
	return refused
}

// leftover returns what is wrong with a config of the given release, "" when nothing is: a variable of the other one.
func leftover(config, version string) string {
	variable, other := newVariable(), "2.4"
	if !strings.HasPrefix(version, "2.3") {
		variable, other = oldVariable(), "2.3"
	}
	for _, found := range expanding().FindAllStringSubmatch(config, -1) {
		if word := variable.FindStringSubmatch(found[2]); word != nil {
			return fmt.Sprintf("%s: %s is a variable of Dovecot %s, but this is %s", found[1], word[2], other, version)
		}
	}
	return ""
}

// lmtpSockets returns the sockets with absolute paths that "doveconf service/lmtp/unix_listener" prints; 2.3 shows the first
// listener's name as that of the service. Mode 0 switches a listener off.
func lmtpSockets(config string) (sockets []string) {
	name, open := "", ""
	for line := range strings.Lines(config) {
		f := strings.SplitN(strings.TrimSpace(line), " ", 2)
		value := ""
		if len(f) > 1 {
			value = strings.Trim(strings.TrimSuffix(f[1], "{"), ` "`)
		}
		switch {
		case f[0] == "service":
			name = value
		case f[0] == "unix_listener" && value == "":
			open = name
		case f[0] == "unix_listener":
			open = value
		case f[0] == "mode" && strings.Trim(value, "= 0") == "":
			open = ""
		case f[0] == "}" && strings.HasPrefix(open, "/"):
			sockets, open = append(sockets, open), ""
		}
	}
	return sockets
}

// checkSockets looks for the folders of the LMTP sockets when Dovecot runs: the master of 2.4 dies of one that is missing.
// Before its first start they may come with Postfix.
func (d *Dovecot) checkSockets(ctx context.Context, stage string) (refused []error) {
	if !d.Running() {
		return nil
	}
	all, err := sockets(ctx, filepath.Join(stage, "dovecot.conf"))
	if err != nil {
		return []error{err}
	}
	for _, socket := range all {
		if _, err := os.Stat(filepath.Dir(socket)); err != nil {
			refused = append(refused, fmt.Errorf("the LMTP socket %s: %w", socket, err))
		}
	}
	return refused
}

// sockets asks doveconf for the paths of the LMTP sockets, of which there are none when LMTP is switched off.
func sockets(ctx context.Context, config string) ([]string, error) {
	protocols, err := run(ctx, "doveconf", "-c", config, "protocols")
	if err != nil || !strings.Contains(protocols.Stdout, "lmtp") {
		return nil, err
	}
	r, err := run(ctx, "doveconf", "-c", config, "service/lmtp/unix_listener")
	if err != nil {
		return nil, err
	}
	return lmtpSockets(r.Stdout), nil
}

// verifyLMTP asks at each LMTP socket: one that could not be made is only told to the log, and no mail arrives any more.
func (d *Dovecot) verifyLMTP(ctx context.Context) error {
	all, err := sockets(ctx, d.config())
	if err != nil {
		return err
	}
	for _, socket := range all {
		if err := probe(ctx, socket, greetingDialogue("220 ")); err != nil {
			return fmt.Errorf("LMTP at %s: %w", socket, err)
		}
	}
	return nil
}
