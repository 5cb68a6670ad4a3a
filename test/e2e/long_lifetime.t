#!/bin/bash
# A router that forgets after a minute: silences of 58, 298 and 118 s, eight minutes in all.
FORGETS=60 FOUND=58 EVERY=34800 exec "$(dirname "$0")/../nat/lifetime.t"
