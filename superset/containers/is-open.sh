#!/usr/bin/env bash
# Checks whether a program listens at a port of this container.
exec 3<>"/dev/tcp/127.0.0.1/$1"
