#!/usr/bin/env bash
# Whether something listens at a port of this container.
exec 3<>"/dev/tcp/127.0.0.1/$1"
