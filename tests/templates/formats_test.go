package templates_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

func TestCyrus(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"servername: {{get \"k\"}}\n", "servername: @\n"},
		{"servername:   pre {{get \"k\"}} post\n", "servername: pre @ post\n"},
		{"admins: {{list \"k\"}} x\n", "admins: @ x\n"},
		{"partition-{{get \"k\"}}: /end\n", "partition-@: /end\n"},
	} {
		text := "{{header}}\n# {{get \"k\"}}\n" + test.text + "configdirectory: /c\n"
		files, values := rendered(t, newRenderer(t, "cyrus", "", text), ".conf")
		taken := map[string]bool{}
		for i, file := range files {
			taken[values[i]] = true
			got := ask(t, "cyr_info", "-C", file, "conf")
			lines := []string{strings.ReplaceAll(test.want, "@", values[i]), "configdirectory: /c\n"}
			if strings.Contains(test.text, "list") {
				lines[0] = "admins: " + strings.Join(append(strings.Fields(values[i]), "x"), " ") + "\n"
			}
			slices.Sort(lines)
			if want := strings.Join(lines, ""); got != want {
				t.Errorf("cyr_info reads %q, want %q", got, want)
			}
		}
		mustTake(t, taken, "plain")
		if strings.HasPrefix(test.text, "servername: {{") {
			mustTake(t, taken, "a b", "$myhostname", "\"a\"", "# x", "%s", "a;b")
		}
	}
}

// words splits at the blanks that C programs see.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\t' })
}

// TestCyrusServices has Cyrus's master start one program for each value, which notes its arguments.
func TestCyrusServices(t *testing.T) {
	box := harness.NewSandbox(t)
	notes := filepath.Join(box.Dir, "notes")
	note := filepath.Join(box.Dir, "note")
	write(t, note, "#!/bin/sh\nfor word; do printf '%s|' \"$word\"; done >>"+notes+"\necho >>"+notes+"\n")
	write(t, notes, "")
	// Newer releases start programs as cyrus.
	if err := errors.Join(os.Chmod(note, 0o755), os.Chmod(notes, 0o666)); err != nil {
		t.Fatal(err)
	}
	word := newRenderer(t, "cyrus-services", "", "  x cmd=\""+note+" pre-{{get \"k\"}}\"\n")
	whole := newRenderer(t, "cyrus-services", "", "  x cmd={{get \"k\"}}\n")
	var lines, want strings.Builder
	taken := map[string]bool{}
	for _, value := range hostile {
		if text, ok := word.render(t, value); ok {
			lines.WriteString(text)
			want.WriteString("pre-" + value + "|\n")
		}
		if text, ok := whole.render(t, note+" "+value); ok {
			taken[value] = true
			lines.WriteString(text)
			for _, arg := range words(value) {
				want.WriteString(arg + "|")
			}
			want.WriteString("\n")
		}
	}
	mustTake(t, taken, "plain", "a b", "$myhostname", "`id`", "a=b", "{ a, b }", "a\\")
	write(t, filepath.Join(box.Dir, "cyrus.conf"), "START {\n"+lines.String()+"  end cmd=\""+note+" the last\"\n}\nSERVICES {\n}\n")
	write(t, filepath.Join(box.Dir, "imapd.conf"), "configdirectory: "+box.Dir+"\nmaster_pid_file: "+box.Dir+"/pid\n")
	want.WriteString("the|last|\n")
	got := ""
	box.Start(func() error {
		data, err := os.ReadFile(notes)
		if got = string(data); err == nil && !strings.HasSuffix(got, "\nthe|last|\n") {
			err = errors.New("not all programs have been started")
		}
		return err
	}, "cyrmaster", "-C", filepath.Join(box.Dir, "imapd.conf"), "-M", filepath.Join(box.Dir, "cyrus.conf"), "-p", filepath.Join(box.Dir, "pid"), "-D")
	noted, wanted := strings.Split(got, "\n"), strings.Split(want.String(), "\n")
	for i := range min(len(noted), len(wanted)) {
		if noted[i] != wanted[i] {
			t.Errorf("a program notes %.200q, want %.200q", noted[i], wanted[i])
		}
	}
	if len(noted) != len(wanted) {
		t.Errorf("%d programs were started, want %d", len(noted)-1, len(wanted)-1)
	}
}

func TestSieve(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"reject {{get \"k\"}};", "@"},
		{"reject \"pre {{get \"k\"}} post\";", "pre @ post"},
		{"reject text:\n{{get \"k\"}}\n..pre {{get \"k\"}} post\n.\n;", "@??.pre @ post??"},
		{"reject text: # {{get \"k\"}}\n.{{get \"k\"}}{{get \"k\"}}\n.\n;", ".@@??"},
	} {
		text := "{{header}}\nrequire [\"reject\", \"variables\", \"encoded-character\"];\n/*\n{{header \"\"}}\n*/\n" + test.text + "\nkeep;\n"
		files, values := rendered(t, newRenderer(t, "sieve", "", text), ".sieve")
		taken := map[string]bool{}
		for i, file := range files {
			taken[values[i]] = true
			ask(t, "sievec", file, file+".svbin")
			got := ask(t, "sieve-dump", file+".svbin", "-")
			want := strings.ReplaceAll(test.want, "@", values[i])
			size := len(want)
			want = fmt.Sprintf("reason: STR[%d] \"%s\"\n", size, want)
			if size > 80 { // only the beginning is printed
				want = want[:80]
			}
			if !strings.Contains(got, want) {
				t.Errorf("Dovecot reads %.300q, want %q", got[strings.LastIndex(got, "REJECT"):], want)
			}
		}
		mustTake(t, taken, "plain", "a b", "$myhostname", "\"", "a\\\\b", "%{user}", "{a}")
	}
}

// TestRspamd has one configuration include a file for each value.
func TestRspamd(t *testing.T) {
	for _, test := range []struct{ text, key, want string }{
		{"k = {{get \"k\"}};", "k", "@"},
		{"k = \"pre {{get \"k\"}} post\";", "k", "pre @ post"},
		{"k = \"${DBDIR} {{get \"k\"}}\";", "k", "/var/lib/rspamd @"},
		{"k = 'pre {{get \"k\"}} post';", "k", "pre @ post"},
		{"k {{get \"k\"}} { }", "k", ""},
		{"{{get \"k\"}} = \"v\";", "", ""},
	} {
		files, values := rendered(t, newRenderer(t, "rspamd", "", "{{header}}\n# {{get \"k\"}}\n"+test.text+"\nend = end;\n"), ".inc")
		var main strings.Builder
		taken := map[string]bool{}
		for i, file := range files {
			taken[values[i]] = true
			fmt.Fprintf(&main, "v%d {\n  .include(try=false) \"%s\"\n}\n", i, file)
		}
		mustTake(t, taken, "plain", "a b")
		conf := filepath.Join(t.TempDir(), "main.conf")
		write(t, conf, main.String())
		cmd := exec.CommandContext(t.Context(), harness.Program(t, "rspamadm"), "configdump", "-j", "-c", conf)
		var remarks strings.Builder
		cmd.Stderr = &remarks
		out, _ := cmd.Output()             // it fails for want of actions, too
		var got map[string]json.RawMessage // of any kind: newer releases add sections of their own
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%s: %v: %s%.2000s", test.text, err, remarks.String(), out)
		}
		for i, value := range values {
			var section map[string]any
			if err := json.Unmarshal(got[fmt.Sprintf("v%d", i)], &section); err != nil {
				t.Fatalf("%s: section v%d: %v: %.2000s", test.text, i, err, out)
			}
			ok := section["end"] == "end" && len(section) == 2
			switch {
			case test.want != "":
				ok = ok && section[test.key] == strings.ReplaceAll(test.want, "@", value)
			case test.key != "":
				named, _ := section[test.key].(map[string]any)
				ok = ok && named[value] != nil && len(named) == 1
			default:
				ok = ok && section[value] == "v"
			}
			if !ok {
				t.Errorf("%s: rspamd reads %q for %q", test.text, section, value)
			}
		}
	}
}

// TestNginx has nginx answer with each value.
func TestNginx(t *testing.T) {
	box := harness.NewSandbox(t)
	var places strings.Builder
	n := 0
	answers := map[int]string{}
	for _, test := range []struct{ text, want string }{
		{"return 200 {{get \"k\"}};", "@"},
		{"return 200 \"pre {{get \"k\"}} post\";", "pre @ post"},
		{"return 200 'pre {{get \"k\"}} post'; # {{get \"k\"}}", "pre @ post"},
		{"return 200 pre{{get \"k\"}}post;", "pre@post"},
		{"set $x {{get \"k\"}}; return 200 $x;", "@"},
	} {
		taken := map[string]bool{}
		files, values := rendered(t, newRenderer(t, "nginx", "", "{{header}}\n"+test.text+"\n"), ".inc")
		for i, file := range files {
			n++
			taken[values[i]] = true
			answers[n] = strings.ReplaceAll(test.want, "@", values[i])
			fmt.Fprintf(&places, "location = /%d { include %s; }\n", n, file)
		}
		mustTake(t, taken, "plain")
		if !strings.Contains(test.text, "pre{{") {
			mustTake(t, taken, "a b", "a;b", "\"", "'", "a\\nb", "# x", "}", "{ a, b }", "%s")
		}
	}
	socket := filepath.Join(box.Dir, "s")
	conf := filepath.Join(box.Dir, "nginx.conf")
	write(t, conf, fmt.Sprintf(`daemon off; pid %[1]s/pid; error_log %[1]s/log/nginx.log; events {}
http { access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u;
scgi_temp_path %[1]s/c; server { listen unix:%[2]s; location = /404 { return 404; } %[3]s } }
`, box.Dir, socket, places.String()))
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	ask := func(n int) (string, error) {
		response, err := client.Get(fmt.Sprintf("http://nginx/%d", n))
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		return string(body), err
	}
	box.Start(func() error { _, err := ask(404); return err }, "nginx", "-c", conf, "-p", box.Dir)
	for i := range n {
		if got, err := ask(i + 1); got != answers[i+1] || err != nil {
			t.Errorf("nginx answers %q, %v; want %q", got, err, answers[i+1])
		}
	}
}
