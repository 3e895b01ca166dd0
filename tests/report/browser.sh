#!/bin/sh
# Fetches what the browser tests of the report need: Chromium, playwright and axe-core.
# Run it from the checkout after the README's second command. Debian and Ubuntu get Chromium from
# apt; elsewhere playwright downloads one of its own.
set -eu
.venv/bin/pip install -q -c constraints.txt -e '.[browser]'
if ! command -v chromium-headless-shell chromium google-chrome >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    apt-get install -qq -y --no-install-recommends chromium-headless-shell
  else
    .venv/bin/playwright install --only-shell chromium
  fi
fi
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
(cd "$work" && npm pack --silent axe-core@4.14.1 >/dev/null && tar xzf axe-core-*.tgz)
mkdir -p .venv/share
cp "$work/package/axe.min.js" .venv/share/axe.min.js
echo "ready: .venv/bin/python -m pytest -m a11y tests/report"
