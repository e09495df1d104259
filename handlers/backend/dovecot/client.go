package dovecot

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// Target is the name under which a Dovecot that does not answer is paused.
const Target = "dovecot"

// callLimit bounds one command: 0.2 ms is usual.
const callLimit = 10 * time.Second

// Installed reports whether this host has Dovecot's administration tool.
func Installed() bool {
	_, err := exec.LookPath("doveadm")
	return err == nil
}

// Configured reports whether a root has a configuration of Dovecot.
func Configured(root string) bool {
	_, err := os.Stat(filepath.Join(root, "/etc/dovecot/dovecot.conf"))
	return err == nil
}

// Client talks to the Dovecot of one root.
type Client struct{ base string }

// NewClient returns a client of the Dovecot whose base_dir is run/dovecot below the root.
func NewClient(root string) *Client { return &Client{base: filepath.Join("/", root, "run/dovecot")} }

// Running reports whether a Dovecot master lives for this root. A pid that another program has by now does not count.
func (c *Client) Running() (bool, error) {
	data, err := os.ReadFile(filepath.Join(c.base, "master.pid"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for Dovecot: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid <= 0 {
		return false, nil // being written
	}
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return false, nil
	}
	words, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err != nil || strings.Contains(string(words), "dovecot"), nil
}

// Flush makes Dovecot forget what it has cached about these user names, existing or not; about all when there are none.
func (c *Client) Flush(ctx context.Context, users ...string) error {
	if len(users) > 0 {
		if users = sendable(users); len(users) == 0 {
			return nil
		}
	}
	return c.tell(ctx, "auth cache flush", users...)
}

// Kick ends the sessions of these users.
func (c *Client) Kick(ctx context.Context, users ...string) error {
	for _, user := range sendable(users) {
		if err := c.tell(ctx, "kick", user); err != nil {
			return err
		}
	}
	return nil
}

// sendable leaves out what cannot be a login name: the protocol separates by control characters.
func sendable(users []string) []string {
	return slices.DeleteFunc(slices.Clone(users), func(user string) bool {
		return user == "" || strings.ContainsFunc(user, func(r rune) bool { return r < ' ' || r == 0x7f })
	})
}

// tell runs one command when a Dovecot runs. One that runs and does not answer is down.
func (c *Client) tell(ctx context.Context, command string, args ...string) error {
	running, err := c.Running()
	if err != nil || !running {
		return err
	}
	status, err := c.call(ctx, append([]string{"", "", command, "--"}, args...))
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return &schema.TargetDown{Target: Target, Err: err}
	case status == "+" || status == "-NOTFOUND": // 2.3 says so when it kicked nobody
		return nil
	default:
		return fmt.Errorf("doveadm %s: Dovecot answers %q, see its log", command, status)
	}
}

// call sends one command on a connection of its own and returns the status line.
func (c *Client) call(ctx context.Context, fields []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", filepath.Join(c.base, "doveadm-server"))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer stop()
	lines := bufio.NewReader(conn)
	greeting, err := exchange(conn, lines, "VERSION\tdoveadm-server\t1\t0")
	if err != nil {
		return "", err
	}
	if greeting != "+" {
		return "", fmt.Errorf("doveadm socket asks for a password (%q)", greeting)
	}
	return exchange(conn, lines, strings.Join(fields, "\t"))
}

// exchange sends a line and returns the status line of the answer; data lines before it are passed over.
func exchange(conn net.Conn, lines *bufio.Reader, line string) (string, error) {
	if _, err := conn.Write([]byte(line + "\n")); err != nil {
		return "", err
	}
	for {
		answer, err := lines.ReadString('\n')
		if err != nil {
			return "", fmt.Errorf("reading the answer to %q: %w", strings.SplitN(line, "\t", 4), err)
		}
		answer = strings.TrimSuffix(answer, "\n")
		if answer == "+" || strings.HasPrefix(answer, "-") {
			return answer, nil
		}
	}
}
