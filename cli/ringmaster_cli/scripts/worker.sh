#!/usr/bin/env bash
# A Ringmaster worker as a script: the loop of `ringmaster worker run`, step by step, for you to shape.
# It needs the same environment: RINGMASTER_URL, RINGMASTER_TOKEN_FILE, RINGMASTER_WORKER, RINGMASTER_SESSION,
# RINGMASTER_HOME. With --once it works on one bead at most.
#
# What run-agent starts for this profile (a Worker's model, command and args are added):
#   @COMMAND@
set -uo pipefail # not -e: every exit code is looked at (`ringmaster exit-codes` lists them)

profile=@PROFILE@
once=0
[ "${1:-}" = --once ] && once=1
wait=60
[ "$once" = 1 ] && wait=0
prompt=$(mktemp)
trap 'rm -f "$prompt"' EXIT

# A signal goes to the step that runs, which saves its work and gives the bead back.
stopping=0
child=
trap 'stopping=1; [ -n "$child" ] && kill -TERM "$child" 2>/dev/null' TERM INT HUP
step() {
    local code
    "$@" &
    child=$!
    wait "$child"
    code=$?
    while kill -0 "$child" 2>/dev/null; do # the wait was cut short by a signal
        wait "$child"
        code=$?
    done
    child=
    return "$code"
}

pause=1
rest() {
    step sleep "$pause"
    pause=$((pause < 16 ? pause * 2 : 30))
}

worked=0
while [ "$stopping" = 0 ]; do
    # Sends what is undelivered, goes on with a bead that is held, else claims one.
    step ringmaster pull-bead --wait "$wait"
    code=$?
    case $code in
    0) worked=1 ;;
    3) # nothing to do; the operator has held the call for as long as it may
        if [ "$once" = 1 ]; then
            [ "$worked" = 1 ] && exit 0
            exit 3
        fi
        continue
        ;;
    5) continue ;;
    6)
        [ "$once" = 1 ] && exit 6
        rest
        continue
        ;;
    7) exit 0 ;;
    *) exit "$code" ;;
    esac
    pause=1

    step ringmaster build-prompt --output "$prompt" &&
        step ringmaster run-agent --profile "$profile" --prompt "$prompt"
    case $? in
    0 | 8) # a verdict, or why the work could not start: both are waiting to be reported
        answer=$(ringmaster report-result --json)
        code=$?
        printf '%s\n' "$answer"
        if [ "$once" = 1 ] && ! printf '%s' "$answer" | grep -q '"next": "iterate"'; then
            exit "$code"
        fi
        ;;
    5 | 6) ;;
    7) [ "$once" = 1 ] && exit 0 ;;
    *) step ringmaster release --reason "a step failed" ;;
    esac
done
ringmaster release --reason "the script was asked to stop" 2>/dev/null
exit 0
