#!/usr/bin/env bash
# A picture of what a terminal shows, for docs/pictures: reads it with its colours, as `tmux capture-pane -e -p` prints it.
#   tmux capture-pane -e -p -t PANE | scripts/pictures/terminal.sh docs/pictures/NAME.png WIDTH HEIGHT
# Needs Debian's aha and chromium. Look at the picture before it goes into the docs.
set -euo pipefail
out=$(readlink -f "$1") width=$2 height=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
{
  cat <<'P'
<!doctype html><meta charset="utf-8"><style>
body { margin: 0; background: #11141a; color: #d7dae0 }
pre { margin: 14px 18px; font: 15px/1.25 "DejaVu Sans Mono", monospace }
</style><pre>
P
  # No empty end, and colours that can be read on dark.
  sed -e :a -e '/^[[:space:]]*$/{$d;N;ba' -e '}' | aha --no-header |
    sed 's/color:green/color:#4fc47f/g; s/color:olive/color:#e0a458/g; s/color:teal/color:#56b6c2/g; s/color:red/color:#e5534b/g'
  echo '</pre>'
} >"$folder/page.html"
chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars --window-size="$width,$height" \
  --screenshot="$out" "file://$folder/page.html" 2>/dev/null
