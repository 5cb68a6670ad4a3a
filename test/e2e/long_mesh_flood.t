#!/bin/bash
# The flood of mesh_flood.t for half a minute.
export FLOOD_SECONDS=30
exec bash "$(dirname "$0")/mesh_flood.t"
