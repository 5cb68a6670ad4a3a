#!/bin/bash
# Ten minutes of roam.t.
export ROUNDS=300
# shellcheck source=test/e2e/roam.t
. "$(dirname "$0")/roam.t"
