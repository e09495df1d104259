package hooks_test

import (
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
)

const get = "GET / HTTP/1.0\r\n\r\n"

func TestNginx(t *testing.T) {
	t.Parallel()
	s := newScene(t, "nginx", []template{
		{path: "/etc/nginx/nginx.conf", text: `pid {{path "/run/nginx.pid"}};
error_log {{path "/var/log/nginx/error.log"}};
events {}
http {
  access_log off;
  include {{path "/etc/nginx/sites"}}/*;
}
`},
		{path: "/etc/nginx/sites/answer", text: `server {
  listen 127.0.0.1:{{get "my/port"}};
  client_max_body_size {{get "my/size"}};
  location / { return 200 "{{get "my/answer"}}\n"; }
}
`},
	})
	s.folders("root", "/run", "/var/log/nginx")
	port := s.Port()
	address := fmt.Sprintf("127.0.0.1:%d", port)
	s.Must("set", "my/answer=one", "my/size=1m", fmt.Sprintf("my/port=%d", port))
	s.Must("commit")
	s.daemon("/run/nginx.pid", address, get, "one", "nginx", "-c", s.path("/etc/nginx/nginx.conf"), "-e", "stderr")
	s.Expect(0, "Setting my/answer\nFile: /etc/nginx/sites/answer\nReload: nginx.service\n", "", "set", "my/answer=two")
	s.answers(address, get, "two")
	s.Refused(`"client_max_body_size" directive invalid value in /etc/nginx/sites/answer:3`, "set", "my/size=many")
	// The port of another is found only when the workers are to be replaced; nginx goes on as before then.
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_, taken, _ := net.SplitHostPort(other.Addr().String())
	s.Expect(1, "", "nginx.service does not work with the new settings: it goes on with its former settings; the former settings and files are back",
		"set", "my/port="+taken)
	s.answers(address, get, "two")
	s.end("/run/nginx.pid")
	s.Expect(0, "Setting my/answer\nFile: /etc/nginx/sites/answer\nSkipped: nginx.service (not running)\n", "", "set", "my/answer=three")
}

func TestRspamd(t *testing.T) {
	t.Parallel()
	s := newScene(t, "rspamd", []template{
		{path: "/etc/rspamd/local.d/worker-normal.inc", text: "bind_socket = \"127.0.0.1:{{get \"my/normal\"}}\";\ncount = {{get \"my/count\"}};\n"},
		{path: "/etc/rspamd/local.d/worker-controller.inc", text: "bind_socket = \"127.0.0.1:{{get \"my/controller\"}}\";\n"},
		{path: "/etc/rspamd/local.d/worker-proxy.inc", text: "enabled = false;\n"},
		{path: "/etc/rspamd/local.d/options.inc", text: "url_tld = \"{{path \"/tld\"}}\";\ndisable_hyperscan = true;\n"},
		{path: "/etc/rspamd/local.d/actions.conf", text: "reject = {{get \"my/reject\"}};\n"},
	})
	s.folders("_rspamd", "/run/rspamd", "/var/lib/rspamd", "/var/log/rspamd")
	s.write("/tld", "com\ntest\n") // rspamd compiles the whole list at its first start, which takes half a minute
	normal, controller := s.Port(), s.Port()
	address := fmt.Sprintf("127.0.0.1:%d", controller)
	s.Must("set", "my/count=1", "my/reject=15", fmt.Sprintf("my/normal=%d", normal), fmt.Sprintf("my/controller=%d", controller))
	s.Must("commit")
	s.daemon("/run/rspamd/rspamd.pid", address, "GET /ping HTTP/1.0\r\n\r\n", "pong", "rspamd", "-u", "_rspamd", "-g", "_rspamd",
		"-p", s.path("/run/rspamd/rspamd.pid"), "--var=LOCAL_CONFDIR="+s.path("/etc/rspamd"), "--var=DBDIR="+s.path("/var/lib/rspamd"),
		"--var=RUNDIR="+s.path("/run/rspamd"), "--var=LOGDIR="+s.path("/var/log/rspamd"), "-c", "/etc/rspamd/rspamd.conf")
	s.Expect(0, "Setting my/reject\nFile: /etc/rspamd/local.d/actions.conf\nReload: rspamd.service\n", "", "set", "my/reject=12.5")
	s.answers(address, "GET /actions HTTP/1.0\r\n\r\n", `"value":12.5`)
	s.Refused("rspamd refuses its new files: ", "set", "my/normal=x:y:z")
	s.answers(address, "GET /actions HTTP/1.0\r\n\r\n", `"value":12.5`)
}

func TestSpamAssassin(t *testing.T) {
	t.Parallel()
	s := newScene(t, "spamassassin", []template{
		{path: "/etc/spamassassin/local.cf", text: "required_score {{get \"my/score\"}}\nuse_bayes 0\n"},
		{path: "/etc/default/spamd", text: `OPTIONS="--listen=127.0.0.1 --port={{get "my/port"}} --local --max-children=1 --username=nobody --nouser-config --syslog={{path "/var/log/spamd.log"}}"` + "\n"},
	})
	s.folders("nobody", "/run", "/var/log")
	plugins, err := os.ReadFile("/etc/spamassassin/v320.pre") // it loads what checks a mail
	if err != nil {
		t.Fatal(err)
	}
	s.write("/etc/spamassassin/v320.pre", string(plugins))
	port := s.Port()
	address := fmt.Sprintf("127.0.0.1:%d", port)
	s.Must("set", "my/score=5", fmt.Sprintf("my/port=%d", port))
	s.Must("commit")
	s.daemon("/run/spamd.pid", address, "PING SPAMC/1.5\r\n\r\n", "PONG", "spamd", "--daemonize", "--pidfile="+s.path("/run/spamd.pid"),
		"--siteconfigpath="+s.path("/etc/spamassassin"), "--listen=127.0.0.1", fmt.Sprintf("--port=%d", port), "--local",
		"--max-children=1", "--username=nobody", "--nouser-config", "--syslog="+s.path("/var/log/spamd.log"))
	s.Expect(0, "Setting my/score\nFile: /etc/spamassassin/local.cf\nRestart: spamd.service\n", "", "set", "my/score=7.5")
	mail := "Subject: x\r\n\r\nhello\r\n"
	check := fmt.Sprintf("CHECK SPAMC/1.5\r\nContent-length: %d\r\n\r\n%s", len(mail), mail)
	s.answers(address, check, "/ 7.5")
	s.Refused("invalid 'required_score' value in /etc/spamassassin/local.cf (line 1)", "set", "my/score=high")
	s.answers(address, check, "/ 7.5")
}

func TestClamd(t *testing.T) {
	t.Parallel()
	s := newScene(t, "clamd", []template{{path: "/etc/clamav/clamd.conf", text: `LocalSocket {{path "/run/clamav/clamd.ctl"}}
PidFile {{path "/run/clamav/clamd.pid"}}
DatabaseDirectory {{path "/var/lib/clamav"}}
LogFile {{path "/var/log/clamd.log"}}
StreamMaxLength {{get "my/size"}}
`}})
	s.folders("root", "/run/clamav", "/var/lib/clamav", "/var/log")
	s.write("/var/lib/clamav/own.ndb", "Test.Own:0:*:"+hex.EncodeToString([]byte("this is no virus, but a test"))+"\n")
	socket := s.path("/run/clamav/clamd.ctl")
	s.Must("set", "my/size=1M")
	s.Must("commit")
	s.daemon("/run/clamav/clamd.pid", socket, "nPING\n", "PONG", "clamd", "--config-file="+s.path("/etc/clamav/clamd.conf"))
	former := s.pid("/run/clamav/clamd.pid")
	s.Expect(0, "Setting my/size\nFile: /etc/clamav/clamd.conf\nRestart: clamav-daemon.service\n", "", "set", "my/size=2M")
	if now := s.pid("/run/clamav/clamd.pid"); now == former || now == 0 {
		t.Errorf("clamd is process %d, was %d", now, former)
	}
	s.answers(socket, "nINSTREAM\n\x00\x00\x00\x1cthis is no virus, but a test\x00\x00\x00\x00", "Test.Own")
	s.Refused("Incorrect argument format for option StreamMaxLength", "set", "my/size=much")
	s.answers(socket, "nPING\n", "PONG")
}

func TestCyrus(t *testing.T) {
	t.Parallel()
	s := newScene(t, "cyrus", nil, "hostname=mail1", "domainname=example.test", "mail/mailbox/backend=cyrus", "mail/cyrus/idlemethod=poll")
	s.write("/etc/mailreg/templates/cyrus/imapd.conf/99-local.tmpl", "{{get \"my/option\"}}: {{get \"my/value\"}}\n")
	s.write("/etc/mailreg/templates/cyrus/cyrus.conf/30-services.tmpl", `SERVICES {
  sieve cmd="timsieved -C {{path "/etc/imapd.conf"}}" listen="127.0.0.1:{{get "my/port"}}" prefork=0
  imapadmin cmd="timsieved -C {{path "/etc/imapd.conf"}}" listen="{{path "/run/cyrus/socket/imap"}}" prefork=0
  sieveadmin cmd="timsieved -C {{path "/etc/imapd.conf"}}" listen="{{path "/run/cyrus/socket/sieve"}}" prefork=0
}
`) // imapd is in a package that excludes Dovecot's
	s.folders("cyrus", "/var/lib/cyrus/socket", "/var/lib/cyrus/log", "/var/lib/cyrus/db", "/var/lib/cyrus", "/var/spool/cyrus/mail",
		"/var/spool/cyrus", "/var/spool/sieve", "/run/cyrus/proc", "/run/cyrus/lock", "/run/cyrus/socket", "/run/cyrus", "/run")
	port := s.Port()
	address := fmt.Sprintf("127.0.0.1:%d", port)
	s.Must("set", "my/option=timeout", "my/value=40m", fmt.Sprintf("my/port=%d", port))
	s.Must("commit")
	s.daemon("/run/cyrus-master.pid", address, "", `"IMPLEMENTATION"`, "cyrmaster", "-d", "-C", s.path("/etc/imapd.conf"),
		"-M", s.path("/etc/cyrus.conf"), "-p", s.path("/run/cyrus-master.pid"))
	former := s.pid("/run/cyrus-master.pid")
	s.Expect(0, "Setting my/value\nFile: /etc/imapd.conf\nRestart: cyrus-imapd.service\n", "", "set", "my/value=50m")
	if now := s.pid("/run/cyrus-master.pid"); now == former || now == 0 {
		t.Errorf("Cyrus is process %d, was %d", now, former)
	}
	s.answers(address, "", `"IMPLEMENTATION"`)
	s.Refused("/etc/imapd.conf: unknown option tls_cert_file", "set", "my/option=tls_cert_file")
	s.Refused("unparsable duration 'soon' for timeout", "set", "my/value=soon")
}

// TestMissingPrograms proves that a check whose program is not there is left out, and says so.
func TestMissingPrograms(t *testing.T) {
	t.Parallel()
	s := newScene(t, "clamd", []template{{path: "/etc/clamav/clamd.conf", text: "MaxFileSize {{get \"my/size\"}}\n"}}, "my/size=1M")
	r := s.RunCommand("", hide(t, s.Command("set", "my/size=2M"), "clamconf", "clamd"))
	if r.Code != 0 || !strings.Contains(r.Stderr, "W: clamconf is not installed: the files of clamd were not checked") ||
		!strings.Contains(r.Stdout, "Skipped: clamav-daemon.service (not installed)") {
		t.Errorf("set: %s", r)
	}
}
