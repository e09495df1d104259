# Debian packages of the servers that the demo, and beside them the tests and benchmarks run against, on instances of their
# own; strace kills a command at a given step. Tests run afresh each time: go test does not know that they build programs.
DEMO = slapd ldap-utils dovecot-imapd dovecot-lmtpd dovecot-ldap dovecot-sieve dovecot-managesieved postfix postfix-ldap
SERVERS = $(DEMO) 389-ds-base cyrus-common rspamd nginx-light spamassassin spamd clamav-daemon samba-ad-dc samba-ad-provision fetchmail iproute2 python3 strace

.PHONY: build man test boot-test check soak lint bench demo servers

build: ; CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/...
man: ; go run -tags man ./cmd/mailreg build/man && go run -tags man ./cmd/mailreg-listener build/man
# With DIST=bookworm or DIST=trixie on the servers of that release, for whose C library the tests are not built.
test: servers ; $(if $(DIST),CGO_ENABLED=0) go test -count=1 -timeout 14m ./...
boot-test: ; tests/install.sh systemd-container mmdebstrap && tests/trees.sh bookworm-boot trixie-boot >/dev/null && go test -count=1 -timeout 5m -tags boot ./tests/boot
check: ; go test $$(go list ./... | grep -v '/mailreg/tests\(/\|$$\)')
soak: servers ; tests/soak.sh
lint: ; .ci/lint/run
bench: servers build/bench/consul-template ; go test -run '^$$' -bench . -timeout 14m ./...
demo: ; tests/install.sh $(DEMO) && go run ./tests/demo
servers: ; tests/install.sh $(SERVERS)

# The benchmarks compare with it; nothing else does.
build/bench/consul-template: ; GOBIN=$(CURDIR)/build/bench go install github.com/hashicorp/consul-template@v0.41.1
