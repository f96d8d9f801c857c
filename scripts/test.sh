#!/usr/bin/env bash
# Every check of the project, then one line: N passed, N failed, N skipped. Type-check and lint count as one
# test each. The lab, CNI and Kubernetes need root: without it, they are skipped, unless CI=true, where everything must run.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

passed=0 failed=0 skipped=0
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT

heading() { printf '\n== %s\n' "$1"; }

# Checks that need no clock run side by side: begun here, judged by `ended`.
begin() { # name command...
  local name=$1
  shift
  "$@" >"$reports/$name.txt" 2>&1 &
  printf -v "pid_$name" %s $!
}

ended() { # name
  local pid=pid_$1 status=0
  wait "${!pid}" || status=$?
  heading "$1"
  cat "$reports/$1.txt"
  if [ "$status" -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)) && echo "failed: $1" >>"$reports/remarks"; fi
}

# Numbers of a vitest JSON report: passed failed skipped. A file that could not be loaded is one failure; so is
# a run that ended badly though no test failed (an error outside any test, a crash). What failed, and what passed at
# the second try only, is remarked with its reason.
count() { # report status
  node -e '
    const { appendFileSync, readFileSync } = require("node:fs");
    const { relative } = require("node:path");
    const [path, status, remarks] = process.argv.slice(1);
    let passed = 0, failed = 0, skipped = 0;
    const remark = (what, file, name, reasons) => {
      const [reason = ""] = (reasons[0] ?? "").split("\n");
      appendFileSync(remarks, `${what}: ${relative(process.cwd(), file)} > ${name}: ${reason}\n`);
    };
    try {
      const report = JSON.parse(readFileSync(path, "utf8"));
      for (const file of report.testResults) {
        const results = file.assertionResults;
        for (const { status, fullName, failureMessages = [] } of results) {
          if (status === "passed") passed++;
          else if (status === "failed") failed++;
          else skipped++;
          if (status === "failed") remark("failed", file.name, fullName, failureMessages);
          if (status === "passed" && failureMessages.length > 0)
            remark("passed at the second try", file.name, fullName, failureMessages);
        }
        if (file.status === "failed" && !results.some((r) => r.status === "failed")) {
          failed++;
          remark("failed", file.name, "the file itself", [file.message ?? ""]);
        }
      }
    } catch { failed++; }
    if (status !== "0" && failed === 0) failed++;
    console.log(passed, failed, skipped);' "$@"
}

project() { # name
  heading "$1 tests"
  local status=0 p f s
  npx vitest run --project "$1" --reporter=default --reporter=json --outputFile.json="$reports/$1.json" || status=$?
  read -r p f s < <(count "$reports/$1.json" "$status" "$reports/remarks")
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

begin types npm run --silent typecheck
begin lint npm run --silent lint
ended types
ended lint
project unit
if [ "$(id -u)" = 0 ] || [ "${CI:-}" = true ]; then
  project lab-beside
  project lab
  # Both say so, and skip, where Go is missing, or what else they need. Kubernetes is last, since it is built first where it is
  # not in the cache yet: ten minutes and more of both cores.
  project cni
  project kubernetes
else
  heading 'lab tests'
  echo 'SKIPPED: the network lab needs root. Run them with: sudo npm run test:lab'
  n=$(npx vitest list --project 'lab*' --project cni --project kubernetes --json 2>/dev/null | node -e '
    let text = "";
    process.stdin.on("data", (d) => (text += d)).on("end", () => {
      try { console.log(JSON.parse(text).length); } catch { console.log(1); }
    });')
  skipped=$((skipped + n))
fi

[ -e "$reports/remarks" ] && heading 'remarks' && cat "$reports/remarks"
printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
