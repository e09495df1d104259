package cyrus

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
)

// scriptName is what the script that a new store begins with is called.
const scriptName = "default"

// errRefused is what Cyrus says NO to.
var errRefused = errors.New("refused")

// filter gives a new store its Sieve script, unless its user has one. Cyrus compiles it, and keeps it where each release wants
// it. A Cyrus that does not take it keeps nobody from having a mailbox; one that does not answer is asked again.
func (w *work) filter(inbox string) error {
	if len(w.cfg.Script) == 0 || w.cfg.Sieve == "" {
		return nil
	}
	err := w.install(inbox)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errRefused) {
		w.cfg.Logger.Warn("a new mailbox gets no Sieve script", "path", inbox, "err", err)
		return nil
	}
	if err != nil {
		return down(w.ctx, fmt.Errorf("giving %s its Sieve script: %w", inbox, err))
	}
	return nil
}

// install does so by ManageSieve (RFC 5804), as the user.
func (w *work) install(inbox string) error {
	if w.cfg.Fault != nil {
		if err := w.cfg.Fault("filtering", inbox); err != nil {
			return err
		}
	}
	secret, err := os.ReadFile(w.cfg.Secret)
	if err != nil {
		return fmt.Errorf("reading the administrator's password: %w", err)
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(w.ctx, "unix", w.cfg.Sieve)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(w.ctx, func() { _ = conn.Close() })()
	m := &manager{Conn: conn, from: bufio.NewReader(conn)}
	if _, err := m.answer(); err != nil { // the greeting
		return err
	}
	login := user(inbox) + "\x00" + w.cfg.User + "\x00" + string(bytes.TrimRight(secret, "\r\n"))
	if _, err := m.do(`AUTHENTICATE "PLAIN" "` + base64.StdEncoding.EncodeToString([]byte(login)) + `"`); err != nil {
		return fmt.Errorf("logging in as %s for %s: %w", w.cfg.User, user(inbox), err)
	}
	scripts, err := m.do("LISTSCRIPTS")
	if err != nil {
		return err
	}
	for _, line := range scripts {
		if !strings.EqualFold(line, `"`+scriptName+`"`) { // which an earlier call has put there, and not made the active one
			return nil
		}
	}
	if _, err := m.do(fmt.Sprintf("PUTSCRIPT \"%s\" {%d+}\r\n%s", scriptName, len(w.cfg.Script), w.cfg.Script)); err != nil {
		return err
	}
	if _, err := m.do(`SETACTIVE "` + scriptName + `"`); err != nil {
		return err
	}
	_, err = m.do("LOGOUT")
	return err
}

// manager is a session of ManageSieve.
type manager struct {
	net.Conn

	from *bufio.Reader
}

// do sends a command and returns the lines before its answer.
func (m *manager) do(command string) ([]string, error) {
	if _, err := io.WriteString(m, command+"\r\n"); err != nil {
		return nil, err
	}
	return m.answer()
}

func (m *manager) answer() (lines []string, err error) {
	for {
		line, err := m.from.ReadString('\n')
		if err != nil {
			return nil, err
		}
		line = strings.TrimRight(line, "\r\n")
		switch word, rest, _ := strings.Cut(line, " "); strings.ToUpper(word) {
		case "OK":
			return lines, nil
		case "NO":
			return nil, fmt.Errorf("%w: %s", errRefused, rest)
		case "BYE":
			return nil, errors.New(line)
		}
		lines = append(lines, line)
	}
}
