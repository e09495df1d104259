# Debian packages of the servers that tests, benchmarks and the demo run against, on instances of their own; strace kills
# a command at a given step.
SERVERS = slapd ldap-utils dovecot-imapd dovecot-lmtpd dovecot-ldap postfix postfix-ldap strace

.PHONY: build test check lint bench demo servers

build: ; CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/...
test: servers ; go test -timeout 14m ./...
check: ; go test $$(go list ./... | grep -v '/mailreg/tests\(/\|$$\)')
lint: ; .ci/lint/run
bench: servers ; go test -run '^$$' -bench . -timeout 14m ./...
demo: servers ; go run ./tests/demo
servers: ; tests/install.sh $(SERVERS)
