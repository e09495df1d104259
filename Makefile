# Debian packages of the servers that the demo, and beside them the tests and benchmarks run against, on instances of their
# own; strace kills a command at a given step. Tests run afresh each time: go test does not know that they build programs.
DEMO = slapd ldap-utils dovecot-imapd dovecot-lmtpd dovecot-ldap dovecot-sieve dovecot-managesieved dovecot-pop3d postfix postfix-ldap
SERVERS = $(DEMO) 389-ds-base cyrus-common rspamd nginx-light spamassassin spamd clamav-daemon samba-ad-dc samba-ad-provision fetchmail sasl2-bin iproute2 python3 strace

# Neither the programs nor the tests hold C: they run on any release's C library, and are compiled once for both.
build test test-servers demo: export CGO_ENABLED = 0

# The tests wait for servers more than they compute, so there are more at once than processors, and the programs that they
# all run are built once.
# A tree is made before the time of a test begins.
GO_TEST = $(if $(DIST),tests/trees.sh $(DIST) >/dev/null &&) go build -buildvcs=false -o build/test/ ./cmd/... && MAILREG_TEST_BIN=$(CURDIR)/build/test go test -count=1 -timeout 14m -p 4
# Those that take longest, first, lest one of them runs alone at the end.
LONGEST = $(patsubst %,./tests/%,mailbox transfer live model settings account registry)
OTHER = $(if $(shell grep -s VERSION_CODENAME=trixie /etc/os-release),bookworm,trixie)
# Whatever starts a Dovecot, Postfix or Cyrus, but not what is about the listener or the command, or has hosts of both
# releases itself.
ABOUT_SERVERS = $(filter-out $(patsubst %,./tests/%/,audit bench cyrus daemon external faults harness notice transfer),\
	$(sort $(dir $(shell grep -rl --include='*_test.go' 'harness\.NewHost' ./tests))))

.PHONY: build man test test-servers boot-test check soak lint bench demo servers

build: ; go build -trimpath -o bin/ ./cmd/...
man: ; go run -tags man ./cmd/mailreg build/man && go run -tags man ./cmd/mailreg-listener build/man
# All tests, on the servers of the host or on those of DIST (bookworm, trixie). Without DIST, those that are about servers
# run a second time, on the other release.
test: servers
	$(GO_TEST) $(LONGEST) ./tests/... ./...
	$(if $(DIST),,$(MAKE) test-servers DIST=$(OTHER))
test-servers: servers ; $(GO_TEST) $(filter $(ABOUT_SERVERS),$(LONGEST:=/)) $(ABOUT_SERVERS)
boot-test: ; tests/install.sh systemd-container mmdebstrap && tests/trees.sh bookworm-boot trixie-boot >/dev/null && go test -count=1 -timeout 5m -tags boot ./tests/boot
check: ; go test $$(go list ./... | grep -v '/mailreg/tests\(/\|$$\)')
soak: servers ; tests/soak.sh
lint: ; .ci/lint/run
bench: servers build/bench/consul-template ; go test -run '^$$' -bench . -timeout 14m ./...
demo: ; tests/install.sh $(DEMO) && go run ./tests/demo
servers: ; tests/install.sh $(SERVERS)

# The benchmarks compare with it; nothing else does.
build/bench/consul-template: ; GOBIN=$(CURDIR)/build/bench go install github.com/hashicorp/consul-template@v0.41.1
