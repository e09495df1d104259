package daemon

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestOutlook asks a real daemon for all that it shows, while the directory holds names full of markup and an address that
// is none. What it shows and logs holds no password, and each record of the log is one line.
func TestOutlook(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "status.sock")
	host := newHost(t, "mail/mailbox/backend=maildir", "mailreg/metrics/listen=unix:"+socket)
	const password = "Zwiebelfisch-4711"
	host.Slapd.Set(harness.ListenerDN, "userPassword", password)
	if err := os.WriteFile(filepath.Join(host.Dir, "ldap.secret"), []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	daemon := harness.NewListener(t, host.Sandbox)
	const name = "<script>alert(1)</script>"
	host.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	host.Slapd.Add(`uid=\3Cscript\3Ealert(1)\3C/script\3E,`+harness.PeopleDN, map[string][]string{
		"objectClass": {"inetOrgPerson", "univentionMail"}, "uid": {name}, "cn": {name}, "sn": {name}, "mailPrimaryAddress": {"a b@example.test"},
	})
	host.Wait()

	ask := func(path, accept string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://localhost"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", accept)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}}}
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body)
	}

	_, metrics := ask("/metrics", "")
	for _, line := range []string{
		`mailreg_ready 1`, `mailreg_source_connected 1`, `mailreg_handler_parked{handler="mailbox"} 1`,
		`mailreg_handler_outcomes_total{handler="mailbox",outcome="done"} 1`, `mailreg_handler_outcomes_total{handler="mailbox",outcome="parked"} 1`,
	} {
		if !strings.Contains(metrics, "\n"+line+"\n") {
			t.Errorf("the metrics do not say %s:\n%s", line, metrics)
		}
	}
	if code, body := ask("/healthz", ""); code != 200 || body != "ok\n" {
		t.Errorf("health: %d %s", code, body)
	}
	var ready struct{ Ready bool }
	code, body := ask("/readyz", "application/json")
	if err := json.Unmarshal([]byte(body), &ready); err != nil || code != 200 || !ready.Ready {
		t.Errorf("readiness: %d %s", code, body)
	}
	_, page := ask("/", "")
	if strings.Contains(page, "<script") || !strings.Contains(page, "&lt;script&gt;") && !strings.Contains(page, `\3Cscript`) || !strings.Contains(page, "uid=anna,") {
		t.Errorf("the page:\n%s", page)
	}

	host.Slapd.Stop()
	awaitUnready(t, ask)
	if code, _ := ask("/healthz", ""); code != 200 {
		t.Errorf("without its directory the daemon counts as dead: %d", code)
	}
	daemon.Stop()
	log, err := os.ReadFile(daemon.Log())
	if err != nil {
		t.Fatal(err)
	}
	for _, where := range []string{metrics, page, body, string(log)} {
		if strings.Contains(where, password) {
			t.Errorf("the password is shown: %s", where)
		}
	}
	for line := range strings.Lines(string(log)) {
		if !strings.HasPrefix(line, "time=") && !strings.HasPrefix(line, "level=") {
			t.Errorf("a record goes on for lines: %s", line)
		}
	}
}

// awaitUnready asks until the daemon knows that its directory has gone, for as long as the test may run.
func awaitUnready(t *testing.T, ask func(path, accept string) (int, string)) {
	t.Helper()
	for t.Context().Err() == nil {
		if code, body := ask("/readyz", ""); code == http.StatusServiceUnavailable {
			if !strings.HasPrefix(body, "not ready\nsource: ") {
				t.Errorf("the reasons: %s", body)
			}
			return
		}
	}
}
