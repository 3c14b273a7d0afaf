#!/bin/bash
# One node of the cluster, as the command of a container. Further arguments go to `ray start`.
#
#   streamhub-node head      Ray's head, and StreamHub joined to it
#   streamhub-node worker    a node that carries hosts, at the head of RAY_HEAD (host:port); it is
#                            drained when it is asked to stop
#
# NODE_IP is this node's address among the others; without it, the container's first one.
set -euo pipefail

role=${1:?head or worker}
shift
read -r first _ <<<"$(hostname -I)"
node_ip=${NODE_IP:-$first}
if nofile=$(ulimit -Hn) && [ "$nofile" != unlimited ]; then
    ulimit -n "$nofile" # each socket is a file
fi

case $role in
head)
    # The password is only for Ray's own Redis client, which takes it in no other way.
    ray start --head --node-ip-address="$node_ip" --port=6379 --num-cpus=0 \
        --metrics-export-port=8090 --include-dashboard=false --disable-usage-stats \
        ${RAY_REDIS_PASSWORD:+"--redis-password=$RAY_REDIS_PASSWORD"} "$@"
    # When it ends, so does the container with its head: both are started again, and find theirs.
    exec streamhub up --ray-address "$node_ip:6379"
    ;;
worker)
    ray=
    # shellcheck disable=SC2317 # the trap calls it
    leave() {
        timeout 90 streamhub drain "$node_ip" || echo "not drained: clients find out by themselves" >&2
        kill -TERM "$ray" 2>/dev/null || true
    }
    trap leave TERM INT
    ray start --address="${RAY_HEAD:?host:port of the head}" --node-ip-address="$node_ip" \
        --resources='{"streamhub_host": 1}' --metrics-export-port=8090 --disable-usage-stats \
        --block "$@" &
    ray=$!
    status=0
    while kill -0 "$ray" 2>/dev/null; do # a trapped signal ends a wait early
        wait "$ray" && status=0 || status=$?
    done
    exit "$status"
    ;;
*)
    echo "streamhub-node: head or worker, not '$role'" >&2
    exit 2
    ;;
esac
