package dovecot

import (
	"bufio"
	"cmp"
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
	names := sendable(users)
	if len(names) == 0 && len(users) > 0 {
		return nil
	}
	return c.whenRunning(ctx, func(ctx context.Context) error { return c.flush(ctx, names) })
}

// Kick ends the sessions of these users.
func (c *Client) Kick(ctx context.Context, users ...string) error {
	for _, user := range sendable(users) {
		if err := c.whenRunning(ctx, func(ctx context.Context) error { return c.kick(ctx, user) }); err != nil {
			return err
		}
	}
	return nil
}

// mostNames is how many bytes of names a request to the authentication service holds: it gives up whoever sends a line of more
// than 1024.
const mostNames = 960

// sendable leaves out what cannot be a login name: the protocol separates by control characters, and lines have an end.
func sendable(users []string) []string {
	return slices.DeleteFunc(slices.Clone(users), func(user string) bool {
		return user == "" || len(user) > mostNames || strings.ContainsFunc(user, func(r rune) bool { return r < ' ' || r == 0x7f })
	})
}

// errRefused says that Dovecot answered, and did not do it.
var errRefused = errors.New("refused by Dovecot")

// whenRunning makes a call when a Dovecot runs. One that runs and does not answer is down.
func (c *Client) whenRunning(ctx context.Context, call func(context.Context) error) error {
	running, err := c.Running()
	if err != nil || !running {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	err = call(limited)
	switch {
	case err == nil || errors.Is(err, errRefused):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	default:
		return &schema.TargetDown{Target: Target, Err: err}
	}
}

// doveadm runs one command for all users. After "--" a name that begins with a hyphen is no option.
func (c *Client) doveadm(ctx context.Context, command string, args ...string) error {
	return c.command(ctx, append([]string{"", "", command, "--"}, args...))
}

// command runs one command by the doveadm protocol: FLAGS, USER, COMMAND and its arguments.
func (c *Client) command(ctx context.Context, fields []string) error {
	_, err := c.question(ctx, fields)
	return err
}

// question runs a command and returns its data: fields, each followed by a tab.
func (c *Client) question(ctx context.Context, fields []string) (data string, err error) {
	d, err := c.dial(ctx, "doveadm-server")
	if err != nil {
		return "", err
	}
	defer d.close()
	status := func(line string) bool {
		if strings.Contains(line, "\t") || line != "+" && !strings.HasPrefix(line, "-") {
			data += line
			return false
		}
		return true
	}
	framed := false
	greeting, err := d.exchange("VERSION\tdoveadm-server\t1\t2", func(line string) bool {
		framed = framed || strings.HasPrefix(line, "VERSION\tdoveadm-client\t")
		return status(line)
	})
	if err != nil {
		return "", err
	}
	if greeting != "+" {
		return "", fmt.Errorf("doveadm socket asks for a password (%q)", greeting)
	}
	said := ""
	if framed {
		d.lines = bufio.NewReader(&frames{from: d.lines, said: func(text string) { said = text }})
	}
	data = ""
	answer, err := d.exchange(strings.Join(fields, "\t"), status)
	if err != nil {
		return "", err
	}
	if answer != "+" && answer != "-NOTFOUND" { // 2.3 says so when it kicked nobody
		return "", fmt.Errorf("doveadm %s: %w: %s", fields[2], errRefused, cmp.Or(said, "see its log ("+answer+")"))
	}
	return data, nil
}

// flush asks the authentication service itself. The doveadm service of Dovecot 2.3 starts a process for each connection, which
// takes as long as to fork doveadm, and dies when no user is named.
func (c *Client) flush(ctx context.Context, names []string) error {
	d, err := c.dial(ctx, "auth-master")
	if err != nil {
		return err
	}
	defer d.close()
	request := "VERSION\t1\t0\nCACHE-FLUSH\t1"
	for {
		var now string
		if now, names = line(names); now != "" {
			request += "\t" + now
		}
		answer, err := d.exchange(request, func(line string) bool {
			return strings.HasPrefix(line, "OK\t") || strings.HasPrefix(line, "FAIL\t")
		})
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(answer, "FAIL"):
			return fmt.Errorf("auth cache flush: %w (%q)", errRefused, answer)
		case len(names) == 0:
			return nil
		}
		request = "CACHE-FLUSH\t1"
	}
}

// line joins as many names as a request holds, and returns the others.
func line(names []string) (joined string, rest []string) {
	for i, name := range names {
		if i > 0 && len(joined)+1+len(name) > mostNames {
			return joined, names[i:]
		}
		joined = strings.TrimPrefix(joined+"\t"+name, "\t")
	}
	return joined, nil
}

// Held reports whether Dovecot delivers mail to a mailbox of this very name; an alternative address is none. While no Dovecot
// runs nobody knows, and it may.
func (c *Client) Held(ctx context.Context, name schema.Address) (held bool, err error) {
	held = true
	err = c.whenRunning(ctx, func(ctx context.Context) error {
		var err error
		held, err = c.lookUp(ctx, name.String())
		return err
	})
	return held, err
}

// Fields returns what Dovecot's user databases say of a name, through the cache as at a login: by the name of each field its
// value. There are none of a name that it does not know, nor while no Dovecot runs.
func (c *Client) Fields(ctx context.Context, name string) (fields map[string]string, err error) {
	if len(sendable([]string{name})) == 0 {
		return nil, nil
	}
	err = c.whenRunning(ctx, func(ctx context.Context) error {
		answer, err := c.find(ctx, name, "doveadm")
		if err != nil || len(answer) == 0 {
			return err
		}
		fields = map[string]string{}
		for _, field := range answer[1:] {
			key, value, _ := strings.Cut(field, "=")
			fields[key] = unescape(value)
		}
		return nil
	})
	return fields, err
}

// lookUp asks for a user as a delivery does.
func (c *Client) lookUp(ctx context.Context, name string) (bool, error) {
	answer, err := c.find(ctx, name, "lmtp")
	return len(answer) > 0 && answer[0] == name, err
}

// find asks the authentication service for a user as a service of Dovecot does: "USER ID NAME FIELD ..." is one, NAME being
// the mailbox's. It returns that and the fields, nothing when there is none.
func (c *Client) find(ctx context.Context, name, service string) ([]string, error) {
	d, err := c.dial(ctx, "auth-master")
	if err != nil {
		return nil, err
	}
	defer d.close()
	answer, err := d.exchange("VERSION\t1\t0\nUSER\t1\t"+name+"\tservice="+service, func(line string) bool {
		verb, _, _ := strings.Cut(line, "\t")
		return verb == "USER" || verb == "NOTFOUND" || verb == "FAIL"
	})
	if err != nil {
		return nil, err
	}
	fields := strings.Split(answer, "\t")
	switch {
	case fields[0] == "FAIL":
		return nil, fmt.Errorf("looking up %s: %w (%q)", name, errRefused, answer)
	case fields[0] == "NOTFOUND" || len(fields) < 3:
		return nil, nil
	default:
		return fields[2:], nil
	}
}

// dialogue is a connection to a socket of Dovecot.
type dialogue struct {
	conn  net.Conn
	lines *bufio.Reader
	stop  func() bool
}

func (c *Client) dial(ctx context.Context, socket string) (*dialogue, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", filepath.Join(c.base, socket))
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	return &dialogue{conn: conn, lines: bufio.NewReader(conn), stop: stop}, nil
}

func (d *dialogue) close() {
	d.stop()
	_ = d.conn.Close()
}

// exchange sends a line and returns the line of the answer that ends it.
func (d *dialogue) exchange(line string, last func(string) bool) (string, error) {
	if _, err := d.conn.Write([]byte(line + "\n")); err != nil {
		return "", err
	}
	for {
		answer, err := d.lines.ReadString('\n')
		if err != nil {
			return "", fmt.Errorf("reading the answer: %w", err)
		}
		if answer = strings.TrimSuffix(answer, "\n"); last(answer) {
			return answer, nil
		}
	}
}
