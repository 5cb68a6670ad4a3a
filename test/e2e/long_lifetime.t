#!/bin/bash
# A router that forgets after a minute: five minutes of measuring.
FORGETS=60 FOUND=58 EVERY=34800 exec "$(dirname "$0")/../nat/lifetime.t"
