#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Real servers under load: same answers, same exit status.

load ../test_helper
load torture

# Two runs of these tests may happen at the same time.
port=$((20000 + $$ % 10000))

# until_answers COMMAND...: the server is there.
until_answers() {
	wait_until eval "$* >/dev/null 2>&1"
}

redis_story() {
	serve redis-server --port 0 --unixsocket "$PWD/s" --dir "$PWD" --save '' --io-threads 2 >log &
	local pid=$!

	until_answers redis-cli -s s ping
	redis-benchmark -s s -q -n "$(load_of 5000 200000)" -r 1000 -d 300 -P 8 -t set,get,lpush,hset,sadd >bench ||
		cat bench
	redis-cli -s s eval 'for i = 1, 1000 do redis.call("set", "k" .. i, string.rep("x", i)) end return redis.call("strlen", "k777")' 0
	redis-cli -s s bgsave # a fork while it works
	redis-benchmark -s s -q -n 2000 -t set >bench
	wait_until eval 'redis-cli -s s info persistence | grep -q rdb_bgsave_in_progress:0'
	redis-cli -s s info persistence | grep rdb_last_bgsave_status
	redis-cli -s s get k10
	redis-cli -s s shutdown nosave
	wait $pid
}

@test "redis-server, with redis-benchmark and a background save" {
	need redis-server redis-benchmark
	same redis_story
}

memcached_story() {
	serve "$(command -v memcached)" -u root -s "$PWD/s" -t 4 -m 64 &
	local pid=$!

	wait_until [ -S s ]
	python3 -c '
import socket, threading
def client(n):
    s = socket.socket(socket.AF_UNIX); s.connect("s"); f = s.makefile("rwb")
    for i in range('"$(load_of 500 10000)"'):
        value = b"x" * (i * n % 3000)
        f.write(b"set k%d_%d 0 0 %d\r\n%s\r\n" % (n, i, len(value), value)); f.flush()
        assert f.readline() == b"STORED\r\n"
        f.write(b"get k%d_%d\r\n" % (n, i)); f.flush()
        head = f.readline()
        if head != b"END\r\n":
            assert f.read(len(value) + 2)[:-2] == value and f.readline() == b"END\r\n"
threads = [threading.Thread(target=client, args=(n,)) for n in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]; print("done")
'
	kill -TERM $pid
	wait $pid
}

@test "memcached, with eight clients" {
	need memcached python3
	same memcached_story
}

nginx_story() {
	mkdir -p www/d logs
	chmod -R a+rX .
	seq 20000 >www/numbers
	seq 3 >www/small
	cat >conf <<END
daemon off; worker_processes 2; pid $PWD/pid; error_log $PWD/errors error;
user root; events { worker_connections 256; }
http {
	access_log off; gzip on; gzip_types *; gzip_min_length 1;
	client_body_temp_path $PWD/b; proxy_temp_path $PWD/p; fastcgi_temp_path $PWD/f;
	uwsgi_temp_path $PWD/u; scgi_temp_path $PWD/c;
	server { listen unix:$PWD/s; root $PWD/www; location /proxy/ { proxy_pass http://unix:$PWD/s:/; } }
	server { listen 127.0.0.1:$port; root $PWD/www; }
}
END
	serve "$(command -v nginx || echo /usr/sbin/nginx)" -p "$PWD" -c "$PWD/conf" &
	local pid=$!

	until_answers curl -sf --unix-socket s http://x/small
	curl -s --compressed --unix-socket s http://x/numbers | md5sum
	curl -s --unix-socket s http://x/proxy/numbers | md5sum
	curl -s --unix-socket s -o /dev/null -w '%{http_code}\n' http://x/nothing
	wrk -t2 -c20 -d"$(load_of 1 10)"s http://127.0.0.1:$port/small |
		grep -cE 'Socket errors|Non-2xx' || true
	kill -HUP "$(cat pid)" # new workers
	curl -s --unix-socket s http://x/small
	kill -QUIT "$(cat pid)"
	wait $pid
}

@test "nginx, with wrk" {
	need /usr/sbin/nginx wrk curl
	same nginx_story
}

postgres_story() {
	local bin
	bin=$(dirname "$(ls /usr/lib/postgresql/*/bin/postgres | tail -1)")

	as_postgres() {
		profiled setpriv --reuid=postgres --regid=postgres --clear-groups \
			env PATH="$bin:$PATH" HOME="$home" "$@"
	}
	rm -rf "$home"
	install -d -o postgres -m 700 "$home"
	cd "$home"
	as_postgres initdb -D d --no-sync -A trust >log 2>&1 || { cat log; return 1; }
	as_postgres pg_ctl -D d -s -w -l serverlog -o "-k $home -c listen_addresses= -c fsync=off -c jit=on" start || {
		cat serverlog
		return 1
	}
	as_postgres pgbench -h "$home" -i -q -s 1 postgres >log 2>&1 || cat log
	as_postgres pgbench -h "$home" -c 4 -j 2 -t "$(load_of 30 2000)" postgres 2>&1 |
		grep -E 'number of (transactions actually|failed)'
	as_postgres psql -h "$home" -At postgres -c 'select count(*), sum(aid) from pgbench_accounts' \
		-c 'set jit_above_cost = 0; select avg(aid * 2), max(abalance) < 1e9 from pgbench_accounts group by aid % 3 order by 1' \
		-c 'set max_parallel_workers_per_gather = 2; set parallel_setup_cost = 0; select count(distinct a.bid) from pgbench_accounts a' \
		-c 'select * from nowhere' 2>&1
	as_postgres pg_ctl -D d -s -w -m fast stop
}

@test "postgres, with pgbench, parallel queries and its JIT" {
	need_root
	need pgbench setpriv
	local home

	home=$(mktemp -d -u /tmp/torture-pg.XXXXXX)
	chmod 777 "$HEAPTIDE_DIR"
	run same postgres_story
	rm -rf "$home"
	expect_status 0
}

sshd_story() {
	local ssh="ssh -F none -i $PWD/key -p $port -o StrictHostKeyChecking=no -o UserKnownHostsFile=$PWD/known -o LogLevel=ERROR root@127.0.0.1"

	ssh-keygen -q -t ed25519 -N '' -f key
	ssh-keygen -q -t ed25519 -N '' -f host
	cp key.pub authorized
	mkdir -p /run/sshd
	serve /usr/sbin/sshd -D -e -f /dev/null -p $port -h "$PWD/host" -o AuthorizedKeysFile="$PWD/authorized" \
		-o PermitRootLogin=yes -o StrictModes=no -o UsePAM=no -o PidFile=none 2>log &
	local pid=$!

	wait_until eval 'grep -q "Server listening on 0.0.0.0" log'
	for _ in 1 2 3; do
		$ssh 'echo hello; exit 3'
		echo $?
	done
	head -c 300000 /dev/zero | $ssh 'md5sum; env | grep -c PRELOAD'
	kill -TERM $pid
	wait $pid
	sed -n 's/.*\(Connection closed\|fatal\|error\).*/\1/p' log
}

@test "sshd on loopback, whose children live under a strict seccomp filter" {
	need_root
	need /usr/sbin/sshd ssh ssh-keygen
	same sshd_story
}
