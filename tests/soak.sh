#!/bin/sh
# Runs what finds more the longer it runs: random stories against models, fuzzed formats and decoders, and a listener that
# is killed again and again; then writers side by side, and a command that is broken at every step. It takes the better part
# of an hour on two cores.
set -eu

echo "== random stories"
for package in $(grep -rl --include='*_test.go' 'pgregory.net/rapid' . | xargs -n 1 dirname | sort -u); do
	case $package in
	./tests/*) checks=60 ;; # on real servers, six times over
	*) checks=300 ;;
	esac
	go test -count=1 -timeout 20m "$package" -rapid.checks=$checks
done

echo "== fuzzing"
# By count, not by time: go test calls it a failure when the time is up in the wrong moment.
for package in $(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u); do
	for target in $(go test "$package" -list '^Fuzz' | grep '^Fuzz'); do
		go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime 200000x -fuzzminimizetime 10x
	done
done

echo "== crashes"
go test -count=1 -timeout 30m ./tests/faults -run '^TestCrash$' -crash.runs 24

echo "== a listener that dies, a disk that breaks, connections that end, large groups"
go test -count=1 -timeout 30m ./tests/model -run '^(TestKilledAtEveryPoint|TestDisk|TestLeaks)$' -points.all -disk.stride 2 -leak.reconnects 5000
go test -count=1 -timeout 30m ./tests/store -run '^TestBroken$' -store.every
go test -count=1 -timeout 30m ./tests/model -run '^(TestLargeGroup|TestOneBusyEntry|TestWriters)$' -scale.members 50000 -scale.writes 1000

echo "== renames and swaps under load"
go test -count=1 -timeout 30m ./tests/live -run '^Test(Rename|Swap)UnderLoad$' -live.rounds 20 -live.stride 1

echo "== mail moves to another home server under load, and while servers die"
go test -count=1 -timeout 30m ./tests/transfer -run '^(TestUnderLoad|TestKilled|TestCyrus)$' -transfer.all -transfer.cyrus 2000 -transfer.messages 10000 -transfer.rounds 12
go test -count=1 -timeout 30m ./tests/transfer -run '^TestDrain$' -transfer.drains 10

echo "== a Cyrus that refuses, ends sessions, hangs, and a daemon that is killed, at every step"
go test -count=1 -timeout 90m ./tests/cyrus -run '^TestBroken$' -cyrus.every

echo "== a slow handler with much before it"
go test -count=1 -timeout 30m ./listener -run '^TestSlowHandler$' -backlog 100000

echo "== parallel writers, and faults at every step"
go test -count=1 -timeout 30m ./registry -run '^TestParallelWriters$' -parallel.rounds 100
go test -count=1 -timeout 30m ./tests/settings -run '^TestFaults$' -faults.all

echo "== hostile texts in the directory"
go test -count=1 -timeout 20m ./tests/hostile -hostile.all
