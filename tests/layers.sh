#!/bin/sh
# Prove from the #include lines which way dependencies point (docs/architecture.md).
#
# A room may include its own headers and those of the rooms in its row; a third party's header may
# be included by the files in its row alone. Tests and benchmarks may look at everything.
set -eu
cd "$(dirname "$0")/.."

find engine server cli -name '*.[ch]' | sort | xargs awk '
BEGIN {
    # room: rooms it may include. "engine" is what lies directly in engine/: the door, the model.
    allow["base"]       = ""
    allow["math"]       = "base"
    allow["activation"] = "base math"
    allow["graph"]      = "base math activation ops"
    allow["ops"]        = "base math activation graph"
    allow["io"]         = "base math activation graph ops"
    allow["engine"]     = "base math activation graph ops io"
    allow["train"]      = "base math activation graph ops io engine"
    allow["server"]     = "axon.h"
    allow["cli"]        = "axon.h ../server/server.h"

    # third party: the only files that may name it
    only["microhttpd.h"] = "server/http.c"
    only["sqlite3.h"]    = "server/store.c"
    only["cblas.h"]      = "engine/math/gemm.c"
    only["png.h"]        = "engine/io/image.c"
    only["jpeglib.h"]    = "engine/io/image.c"
}

function room_of(file,   part, n) {
    n = split(file, part, "/")
    return part[1] == "engine" && n > 2 ? part[2] : part[1]
}

function has(list, word) {
    return index(" " list " ", " " word " ") > 0
}

function complain(why) {
    print FILENAME ":" FNR ": " why
    bad++
}

/^[ \t]*#[ \t]*include[ \t]*</ {
    match($0, /<[^>]*>/)
    header = substr($0, RSTART + 1, RLENGTH - 2)
    if (header in only && !has(only[header], FILENAME))
        complain("<" header "> belongs behind one door: " only[header])
    seen++
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
    match($0, /"[^"]*"/)
    header = substr($0, RSTART + 1, RLENGTH - 2)
    room = room_of(FILENAME)
    target = header
    # a name without folder lies beside the file, or directly in engine/
    if (header !~ /\//)
        target = header == "axon.h" || header == "model.h" ? "engine" : room
    else if (header !~ /^\.\./)
        target = room_of("engine/" header)
    seen++
    if (!(room in allow))
        complain("the room " room " is not in tests/layers.sh")
    else if (target != room && !has(allow[room], target) && !has(allow[room], header))
        complain(room " includes \"" header "\", but may only see: " room " " allow[room])
}

END {
    if (seen < 100)
        complain("only " seen + 0 " #include lines found: the check itself is broken")
    print bad ? bad " includes point the wrong way" : seen " includes, all downwards"
    exit bad > 0
}'
