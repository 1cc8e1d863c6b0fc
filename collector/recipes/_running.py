"""Shell that lets a recorder run until a signal or its own end, and never leaves it behind."""

FUNCTIONS = """\
# Signals end the recorder, which is given the time to write what it has; then comes what is to be
# done at the end. (A shell that dies of a signal does not do that, and one that waits for a
# program in the foreground hears of no signal before the program is done.)
recorder=
ended=
end() {
    ended=1
    [ -z "$recorder" ] || kill -INT "$recorder" 2>/dev/null || true
}
trap end INT TERM HUP
run() {
    [ -z "$ended" ] || return 1
    exec 3<&0
    # A terminal that goes away signals the recorder too, which would die of it.
    ([ -n "$has_command" ] || trap '' HUP; exec "$@" <&3 3<&-) &
    recorder=$!
    [ -z "$ended" ] || end
    status=0
    wait "$recorder" || status=$?
    while kill -0 "$recorder" 2>/dev/null; do
        status=0
        wait "$recorder" || status=$?
    done
    # What is reported of an interrupted wait is the signal that we asked for.
    [ -z "$ended" ] || [ $status -le 128 ] || status=0
    recorder=
    return $status
}
"""
