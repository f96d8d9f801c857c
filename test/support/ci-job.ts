/**
 * deploy/ci as jobs run it: steps of the action and of the GitLab file, by bash, with evio from the packed tarball, in a root
 * without /dev/net/tun and without any capability.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunResult } from '../../src/lab/exec.js';
import type { LabHost } from '../../src/lab/site.js';

export interface Action {
  readonly inputs: Readonly<Record<string, { readonly default?: string }>>;
  readonly runs: {
    readonly steps: readonly { readonly run: string; readonly env: Readonly<Record<string, string>> }[];
  };
}

export interface Job {
  readonly before_script: readonly string[];
  readonly after_script: readonly string[];
}

export class CiMachine {
  readonly #host: LabHost;
  readonly #folder: string;
  #steps = 0;

  /** @param program `bin/run.js` of the package that was packed; no registry is reached, so npx finds that */
  constructor(host: LabHost, folder: string, program: string) {
    this.#host = host;
    this.#folder = folder;
    mkdirSync(join(folder, 'bin'), { recursive: true });
    const npx = join(folder, 'bin/npx');
    writeFileSync(
      npx,
      `#!/bin/sh\n[ "$1" = --yes ] || exit 64\ncase $2 in evio|evio@*) ;; *) exit 64;; esac\nshift 2\nexec "${process.execPath}" "${program}" "$@"\n`,
    );
    chmodSync(npx, 0o755);
  }

  /** Runs a step as GitHub's runner runs one. */
  bash(script: string, env: Readonly<Record<string, string>>): Promise<RunResult> {
    const inside = `mount -t tmpfs none /dev/net && [ ! -e /dev/net/tun ] && exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs bash --noprofile --norc -eo pipefail "$0"`;
    const file = join(this.#folder, `step-${++this.#steps}.sh`);
    writeFileSync(file, script);
    return this.#host.run(['unshare', '-m', 'sh', '-ec', inside, file], {
      env: { PATH: `${join(this.#folder, 'bin')}:${process.env['PATH'] ?? ''}`, ...env },
      timeoutMs: 90_000,
      allowFailure: true,
    });
  }
}
