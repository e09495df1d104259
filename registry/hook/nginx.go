package hook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// Nginx is the nginx of a root: config ROOT/etc/nginx/nginx.conf.
type Nginx struct{ daemon }

// NewNginx returns the nginx below root, an absolute path.
func NewNginx(root string) *Nginx {
	n := &Nginx{daemon{
		root: root, name: "nginx", dir: "/etc/nginx", program: "nginx", processes: []string{"nginx"},
		units: []string{"nginx.service"}, pidFile: "/run/nginx.pid",
	}}
	n.start = []string{"nginx", "-c", n.config(), "-e", n.below("/var/log/nginx/error.log")}
	return n
}

func (n *Nginx) config() string { return n.below("/etc/nginx/nginx.conf") }

// Version returns the release, such as "1.22.1".
func (*Nginx) Version() string {
	r, err := run(context.Background(), "nginx", "-v")
	if err != nil {
		return ""
	}
	_, version, _ := strings.Cut(strings.TrimSpace(r.Stderr), "nginx/")
	version, _, _ = strings.Cut(version, " ")
	return version
}

// nginxVerdict is how nginx begins its messages.
var nginxVerdict = sync.OnceValue(compile(`^nginx: \[[a-z]+\] |^[0-9/]+ [0-9:]+ \[[a-z]+\] [0-9#]+: `))

// Check has nginx read the staged files, with the certificates that they name.
func (n *Nginx) Check(ctx context.Context, stage string) (warnings []string, err error) {
	if !has(stage, "nginx.conf") {
		return nil, nil // nothing there that nginx could run with
	}
	if find("nginx") == "" {
		return missing("nginx", n.name), nil
	}
	if err := lookInsideAll(stage, n.below(n.dir)); err != nil {
		return nil, err
	}
	// Not -p: modules are named as seen from the prefix that nginx was built with.
	r, err := run(ctx, "nginx", "-t", "-q", "-e", "stderr", "-c", filepath.Join(stage, "nginx.conf"))
	for line := range strings.Lines(r.Stderr) {
		line = strings.TrimSpace(line)
		if strings.HasSuffix(line, "test failed") {
			continue
		}
		line = strings.ReplaceAll(nginxVerdict().ReplaceAllString(line, ""), stage, n.dir)
		if err != nil && line != "" {
			return warnings, errors.New(line)
		}
		warnings = append(warnings, line)
	}
	return warnings, err
}

// Act reloads nginx, or starts it after stopping the one that runs.
func (n *Nginx) Act(ctx context.Context, action string) error {
	return n.act(ctx, action, syscall.SIGHUP)
}

// Verify waits for a worker with the new settings, which also shows that every port could be had, and asks at the first
// plain one.
func (n *Nginx) Verify(ctx context.Context) error {
	if err := n.renewed(ctx); err != nil {
		return err
	}
	r, err := run(ctx, "nginx", "-T", "-q", "-e", "stderr", "-c", n.config())
	if err != nil {
		return err
	}
	address := nginxAddress(r.Stdout)
	if address == "" {
		return nil
	}
	if err := probe(ctx, address, questionDialogue("HEAD / HTTP/1.0\r\n", "HTTP/1.")); err != nil {
		return fmt.Errorf("HTTP at %s: %w", address, err)
	}
	return nil
}

var (
	listen  = sync.OnceValue(compile(`(?m)^\s*listen\s+([^;\s]+)([^;]*);`))
	special = sync.OnceValue(compile(`\b(ssl|proxy_protocol|quic|udp)\b`))
)

// nginxAddress returns where the first listener that speaks plain HTTP can be reached from here, "" when there is none.
func nginxAddress(config string) string {
	if strings.Contains(config, "stream {") || strings.Contains(config, "mail {") {
		return "" // listeners of other protocols look the same
	}
	for _, found := range listen().FindAllStringSubmatch(config, -1) {
		if special().MatchString(found[2]) {
			continue
		}
		if socket, ok := strings.CutPrefix(found[1], "unix:"); ok {
			return socket
		}
		return reachable(found[1], "80")
	}
	return ""
}

// reachable turns what a server listens at (HOST, PORT, HOST:PORT, any of them "*") into an address to connect to.
func reachable(at, port string) string {
	host := at
	if h, p, err := net.SplitHostPort(at); err == nil {
		host, port = h, p
	} else if strings.Trim(at, "0123456789") == "" && at != "" {
		host, port = "", at
	}
	switch host = strings.Trim(host, "[]"); host {
	case "", "*", "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}
