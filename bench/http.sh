#!/bin/sh
# The HTTP path under load (Debian: wrk), beside a bare libmicrohttpd handler that ignores the same
# body, in turns.
#   bench/http.sh [ROUNDS]                 /predict of fashion-mlp at 16 connections, ratio to bare
#   bench/http.sh sweep                    1 to 1000 connections: no stall, no error
#   bench/http.sh soak [REQUESTS]          memory of the server before and after (1,000,000)
#   bench/http.sh jobs                     p99 of /predict with nothing else to do, and while two
#                                          trainings run (Debian: dataset-fashion-mnist)
# Needs build/axond, build/bench/http_bare and models/fashion-mlp.safetensors.
set -eu
command -v wrk >/dev/null || ./deps.sh wrk
dir=$(mktemp -d)
port=18471 bare=18472
trap 'kill $server $ceiling 2>/dev/null; rm -rf "$dir"' EXIT

# 784 pixels between 0 and 255 with four decimals, as a web app would send them
awk 'BEGIN {srand(7); printf "{\"inputs\":[["; for (i = 0; i < 784; i++) printf "%s%.4f", i ? "," : "", rand() * 255; print "]]}"}' \
    >"$dir/body.json"
cat >"$dir/post.lua" <<LUA
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = io.open("$dir/body.json"):read("*a")
local bad = 0
response = function(status) if status ~= 200 then bad = bad + 1 end end
LUA

mkdir "$dir/models"
cp models/fashion-mlp.safetensors "$dir/models"
build/axond serve --listen 127.0.0.1:$port --models "$dir/models" --state "$dir/state" --max-jobs 2 --max-connections 4096 --log-level warn 2>"$dir/log" &
server=$!
build/bench/http_bare $bare >/dev/null 2>&1 &
ceiling=$!
until curl -sf "http://127.0.0.1:$port/health" >/dev/null; do sleep 0.05; done

load() { wrk -t1 -c"$2" -d"$3" --latency -s "$dir/post.lua" "http://127.0.0.1:$1/predict"; }
rate() { awk '/Requests\/sec/ {print $2}'; }
rss() { awk '/VmRSS/ {print $2}' "/proc/$server/status"; }

case "${1:-3}" in
sweep)
    for c in 1 16 64 128 200 256 1000; do
        load $port $c 3s | awk -v c=$c '/Requests\/sec/ {r = $2} /50%/ {p50 = $2} /99%/ {p99 = $2}
            /Socket errors|Non-2xx/ {e = e " " $0}
            END {printf "%5d connections %9.0f requests/s  p50 %s  p99 %s %s\n", c, r, p50, p99, e ? e : "no errors"}'
    done
    ;;
jobs)
    p99() { load $port "$1" 10s | awk '/99%/ {v = $2; u = v; sub(/[0-9.]+/, "", u); sub(/[a-z]+/, "", v)
        print v * (u == "us" ? 0.001 : u == "s" ? 1000 : 1)} /Socket errors|Non-2xx/ {print "error: " $0 >"/dev/stderr"}'; }
    idle1=$(p99 1) idle16=$(p99 16)
    for i in 1 2; do
        curl -sf -d @models/fashion-cnn.train.json "http://127.0.0.1:$port/train" >/dev/null
    done
    until curl -s "http://127.0.0.1:$port/jobs?state=running" | grep -o '"step":[1-9][0-9]*' | awk 'END {exit NR < 2}'; do sleep 0.2; done
    echo "1 16" | awk -v a="$idle1" -v b="$idle16" -v c="$(p99 1)" -v d="$(p99 16)" '{
        printf " 1 connection   p99 idle %.3f ms, with two trainings %.3f ms: %.1f times\n", a, c, c / a
        printf "16 connections  p99 idle %.3f ms, with two trainings %.3f ms: %.1f times\n", b, d, d / b}'
    curl -s "http://127.0.0.1:$port/jobs?state=running" | grep -o '"samples_per_second":[0-9]*'
    ;;
soak)
    total=${2:-1000000} done=0
    load $port 64 5s >/dev/null
    before=$(rss)
    while [ $done -lt "$total" ]; do
        n=$(load $port 64 10s | awk '/requests in/ {print $1}')
        done=$((done + n))
        echo "$done requests, $(rss) KiB resident"
    done
    echo "resident before $before KiB, after $(rss) KiB, $done requests"
    ;;
*)
    i=0
    while [ $i -lt "${1:-3}" ]; do
        a=$(load $port 16 3s | rate)
        b=$(load $bare 16 3s | rate)
        echo "$a $b" | awk '{printf "axond %.0f  bare %.0f  ratio %.3f\n", $1, $2, $1 / $2}' | tee -a "$dir/ratios"
        i=$((i + 1))
    done
    awk '{print $6}' "$dir/ratios" | sort -n | awk '{v[NR] = $1} END {print "median ratio", v[int((NR + 1) / 2)]}'
    ;;
esac
